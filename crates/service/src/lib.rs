//! How a process lives: configuration, listeners, server, admin endpoint, shutdown.
//!
//! The order is always the same: parse the whole configuration with no socket open, bind every port, work, and stop in a
//! sequence with a deadline. [`main()`] is that order; [`Server`] is the part in the middle for gRPC services and
//! [`HttpPort`] for plain HTTP ones.

mod access;
mod address_file;
mod admin;
pub mod channel;
pub mod config;
mod connections;
mod error_kind;
mod http_guard;
mod http_server;
mod lifeline;
mod listeners;
mod loopback;
mod methods;
mod named_file;
mod process;
mod server;
mod server_config;
mod shutdown;
mod tls;

pub use access::{Allow, REFLECTION, rule_of};
pub use address_file::write_address_file;
pub use admin::{Admin, Readiness};
pub use connections::{ConnectionsConfig, Transport};
pub use error_kind::ErrorKind;
pub use http_guard::{HttpGuard, HttpRefusal, guarded};
pub use http_server::HttpPort;
pub use lifeline::LIFELINE;
pub use listeners::{ListenError, Listeners, bind_admin, bind_plain, bind_tcp};
pub use methods::methods;
pub use named_file::{read_at_most, read_named_file, read_named_text};
pub use process::main;
pub use server::{ServeError, Server};
pub use server_config::{AdminConfig, ServerConfig, optional_path};
pub use shutdown::Shutdown;
pub use tls::{ClientTlsConfig, ServerTlsConfig, TlsError, TlsFiles};

pub use champion_telemetry::ServiceIdentity;
