//! What can go wrong with a write, and what it means to the caller.

use champion_lake::{LakeError, LakeErrorKind};
use champion_market_data::{Exchange, Sha256, Table, TradeDate};
use champion_service::ErrorKind;
use parquet::errors::ParquetError;
use thiserror::Error;

use crate::staged::StagedError;

/// A failed write of one artifact. What was published before it stays as it was.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The lake failed, or does not hold what a reference names.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The staged bytes are not the table they claim to be.
    #[error("staged {key}: {source}")]
    Staged {
        /// Key of the staged artifact.
        key: String,
        /// What is wrong.
        source: StagedError,
    },
    /// The manifest cannot be read.
    #[error("manifest {key}: {source}")]
    Manifest {
        /// Key of the manifest.
        key: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The published version is neither curated nor in the history as its manifest names it, so it cannot be kept.
    #[error(
        "{key} is not the version {version} its manifest names (sha256 {expected}): restore it before a correction is published"
    )]
    EarlierVersionLost {
        /// Key of the curated file.
        key: String,
        /// Version of the manifest.
        version: u32,
        /// Hash of the manifest.
        expected: Sha256,
    },
    /// The library cannot encode the rows.
    #[error("cannot encode {table} of {trade_date}: {source}")]
    Encode {
        /// The table.
        table: Table,
        /// The session.
        trade_date: TradeDate,
        /// The library's error.
        source: ParquetError,
    },
    /// One call names two contents for one session.
    #[error("the call names two different artifacts for {table} of {exchange} {trade_date}")]
    Ambiguous {
        /// The table.
        table: Table,
        /// The exchange.
        exchange: Exchange,
        /// The session.
        trade_date: TradeDate,
    },
    /// Whoever asked for a sweep is no longer there to hear of it.
    #[error("the caller has gone away")]
    CallerGone,
    /// The thread that worked on the artifact ended.
    #[error("the work on {key} was cut off: {source}")]
    CutOff {
        /// Key of the staged artifact.
        key: String,
        /// Why.
        source: tokio::task::JoinError,
    },
}

impl WriteError {
    /// Returns what the error means to the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Lake(error) => match error.kind() {
                LakeErrorKind::Invalid => ErrorKind::Invalid,
                LakeErrorKind::NotFound => ErrorKind::NotFound,
                LakeErrorKind::Corrupt => ErrorKind::Corrupt,
                LakeErrorKind::Unavailable => ErrorKind::Unavailable,
                LakeErrorKind::Superseded => ErrorKind::Precondition,
            },
            Self::Staged { .. } | Self::Manifest { .. } | Self::EarlierVersionLost { .. } => ErrorKind::Corrupt,
            Self::Encode { .. } | Self::CutOff { .. } | Self::CallerGone => ErrorKind::Internal,
            Self::Ambiguous { .. } => ErrorKind::Invalid,
        }
    }
}
