//! gRPC layers for `tower`: one span and one set of metrics a call, and the W3C context in its metadata.
//!
//! A call lasts until its response's body has ended, so a stream is measured as a whole, and one that nobody waits for any
//! more counts as cancelled. Health checks and reflection pass without span or metric: probes would drown the work.

mod body;
mod call;
mod client;
mod method;
mod metrics;
mod server;
mod status;
mod timeout;

pub use client::{ClientLayer, ClientService};
pub use server::{ServerLayer, ServerService};
pub use status::{grpc_code_label, status_code_name};
pub use timeout::timeout_of;
