//! What can go wrong with the journal.

use std::io;
use std::path::PathBuf;

use champion_market_data::{InvalidTradeDate, UnknownName};
use thiserror::Error;

use crate::vocabulary::UnknownWord;

/// A journal that cannot be opened, read or written.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Another orchestrator works on it.
    #[error("the journal {path} belongs to another orchestrator ({owner}): stop it, or set journal.path of this one")]
    Owned {
        /// The journal's file.
        path: PathBuf,
        /// Who has it.
        owner: String,
    },
    /// A later version of the program wrote it.
    #[error("the journal {path} has schema version {found}, this program knows up to {known}: use the newer program")]
    Newer {
        /// The journal's file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// A file beside it cannot be used.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// SQLite refused.
    #[error("the journal failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row holds what this version cannot read.
    #[error("the journal holds a row that cannot be read: {0}")]
    Row(String),
    /// The process is ending and takes no more work.
    #[error("the journal is closed: the process is ending")]
    Stopped,
}

impl From<UnknownWord> for JournalError {
    fn from(error: UnknownWord) -> Self {
        Self::Row(error.to_string())
    }
}

impl From<UnknownName> for JournalError {
    fn from(error: UnknownName) -> Self {
        Self::Row(error.to_string())
    }
}

impl From<InvalidTradeDate> for JournalError {
    fn from(error: InvalidTradeDate) -> Self {
        Self::Row(error.to_string())
    }
}

impl From<serde_json::Error> for JournalError {
    fn from(error: serde_json::Error) -> Self {
        Self::Row(error.to_string())
    }
}

impl From<chrono::ParseError> for JournalError {
    fn from(error: chrono::ParseError) -> Self {
        Self::Row(error.to_string())
    }
}
