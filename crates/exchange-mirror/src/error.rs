//! Why the mirror cannot run.

use std::io;
use std::path::PathBuf;

use champion_service::ListenError;
use thiserror::Error;

/// Why the mirror cannot run.
#[derive(Debug, Error)]
pub enum Error {
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The folder of recorded files cannot be read.
    #[error("cannot read the archive {folder}: {source}")]
    Archive {
        /// The configured folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file of fault rules cannot be used.
    #[error("cannot use the fault rules of {file}: {reason}")]
    Faults {
        /// The configured file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A metric cannot be registered.
    #[error("cannot register the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The server failed.
    #[error("the server failed: {0}")]
    Serve(io::Error),
    /// A generated file cannot be written.
    #[error("cannot write {file}: {source}")]
    Write {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
