//! The life of the service.

use champion_lake::Lake;
use champion_proto::scraper::v1::scraper_service_server::ScraperServiceServer;
use champion_proto::scraper::v1::set_aside_service_server::SetAsideServiceServer;
use champion_proto::scraper::v1::source_service_server::SourceServiceServer;
use champion_proto::{DESCRIPTORS, MAX_MESSAGE_BYTES};
use champion_service::{Listeners, Server, Shutdown};
use champion_telemetry::Registry;

use crate::config::{Config, seconds};
use crate::fetch::Fetcher;
use crate::grpc::Scraper;
use crate::metrics::Metrics;
use crate::{Clock, Error};

/// Serves until the shutdown.
///
/// # Errors
/// Fails when the configuration is invalid, the lake cannot be opened or the server fails.
pub async fn run(config: Config, listeners: Listeners, registry: Registry, shutdown: Shutdown) -> Result<(), Error> {
    run_at(Clock::system(), config, listeners, registry, shutdown).await
}

/// Serves until the shutdown, with a given wall clock.
///
/// # Errors
/// As [`run`].
pub async fn run_at(
    clock: Clock,
    config: Config,
    listeners: Listeners,
    registry: Registry,
    shutdown: Shutdown,
) -> Result<(), Error> {
    config.validate()?;
    let lake = Lake::open(&config.lake.folder)?;
    let metrics = Metrics::register(&registry)?;
    let fetcher = Fetcher::new(&config, lake, clock, metrics)?;
    let scraper = Scraper::new(fetcher, seconds(config.limits.fetch_seconds));
    Server::new(listeners, registry, &config.server)
        .add_service(ScraperServiceServer::new(scraper.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(SourceServiceServer::new(scraper.clone()))
        .add_service(SetAsideServiceServer::new(scraper))
        .reflection(DESCRIPTORS)
        .serve(shutdown)
        .await?;
    Ok(())
}
