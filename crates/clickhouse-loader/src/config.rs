//! The configuration of the clickhouse-loader; `deploy/config/clickhouse-loader.toml` explains every key.

use std::path::PathBuf;

use champion_service::ServerConfig;
use champion_service::config::{Secret, Spec};
use serde::{Deserialize, Serialize};

/// Where the configuration comes from.
pub const SPEC: Spec = Spec {
    service: "clickhouse-loader",
    env_prefix: "CHAMPION_CLICKHOUSE_LOADER",
    defaults: include_str!("../../../deploy/config/clickhouse-loader.toml"),
};

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens and how it stops.
    pub server: ServerConfig,
    /// Where the bytes lie.
    pub lake: LakeConfig,
    /// Where the tables are.
    pub warehouse: WarehouseConfig,
    /// Whether the warehouse is a cluster.
    pub cluster: ClusterConfig,
    /// How much is done at once.
    pub load: LoadConfig,
}

/// Where the bytes lie.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LakeConfig {
    /// Folder of the lake, created if need be; or `s3://bucket/prefix`.
    pub folder: PathBuf,
}

/// Where the tables are, and how patiently they are asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarehouseConfig {
    /// URL of ClickHouse's HTTP interface.
    pub url: String,
    /// The database; it is created when it is absent.
    pub database: String,
    /// The user; empty for the server's default.
    pub user: String,
    /// The user's password.
    pub password: Secret,
    /// Compression of what is sent and received.
    pub compression: BodyCompression,
    /// Longest time of a statement that is not an insert.
    pub query_timeout_seconds: u64,
    /// Longest time of one insert.
    pub insert_timeout_seconds: u64,
    /// Most attempts of one statement, the first included.
    pub max_attempts: u32,
    /// Longest wait before the second attempt; it doubles from there.
    pub retry_base_milliseconds: u64,
    /// Longest wait between two attempts.
    pub retry_cap_milliseconds: u64,
    /// Time between two looks at whether the warehouse answers and at its parts.
    pub probe_seconds: u64,
}

/// Compression of HTTP bodies to and from the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyCompression {
    /// As it is; best where no network lies between.
    None,
    /// LZ4 blocks.
    Lz4,
}

/// Whether the warehouse is a cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// Switches `ON CLUSTER`, replicated and distributed tables on.
    pub enabled: bool,
    /// Name of the cluster in the server's configuration.
    pub name: String,
}

/// How much is done at once.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadConfig {
    /// Months of a table in work at the same time, over all calls; each is held in memory.
    pub max_concurrent_months: usize,
    /// Files read and decoded at the same time within a month.
    pub max_concurrent_reads: usize,
    /// Longest time of a call whose caller sets no deadline.
    pub deadline_seconds: u64,
}
