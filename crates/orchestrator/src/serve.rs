//! The life of the orchestrator: journal, runs that were cut off, server, stop.

use std::time::Duration;

use champion_market_data::Calendar;
use champion_proto::DESCRIPTORS;
use champion_proto::orchestrator::v1::orchestrator_service_server::OrchestratorServiceServer;
use champion_service::{Listeners, Server, Shutdown};
use champion_telemetry::Registry;
use champion_telemetry::grpc::ClientLayer;
use tracing::info;

use crate::grpc::Orchestrator;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::runs::{Parts, Runs};
use crate::schedule::Schedule;
use crate::stages::Stages;
use crate::watch::Watch;
use crate::{Clock, Config, Error};

/// The services of the stages.
const STAGES: &[&str] = &[
    "champion.scraper.v1.ScraperService",
    "champion.parser.v1.ParserService",
    "champion.writer.v1.WriterService",
    "champion.loader.v1.LoaderService",
];

/// Makes the layer around the calls to the stages, with their methods at 0 from the start.
fn client_layer(registry: &Registry) -> Result<ClientLayer, Error> {
    let methods = champion_service::methods(DESCRIPTORS, STAGES)?;
    Ok(ClientLayer::new(registry)?.with_methods(methods))
}

/// Time left to the streams of runs after the runs have come to a stop.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves until `shutdown`, by the host's clock.
///
/// # Errors
/// [`Error`] when the journal belongs to another orchestrator or cannot be opened, or when the server fails.
pub async fn run(config: Config, listeners: Listeners, registry: Registry, shutdown: Shutdown) -> Result<(), Error> {
    run_with_clock(config, listeners, registry, shutdown, Clock::system()).await
}

/// Serves until `shutdown`, by a given clock: "today" is what it says.
///
/// # Errors
/// As [`run`].
pub async fn run_with_clock(
    config: Config,
    listeners: Listeners,
    registry: Registry,
    shutdown: Shutdown,
    clock: Clock,
) -> Result<(), Error> {
    let calendar = Calendar::nse();
    let metrics = Metrics::register(&registry, calendar.clone(), clock.clone(), &config.watch)?;
    champion_telemetry::register_disk(&registry, "journal", &config.journal.path)?;
    let stages = Stages::connect(&config.stages, &config.tls, &client_layer(&registry)?)?;
    let busy_timeout = Duration::from_millis(config.journal.busy_timeout_ms);
    let journal = Journal::open(&config.journal.path, busy_timeout).await?;
    metrics.restore(&journal.dataset_books().await?);
    let watch = Watch {
        rules: config.watch.clone(),
        journal: journal.clone(),
        metrics: metrics.clone(),
        calendar: calendar.clone(),
        clock: clock.clone(),
    };
    let runs = Runs::new(Parts {
        journal: journal.clone(),
        stages,
        metrics,
        calendar: calendar.clone(),
        clock: clock.clone(),
        limits: config.backfill.clone(),
        stop: shutdown.token().clone(),
    });
    let resumed = runs.resume_unfinished().await?;
    if resumed > 0 {
        info!(runs = resumed, "runs that were cut off go on");
    }
    let schedule = Schedule {
        rules: config.schedule.clone(),
        runs: runs.clone(),
        journal: journal.clone(),
        calendar: calendar.clone(),
        clock: clock.clone(),
    };
    let schedule = tokio::spawn(schedule.keep(shutdown.token().clone()));
    let watch = tokio::spawn(watch.keep(shutdown.token().clone()));
    let orchestrator = Orchestrator { runs: runs.clone(), journal, calendar, clock };
    let server = Server::new(listeners, registry, &config.server)
        .add_service(OrchestratorServiceServer::new(orchestrator))
        .reflection(DESCRIPTORS)
        .serve(shutdown.clone());
    let draining = async {
        shutdown.cancelled().await;
        // Nothing begins behind the runs that are waited for.
        let _ = schedule.await;
        let _ = watch.await;
        // Runs come to a stop before the server's own grace period ends, so that each client is still told why.
        let grace = Duration::from_secs(config.server.shutdown_grace_seconds);
        runs.stopped(grace.saturating_sub(LAST_WORDS)).await;
    };
    let serving = async {
        let served = server.await;
        // A server that fails by itself ends the runs as a stop does.
        shutdown.trigger();
        served
    };
    let (served, ()) = tokio::join!(serving, draining);
    served.map_err(Error::from)
}
