//! Connections of a port: how many, how long one may be silent or idle, and what happens when descriptors run out.
//!
//! Every port of the platform is served here, gRPC and HTTP alike. A port that is full lets the connection go that has had no
//! request for the longest time, so that whoever opens hundreds and says nothing keeps nobody else out.

mod activity;
mod config;
mod descriptors;
mod metrics;
mod port;
mod serve;
mod slots;
mod throttle;
mod transport;

pub use config::ConnectionsConfig;
pub(crate) use metrics::ConnectionMetrics;
pub(crate) use port::{Limits, Port};
pub(crate) use serve::{Protocol, Stop, serve};
pub(crate) use throttle::Throttle;
pub(crate) use transport::Plain;
pub use transport::Transport;
