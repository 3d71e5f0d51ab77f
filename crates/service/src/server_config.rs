//! The `[server]` part of every gRPC service's configuration.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ConnectionsConfig, ServerTlsConfig};

/// Where a service listens and how it stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address of the gRPC port; port 0 takes any free one.
    pub grpc_listen: String,
    /// Permits a plain gRPC port that other machines reach.
    pub insecure: bool,
    /// Connections of the gRPC port; the admin endpoint has its own.
    pub connections: ConnectionsConfig,
    /// The admin endpoint.
    pub admin: AdminConfig,
    /// TLS of the gRPC port; the admin endpoint is always plain.
    pub tls: ServerTlsConfig,
    /// File that receives the bound addresses as JSON; empty for none.
    #[serde(with = "optional_path")]
    pub address_file: Option<PathBuf>,
    /// Longest wait for calls in progress after a stop was asked.
    pub shutdown_grace_seconds: u64,
    /// Longest wait for the last spans to be sent.
    pub flush_seconds: u64,
    /// Calls served at the same time over all connections; more are refused as `RESOURCE_EXHAUSTED`.
    pub max_concurrent_requests: usize,
    /// Longest time until a call's response begins, even if its caller allows more; 0 for no limit.
    pub request_timeout_seconds: u64,
    /// Interval of HTTP/2 pings that find dead connections; 0 for none.
    pub keepalive_seconds: u64,
}

/// The admin endpoint: metrics and health over plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Switches the endpoint on.
    pub enabled: bool,
    /// Address of the admin port; port 0 takes any free one.
    pub listen: String,
    /// Makes a port that cannot be bound fatal instead of a warning.
    pub required: bool,
}

/// Any free ports on loopback; the defaults of a service are in its default file.
impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            grpc_listen: "127.0.0.1:0".to_owned(),
            insecure: false,
            connections: ConnectionsConfig::default(),
            admin: AdminConfig::default(),
            tls: ServerTlsConfig::default(),
            address_file: None,
            shutdown_grace_seconds: 20,
            flush_seconds: 5,
            max_concurrent_requests: 256,
            request_timeout_seconds: 0,
            keepalive_seconds: 30,
        }
    }
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { enabled: true, listen: "127.0.0.1:0".to_owned(), required: false }
    }
}

/// `#[serde(with = "…")]` for a path where an empty text means none; TOML has no null.
pub mod optional_path {
    use super::{Deserialize, Deserializer, PathBuf, Serializer};

    /// Writes the path, or an empty text.
    ///
    /// # Errors
    ///
    /// Fails when the serialiser does.
    pub fn serialize<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
        let text = path.as_deref().map(|path| path.to_string_lossy()).unwrap_or_default();
        serializer.serialize_str(&text)
    }

    /// Reads a path; an empty text is none.
    ///
    /// # Errors
    ///
    /// Fails when the value is not a text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok((!text.is_empty()).then(|| PathBuf::from(text)))
    }
}
