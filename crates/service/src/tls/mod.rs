//! Mutual TLS between services: read from files, and read again when they change.

mod config;
mod material;
mod reload;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub use config::{ClientTlsConfig, ServerTlsConfig};
pub(crate) use material::{HTTP2, client, server};
pub(crate) use reload::Reloading;

/// The PEM files of one side: who it is and whom it trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those between it and its authority.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub private_key: PathBuf,
    /// The authorities whose certificates the other side may show; more than one while they are replaced.
    pub ca: PathBuf,
}

/// Files no TLS can be made of. No text of it holds anything of a private key.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {file}: {source}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{file}: {reason}")]
    Invalid {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
