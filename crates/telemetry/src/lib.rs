//! Logs, traces and metrics, and the gRPC layers that carry them.
//!
//! A process calls [`init`] once, inside its runtime, and [`Telemetry::shutdown`] before it ends. In between, `tracing`
//! is the only interface: a span is a trace span, an event is a log line that carries the ids of its span.

pub mod context;
mod disk;
mod error;
pub mod grpc;
mod init;
mod json;
mod logs;
pub mod metrics;
mod panics;
mod propagation;
pub mod semconv;
pub mod testing;
pub mod trace_id;
mod traces;

pub use disk::{DiskGauges, register_disk};
pub use error::TelemetryError;
pub use init::{ServiceIdentity, Telemetry, init, init_interactive};
pub use prometheus::Registry;
