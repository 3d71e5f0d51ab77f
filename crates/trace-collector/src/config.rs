//! The configuration; `deploy/config/trace-collector.toml` has every key with its default.

use std::path::PathBuf;
use std::time::Duration;

use champion_service::config::{Secret, Spec};
use champion_service::{AdminConfig, ConnectionsConfig, ServerConfig, ServiceIdentity, optional_path};
use serde::{Deserialize, Serialize};

use crate::error::CollectorError;

/// Where the configuration comes from.
pub const CONFIG: Spec = Spec {
    service: "trace-collector",
    env_prefix: "CHAMPION_TRACE_COLLECTOR",
    defaults: include_str!("../../../deploy/config/trace-collector.toml"),
};

/// Name and version of the process.
pub const IDENTITY: ServiceIdentity =
    ServiceIdentity { name: "champion-trace-collector", version: env!("CARGO_PKG_VERSION") };

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Ports and stop.
    pub server: ServerSection,
    /// Where the spans go.
    pub warehouse: WarehouseSection,
    /// How spans are gathered on the way.
    pub batch: BatchSection,
}

/// Ports and stop.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSection {
    /// Address of OTLP over gRPC; port 0 takes any free one.
    pub grpc_listen: String,
    /// Address of OTLP over HTTP; port 0 takes any free one.
    pub http_listen: String,
    /// Permits ports that other machines reach; both are plain.
    pub insecure: bool,
    /// Connections of each port.
    pub connections: ConnectionsConfig,
    /// Names, besides those of loopback and the bound address, that requests over HTTP may give as their `Host`.
    pub host_names: Vec<String>,
    /// The admin endpoint.
    pub admin: AdminConfig,
    /// File that receives the bound addresses as JSON; empty for none.
    #[serde(with = "optional_path")]
    pub address_file: Option<PathBuf>,
    /// Longest wait for exports in progress after a stop was asked.
    pub shutdown_grace_seconds: u64,
    /// Longest wait, after that, for the spans in memory to be written.
    pub flush_seconds: u64,
    /// Exports served at the same time on each port.
    pub max_concurrent_requests: usize,
    /// Longest time of one export.
    pub request_timeout_seconds: u64,
    /// Longest export in bytes, decompressed.
    pub max_request_bytes: usize,
}

/// Where the spans go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarehouseSection {
    /// URL of ClickHouse's HTTP interface.
    pub url: String,
    /// The database; created when it is absent.
    pub database: String,
    /// The user; empty for the server's default.
    pub user: String,
    /// The user's password.
    pub password: Secret,
    /// Longest time of one statement.
    pub timeout_seconds: u64,
    /// Days after which spans are deleted; 0 keeps them.
    pub retention_days: u32,
}

/// How spans are gathered on the way.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchSection {
    /// Spans of one insert at the most.
    pub spans: usize,
    /// Longest time a span waits for company.
    pub interval_milliseconds: u64,
    /// Spans kept in memory at the most.
    pub queue_spans: usize,
    /// Memory of the spans kept, in mebibytes.
    pub queue_mebibytes: usize,
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Names the key and what is wrong with it.
    pub fn check(&self) -> Result<(), CollectorError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let database = &self.warehouse.database;
        if database.is_empty() || !database.bytes().all(plain) {
            let reason = format!("{database:?} is no name of letters, digits and underscores");
            return Err(CollectorError::Config { key: "warehouse.database", reason });
        }
        let counts = [
            ("batch.spans", self.batch.spans),
            ("batch.queue_spans", self.batch.queue_spans),
            ("batch.queue_mebibytes", self.batch.queue_mebibytes),
            ("server.max_concurrent_requests", self.server.max_concurrent_requests),
            ("server.max_request_bytes", self.server.max_request_bytes),
        ];
        match counts.into_iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(CollectorError::Config { key, reason: "0 is too little".to_owned() }),
            None => Ok(()),
        }
    }
}

impl ServerSection {
    /// Returns what the gRPC server needs. The address file is written elsewhere: it names the HTTP port too.
    pub(crate) fn for_grpc(&self) -> ServerConfig {
        ServerConfig {
            grpc_listen: self.grpc_listen.clone(),
            insecure: self.insecure,
            connections: self.connections.clone(),
            admin: self.admin.clone(),
            address_file: None,
            shutdown_grace_seconds: self.shutdown_grace_seconds,
            flush_seconds: self.flush_seconds,
            max_concurrent_requests: self.max_concurrent_requests,
            request_timeout_seconds: self.request_timeout_seconds,
            ..ServerConfig::default()
        }
    }

    pub(crate) const fn grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Config {
        champion_service::config::load_with(&CONFIG, None, std::iter::empty()).expect("the default file is good")
    }

    #[test]
    fn the_default_file_has_every_key_and_passes_its_own_checks() {
        let config = defaults();
        assert_eq!(config.warehouse.database, "champion");
        assert!(config.check().is_ok());
    }

    #[test]
    fn a_database_name_that_could_carry_a_statement_is_refused() {
        let mut config = defaults();
        config.warehouse.database = "x`; DROP TABLE y".to_owned();
        assert!(config.check().is_err());
        let mut config = defaults();
        config.batch.spans = 0;
        assert!(config.check().is_err());
    }
}
