//! The configuration of the parquet-writer; `deploy/config/parquet-writer.toml` explains every key.

use std::path::PathBuf;

use champion_service::ServerConfig;
use champion_service::config::Spec;
use serde::{Deserialize, Serialize};

use crate::collect::RetentionConfig;
use crate::collecting::CollectConfig;

/// Where the configuration comes from.
pub const SPEC: Spec = Spec {
    service: "parquet-writer",
    env_prefix: "CHAMPION_PARQUET_WRITER",
    defaults: include_str!("../../../deploy/config/parquet-writer.toml"),
};

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens and how it stops.
    pub server: ServerConfig,
    /// Where the bytes lie.
    pub lake: LakeConfig,
    /// How files are encoded.
    pub parquet: ParquetConfig,
    /// How much is done at once.
    pub write: WriteConfig,
    /// How long things are kept.
    pub retention: RetentionConfig,
    /// When the lake is collected by itself.
    pub collect: CollectConfig,
}

/// Where the bytes lie.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LakeConfig {
    /// Folder of the lake, created if need be; or `s3://bucket/prefix`.
    pub folder: PathBuf,
}

/// How files are encoded.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParquetConfig {
    /// Level of zstd, 1 to 22.
    pub zstd_level: i32,
    /// Most rows of a row group.
    pub row_group_rows: usize,
}

/// How much is done at once.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteConfig {
    /// Artifacts in work at the same time, over all calls.
    pub max_concurrent_artifacts: usize,
}
