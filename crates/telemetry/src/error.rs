//! What can go wrong while telemetry starts.

use thiserror::Error;

/// A failure to start telemetry.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// Another subscriber is already installed in this process.
    #[error("telemetry is already initialised in this process: {0}")]
    AlreadyInitialised(#[from] tracing_subscriber::util::TryInitError),
}
