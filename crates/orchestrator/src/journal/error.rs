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
    /// It cannot be read or written.
    #[error(
        "the journal {path} failed: {source}; it is a cache of the lake: run `champion journal rebuild`, or stop the orchestrator, move the file away and start it again"
    )]
    Failed {
        /// The journal's file.
        path: PathBuf,
        /// What failed.
        source: Box<Self>,
    },
    /// It cannot be written, and nothing is wrong with what it holds.
    #[error(
        "the journal {path} cannot be used: {reason}; make the file and its folder writable, or set journal.path to another place: it is made anew from the lake"
    )]
    Unusable {
        /// The journal's file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// SQLite refused.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row or a table holds what this version cannot read.
    #[error("it cannot be read: {0}")]
    Row(String),
    /// The process is ending and takes no more work.
    #[error("the journal is closed: the process is ending")]
    Stopped,
}

/// A statement on tables that are not those of the version the file names.
const SQLITE_ERROR: i32 = 1;

impl JournalError {
    /// Tells whether the file holds something else than a journal, so that another one has to be made.
    pub(super) fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Row(_) => true,
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => {
                matches!(error.code, DatabaseCorrupt | NotADatabase) || error.extended_code == SQLITE_ERROR
            }
            Self::Sqlite(rusqlite::Error::SqlInputError { .. }) => true,
            Self::Failed { source, .. } => source.is_damage(),
            Self::Sqlite(_)
            | Self::Owned { .. }
            | Self::Newer { .. }
            | Self::File { .. }
            | Self::Unusable { .. }
            | Self::Stopped => false,
        }
    }

    /// Names the journal's file in an error of SQLite or of a row.
    pub(super) fn of_file(self, path: &std::path::Path) -> Self {
        match self {
            Self::Sqlite(_) | Self::Row(_) => Self::Failed { path: path.to_owned(), source: Box::new(self) },
            other => other,
        }
    }
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
