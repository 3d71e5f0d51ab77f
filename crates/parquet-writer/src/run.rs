//! The life of the service.

use champion_lake::{Lake, LakeError};
use champion_proto::{DESCRIPTORS, MAX_MESSAGE_BYTES};
use champion_service::{Listeners, ServeError, Server, ServiceIdentity, Shutdown};
use champion_telemetry::Registry;
use chrono::Utc;
use parquet::errors::ParquetError;
use thiserror::Error;

use crate::collect::Collector;
use crate::collecting::Collecting;
use crate::compact::Compactor;
use crate::config::Config;
use crate::grpc::{Grpc, GrpcServer};
use crate::metrics::{CollectMetrics, Metrics};
use crate::parquet_file::Encoding;
use crate::publisher::Publisher;
use crate::upkeep::Upkeep;
use crate::verify::Verifier;

/// Who the process is.
pub const IDENTITY: ServiceIdentity =
    ServiceIdentity { name: "champion-parquet-writer", version: env!("CARGO_PKG_VERSION") };

/// Why the service could not start or go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// The lake cannot be opened.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The settings of the encoding are not usable.
    #[error("invalid [parquet] settings: {0}")]
    Encoding(#[from] ParquetError),
    /// The metrics cannot be registered.
    #[error("cannot register the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Serves until `shutdown`.
///
/// # Errors
/// [`RunError`] when the lake, the settings or the server cannot be used.
pub async fn run(config: Config, listeners: Listeners, registry: Registry, shutdown: Shutdown) -> Result<(), RunError> {
    let lake = Lake::open(&config.lake.folder)?;
    let encoding = Encoding::new(config.parquet.zstd_level, config.parquet.row_group_rows)?;
    let metrics = Metrics::register(&registry)?;
    if !champion_lake::is_bucket(&config.lake.folder) {
        champion_telemetry::register_disk(&registry, "lake", &config.lake.folder)?;
    }
    let collector = Collector::new(lake.clone(), config.retention, Utc::now);
    let collect_metrics = CollectMetrics::register(&registry)?;
    let collecting = Collecting::new(collector.clone(), config.collect, collect_metrics.clone());
    let upkeep = Upkeep {
        verifier: Verifier::new(lake.clone(), encoding),
        collector,
        collect_metrics,
        compactor: Compactor::new(lake.clone(), encoding),
    };
    let publisher = Publisher::new(lake, encoding, metrics, config.write.max_concurrent_artifacts, Utc::now);
    let service = GrpcServer::new(Grpc::new(publisher, upkeep)).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let collecting = tokio::spawn(collecting.keep(shutdown.token().clone()));
    let served = Server::new(listeners, registry, &config.server)
        .add_service(service)
        .reflection(DESCRIPTORS)
        .serve(shutdown)
        .await;
    // What it was about to remove, the next one removes.
    collecting.abort();
    Ok(served?)
}
