//! What can go wrong with a load, and what it means to the caller.

use champion_lake::{LakeError, LakeErrorKind};
use champion_market_data::{Exchange, Sha256, Table, TradeDate};
use champion_service::ErrorKind;
use thiserror::Error;

use crate::curated::CuratedError;
use crate::migration::MigrationError;
use crate::quarantine::QuarantineError;
use crate::warehouse::WarehouseError;

/// A failed load. No ledger row says otherwise, so the same call may be made again.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The lake failed, or does not hold what a reference names.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A statement failed.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// The schema could not be brought up to date.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// A curated file is not the session it claims to be.
    #[error("curated {key}: {source}")]
    Curated {
        /// Key of the file.
        key: String,
        /// What is wrong.
        source: CuratedError,
    },
    /// A manifest cannot be read.
    #[error("manifest {key}: {source}")]
    Manifest {
        /// Key of the manifest.
        key: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A reference names content that no manifest knows.
    #[error(
        "curated {key}: neither its manifest nor the history names content with sha256 {sha256}; run the session again"
    )]
    Unknown {
        /// Key of the curated file.
        key: String,
        /// The content.
        sha256: Sha256,
    },
    /// A file of refused rows is not what its reference says.
    #[error("quarantine {key}: {source}")]
    Quarantine {
        /// Key of the file.
        key: String,
        /// What is wrong.
        source: QuarantineError,
    },
    /// The table does not hold what was sent.
    #[error(
        "{table} of {exchange} {trade_date} is not what its file holds: expected {expected_rows} rows, found {found_rows} rows with {found_keys} keys; differing columns: {columns}"
    )]
    Mismatch {
        /// The table.
        table: Table,
        /// The exchange.
        exchange: Exchange,
        /// The session.
        trade_date: TradeDate,
        /// Rows of the file.
        expected_rows: u64,
        /// Rows of the table.
        found_rows: u64,
        /// Distinct natural keys of the table.
        found_keys: u64,
        /// Columns whose sums differ.
        columns: String,
    },
    /// The warehouse holds a newer version, and this one was never loaded.
    #[error(
        "the warehouse holds version {newest} of {table} of {exchange} {trade_date}; version {version} is older and was never loaded: is the lake the one the warehouse was loaded from?"
    )]
    Stale {
        /// The table.
        table: Table,
        /// The exchange.
        exchange: Exchange,
        /// The session.
        trade_date: TradeDate,
        /// Version of the artifact.
        version: u32,
        /// Newest version in the ledger.
        newest: u32,
    },
    /// Other loads took all the caller's time.
    #[error("no turn within the deadline: other loads are in work")]
    Busy,
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
    /// Whoever asked for an audit is no longer there to hear of it.
    #[error("the caller has gone away")]
    CallerGone,
    /// The rows cannot be encoded.
    #[error("cannot encode the insert into {table}: {source}")]
    Encode {
        /// The table.
        table: Table,
        /// The library's error.
        source: arrow::error::ArrowError,
    },
    /// The thread that worked on it ended.
    #[error("the work on {work} was cut off: {source}")]
    CutOff {
        /// What was worked on.
        work: String,
        /// Why.
        source: tokio::task::JoinError,
    },
}

impl LoadError {
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
            Self::Warehouse(error) => kind_of(error),
            Self::Migration(error) => error.kind(),
            Self::Curated { .. } | Self::Manifest { .. } | Self::Quarantine { .. } | Self::Mismatch { .. } => {
                ErrorKind::Corrupt
            }
            Self::Unknown { .. } => ErrorKind::NotFound,
            Self::CallerGone => ErrorKind::Internal,
            Self::Busy => ErrorKind::Unavailable,
            Self::Stale { .. } => ErrorKind::Precondition,
            Self::Ambiguous { .. } => ErrorKind::Invalid,
            Self::Encode { .. } | Self::CutOff { .. } => ErrorKind::Internal,
        }
    }

    /// Tells whether the database or a table was not there.
    pub(crate) fn is_schema_missing(&self) -> bool {
        matches!(self, Self::Warehouse(error) if error.is_schema_missing())
    }
}

impl MigrationError {
    /// Returns what the error means to the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Warehouse(error) => kind_of(error),
            Self::Changed { .. } => ErrorKind::Precondition,
        }
    }
}

fn kind_of(error: &WarehouseError) -> ErrorKind {
    if error.is_transient() {
        ErrorKind::Unavailable
    } else if error.is_access() || error.is_schema_missing() {
        ErrorKind::Precondition
    } else {
        ErrorKind::Internal
    }
}
