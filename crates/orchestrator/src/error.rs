//! What ends the orchestrator.

use champion_service::{ServeError, channel::ChannelError};
use thiserror::Error;

use crate::journal::JournalError;

/// An orchestrator that cannot start or go on.
#[derive(Debug, Error)]
pub enum Error {
    /// The journal cannot be opened or read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The lake cannot be opened.
    #[error(transparent)]
    Lake(#[from] champion_lake::LakeError),
    /// A stage's address is none.
    #[error(transparent)]
    Stage(#[from] ChannelError),
    /// The metrics cannot be registered.
    #[error("cannot register the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The contract's descriptors cannot be read.
    #[error("invalid descriptors: {0}")]
    Descriptors(#[from] prost::DecodeError),
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
}
