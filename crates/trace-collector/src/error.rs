//! What ends the collector.

use std::io;
use std::path::PathBuf;

use champion_service::{ListenError, ServeError};
use thiserror::Error;

/// Why the collector cannot start or go on.
#[derive(Debug, Error)]
pub enum CollectorError {
    /// A configuration value cannot be used.
    #[error("configuration key {key}: {reason}")]
    Config {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The address file cannot be written.
    #[error("cannot write the address file {}: {source}", path.display())]
    AddressFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A metric is registered twice.
    #[error("cannot register the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The gRPC server broke.
    #[error(transparent)]
    Grpc(#[from] ServeError),
}
