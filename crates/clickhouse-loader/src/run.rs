//! The life of the service.

use std::time::{Duration, Instant};

use champion_lake::{Lake, LakeError};
use champion_proto::{DESCRIPTORS, MAX_MESSAGE_BYTES};
use champion_retry::{Backoff, Deadline};
use champion_service::{Listeners, ServeError, Server, ServiceIdentity, Shutdown};
use champion_telemetry::Registry;
use chrono::Utc;
use thiserror::Error;
use tracing::{info, warn};

use crate::config::Config;
use crate::grpc::{Grpc, GrpcServer};
use crate::loader::{Bounds, Loader};
use crate::metrics::Metrics;
use crate::migration::Migrator;
use crate::probe::Probe;
use crate::topology::{InvalidIdentifier, Topology};
use crate::warehouse::Warehouse;

/// Who the process is.
pub const IDENTITY: ServiceIdentity =
    ServiceIdentity { name: "champion-clickhouse-loader", version: env!("CARGO_PKG_VERSION") };

/// Why the service could not start or go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// The lake cannot be opened.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The database or the cluster has no usable name.
    #[error(transparent)]
    Name(#[from] InvalidIdentifier),
    /// The warehouse's URL is none.
    #[error("invalid [warehouse] url: {0}")]
    Url(#[from] url::ParseError),
    /// The metrics cannot be registered.
    #[error("cannot register the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Longest time of one try to migrate at the start.
const MIGRATION_TIME: Duration = Duration::from_secs(60);

/// Wait between tries to migrate at the start, while the warehouse does not answer.
const MIGRATION_BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5));

/// Serves until `shutdown`. The warehouse need not be there: the service is ready when its schema is up to date.
///
/// # Errors
/// [`RunError`] when the lake, the settings or the server cannot be used.
pub async fn run(config: Config, listeners: Listeners, registry: Registry, shutdown: Shutdown) -> Result<(), RunError> {
    let lake = Lake::open(&config.lake.folder)?;
    let cluster = if config.cluster.enabled { Some(config.cluster.name.parse()?) } else { None };
    let topology = Topology { database: config.warehouse.database.parse()?, cluster };
    let warehouse = Warehouse::new(&config.warehouse, topology)?;
    let metrics = Metrics::register(&registry)?;
    let migrator = Migrator::new(warehouse.clone(), Utc::now);
    let bounds = Bounds { months: config.load.max_concurrent_months, reads: config.load.max_concurrent_reads };
    let every = Duration::from_secs(config.warehouse.probe_seconds.max(1));
    let probing = Probe::register(&registry)?.keep(warehouse.clone(), every, shutdown.token().clone());
    let loader = Loader::new(lake, warehouse, migrator.clone(), metrics, bounds, Utc::now);
    let deadline = Duration::from_secs(config.load.deadline_seconds);
    let service =
        GrpcServer::new(Grpc::new(loader, migrator.clone(), deadline)).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let probing = tokio::spawn(probing);
    let migrating = tokio::spawn(migrate_until_done(migrator.clone(), shutdown.clone()));
    let served = Server::new(listeners, registry, &config.server)
        .add_service(service)
        .reflection(DESCRIPTORS)
        .readiness(move || migrator.is_current())
        .serve(shutdown)
        .await;
    migrating.abort();
    probing.abort();
    Ok(served?)
}

/// Migrates as soon as the warehouse answers.
async fn migrate_until_done(migrator: Migrator, shutdown: Shutdown) {
    let mut failures = 0;
    loop {
        match migrator.ensure(Deadline::after(Instant::now(), MIGRATION_TIME)).await {
            Ok(()) => {
                info!("the warehouse's schema is up to date");
                return;
            }
            Err(error) => {
                failures += 1;
                warn!(%error, failures, "cannot migrate yet");
            }
        }
        let wait = MIGRATION_BACKOFF.draw(failures, &mut rand::rng());
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.cancelled() => return,
        }
    }
}
