//! What can go wrong with the parser and with a parse.

use arrow::error::ArrowError;
use champion_lake::{LakeError, LakeErrorKind};
use champion_service::{ErrorKind, ServeError};
use thiserror::Error;

/// A parser that cannot start or go on.
#[derive(Debug, Error)]
pub enum Error {
    /// A value of the configuration makes no sense.
    #[error("invalid configuration: {key}: {reason}")]
    Config {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// The lake cannot be opened.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The metrics cannot be registered.
    #[error("cannot register the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// A parse without an answer. A file that is refused as a whole is an answer and not an error.
#[derive(Debug, Error)]
pub enum ParseError {
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The lake failed, or its bytes are not those that are named.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A defect: a table cannot be written as Arrow IPC.
    #[error("cannot encode {table}: {source}")]
    Encode {
        /// The table.
        table: champion_market_data::Table,
        /// Arrow's error.
        source: ArrowError,
    },
    /// A defect: the worker panicked.
    #[error("decoding broke off: {0}")]
    Worker(#[from] tokio::task::JoinError),
}

impl ParseError {
    /// Returns what the error means to the caller.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Lake(error) => match error.kind() {
                LakeErrorKind::Invalid => ErrorKind::Internal,
                LakeErrorKind::NotFound => ErrorKind::NotFound,
                LakeErrorKind::Corrupt => ErrorKind::Corrupt,
                LakeErrorKind::Unavailable => ErrorKind::Unavailable,
                LakeErrorKind::Superseded => ErrorKind::Precondition,
            },
            Self::Encode { .. } | Self::Worker(_) => ErrorKind::Internal,
        }
    }
}
