//! What can go wrong with the scraper and with a fetch.

use champion_lake::{LakeError, LakeErrorKind};
use champion_retry::{GiveUp, Rejected};
use champion_service::{ErrorKind, ServeError};
use thiserror::Error;

use crate::Source;

/// A scraper that cannot start or go on.
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
    /// The HTTP client cannot be built.
    #[error("cannot build the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// A fetch without an answer. What the exchange says, even "no", is an answer and not an error.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// No way to the host is configured.
    #[error(
        "no source for {host}: set source.mirror or source.base_urls, or allow requests to the exchange with source.allow_network"
    )]
    NoSource {
        /// The host.
        host: &'static str,
    },
    /// The exchange could not be reached.
    #[error("{source_name} gave no answer after {attempts} attempts ({gave_up}): {reason}")]
    Unreachable {
        /// Whom we asked.
        source_name: Source,
        /// Attempts made.
        attempts: u32,
        /// Why there is no further one.
        gave_up: GiveUp,
        /// What the last attempt brought.
        reason: String,
    },
    /// The circuit breaker lets no call through.
    #[error("{source_name}: {rejected}")]
    BreakerOpen {
        /// Whom we would ask.
        source_name: Source,
        /// What the breaker says.
        rejected: Rejected,
    },
    /// The time allowed ended before the exchange was asked.
    #[error("the deadline ended while waiting for {waiting_for}")]
    Deadline {
        /// What the fetch waited for.
        waiting_for: &'static str,
    },
    /// The raw store failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A defect: a worker thread panicked.
    #[error("the inspection of the file broke off: {0}")]
    Inspection(#[from] tokio::task::JoinError),
}

impl FetchError {
    /// Returns what the error means to the caller.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::NoSource { .. } => ErrorKind::Precondition,
            Self::Unreachable { .. } | Self::BreakerOpen { .. } => ErrorKind::Unavailable,
            Self::Deadline { .. } => ErrorKind::Deadline,
            Self::Lake(error) => match error.kind() {
                LakeErrorKind::Invalid => ErrorKind::Internal,
                LakeErrorKind::NotFound => ErrorKind::NotFound,
                LakeErrorKind::Corrupt => ErrorKind::Corrupt,
                LakeErrorKind::Unavailable => ErrorKind::Unavailable,
                LakeErrorKind::Superseded => ErrorKind::Precondition,
            },
            Self::Inspection(_) => ErrorKind::Internal,
        }
    }
}
