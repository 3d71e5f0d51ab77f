//! The configuration; `deploy/config/embedded-warehouse.toml` has every key with its default.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use champion_service::config::{Secret, Spec};
use champion_service::{AdminConfig, ConnectionsConfig, optional_path};
use serde::{Deserialize, Serialize};

use crate::error::StartError;

/// Where the configuration comes from.
pub const CONFIG: Spec = Spec {
    service: "embedded-warehouse",
    env_prefix: "CHAMPION_EMBEDDED_WAREHOUSE",
    defaults: include_str!("../../../deploy/config/embedded-warehouse.toml"),
};

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Ports and stop.
    pub server: ServerSection,
    /// The engine and its data.
    pub engine: EngineSection,
    /// Who may ask.
    pub auth: AuthSection,
    /// What a statement may reach.
    pub access: AccessSection,
    /// What a request may cost.
    pub limits: LimitsSection,
}

/// Ports and stop.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSection {
    /// Address of ClickHouse's HTTP interface; port 0 takes any free one.
    pub http_listen: String,
    /// Permits an address that other machines reach; a password is needed then.
    pub allow_remote: bool,
    /// Connections of the HTTP interface.
    pub connections: ConnectionsConfig,
    /// Names, besides those of loopback and the bound address, that requests may give as their `Host`.
    pub host_names: Vec<String>,
    /// The admin endpoint.
    pub admin: AdminConfig,
    /// File that receives the bound addresses as JSON; empty for none.
    #[serde(with = "optional_path")]
    pub address_file: Option<PathBuf>,
    /// Longest wait for statements in progress after a stop was asked; then they are cancelled.
    pub shutdown_grace_seconds: u64,
}

/// The engine and its data.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineSection {
    /// The library; empty for the place where `deploy/setup/fetch-engine.sh` puts it.
    #[serde(with = "optional_path")]
    pub library: Option<PathBuf>,
    /// Folder of the tables; one process at a time.
    pub data: PathBuf,
    /// Statements that run at the same time.
    pub connections: usize,
    /// Statements that wait for a connection; more are refused.
    pub queue: usize,
    /// Memory of the engine, all statements together, in mebibytes.
    pub memory_mebibytes: u64,
    /// Memory of the caches of marks and of uncompressed blocks, in mebibytes each.
    pub cache_mebibytes: u64,
}

/// Who may ask.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSection {
    /// The one user.
    pub user: String,
    /// Its password; empty for none.
    pub password: Secret,
}

/// What a statement may reach.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessSection {
    /// Lets statements read and write files of the host, reach the network and run programs.
    pub external: bool,
}

/// What a request may cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsSection {
    /// Longest text of a statement in bytes, without an insert's data.
    pub query_bytes: usize,
    /// Longest request body in bytes, as sent.
    pub body_bytes: u64,
    /// Longest request body in bytes, once decompressed.
    pub decoded_bytes: u64,
    /// Longest time a statement may run, in seconds; a request may ask for less.
    pub query_seconds: u64,
    /// Memory one statement may use, in mebibytes; a request may ask for less.
    pub query_memory_mebibytes: u64,
    /// Longest silence of a client that is sending or receiving, in seconds.
    pub idle_seconds: u64,
    /// Parameters and settings of one request.
    pub parameters: usize,
    /// Sessions open at the same time.
    pub sessions: usize,
}

impl LimitsSection {
    /// Returns how large an answer may be that is kept whole until it is sent, in bytes of its rows.
    ///
    /// The engine does not count an answer's text as memory, and holds it twice while it grows: half of a statement's memory,
    /// and such answers on all connections together half of the engine's.
    pub(crate) fn answer_bytes(&self, engine: &EngineSection) -> u64 {
        let connections = u64::try_from(engine.connections).unwrap_or(u64::MAX).max(1);
        (self.query_memory_mebibytes << 20).min((engine.memory_mebibytes << 20) / connections) / 2
    }
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// Names the key and what is wrong with it.
    pub fn check(&self) -> Result<(), StartError> {
        let loopback = self.server.http_listen.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
            || self.server.http_listen.starts_with("localhost:");
        if !loopback && !self.server.allow_remote {
            return Err(StartError::NotLoopback(self.server.http_listen.clone()));
        }
        if self.server.allow_remote && self.auth.password.is_empty() {
            return Err(StartError::RemoteWithoutPassword);
        }
        let (one, all) = (self.limits.query_memory_mebibytes, self.engine.memory_mebibytes);
        if one == 0 || one > all {
            return Err(StartError::Memory { one, all });
        }
        let counts = [
            ("engine.connections", self.engine.connections),
            ("engine.queue", self.engine.queue),
            ("limits.query_bytes", self.limits.query_bytes),
            ("limits.parameters", self.limits.parameters),
        ];
        match counts.into_iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(StartError::Zero(key)),
            None => Ok(()),
        }
    }

    /// Returns how long statements in progress may take after a stop was asked.
    #[must_use]
    pub const fn grace(&self) -> Duration {
        Duration::from_secs(self.server.shutdown_grace_seconds)
    }
}
