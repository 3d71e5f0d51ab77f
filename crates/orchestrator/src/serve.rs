//! The life of the orchestrator: journal, leading or standing by, server, stop.

use std::sync::Arc;
use std::time::Duration;

use champion_lake::Lake;
use champion_market_data::Calendar;
use champion_proto::DESCRIPTORS;
use champion_proto::orchestrator::v1::orchestrator_service_server::OrchestratorServiceServer;
use champion_service::{Listeners, Server, Shutdown};
use champion_telemetry::Registry;
use champion_telemetry::grpc::ClientLayer;
use tokio::sync::oneshot;

use crate::audits::{AuditMetrics, Auditor, Audits};
use crate::grpc::Orchestrator;
use crate::journal::Journal;
use crate::lead::Leadership;
use crate::metrics::Metrics;
use crate::office::Office;
use crate::runs::Parts;
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
    let layer = client_layer(&registry)?;
    let stages = Arc::new(Stages::connect(&config.stages, &config.tls, &layer)?);
    let audits = Audits {
        rules: config.schedule.clone(),
        auditor: Auditor::connect(&config.stages, &config.tls, &layer, &config.schedule)?,
        metrics: AuditMetrics::register(&registry)?,
        clock: clock.clone(),
    };
    let busy_timeout = Duration::from_millis(config.journal.busy_timeout_ms);
    let journal = Journal::open(&config.journal.path, busy_timeout).await?;
    let lake = Lake::open(&config.lake.folder)?;
    let office = Office::new(lake.clone(), journal.clone(), metrics.clone(), clock.clone());
    let watch = Watch {
        rules: config.watch.clone(),
        journal: journal.clone(),
        office: office.clone(),
        metrics: metrics.clone(),
        calendar: calendar.clone(),
        clock: clock.clone(),
    };
    let schedule = Schedule {
        rules: config.schedule.clone(),
        journal: journal.clone(),
        calendar: calendar.clone(),
        clock: clock.clone(),
    };
    let parts = Parts {
        journal: journal.clone(),
        stages,
        metrics,
        calendar: calendar.clone(),
        clock: clock.clone(),
        limits: config.backfill.clone(),
    };
    let grace = Duration::from_secs(config.server.shutdown_grace_seconds);
    let leadership = Leadership {
        lake,
        in_bucket: champion_lake::is_bucket(&config.lake.folder),
        journal: journal.clone(),
        office: office.clone(),
        rules: config.lease.clone(),
        address: address(&config, &listeners),
        parts,
        schedule,
        audits,
        // Runs come to a stop before the server's own grace period ends, so that each client is still told why.
        grace: grace.saturating_sub(LAST_WORDS),
    };
    // Nobody is answered before it is known whether this orchestrator leads and, if it does, what there is to go on with.
    let (tell, first) = oneshot::channel();
    let mut leading = tokio::spawn(leadership.keep(shutdown.token().clone(), tell));
    if first.await.is_err() {
        return leading.await.unwrap_or(Ok(()));
    }
    let watch = tokio::spawn(watch.keep(shutdown.token().clone()));
    let orchestrator = Orchestrator { office, journal, calendar, clock };
    let server = Server::new(listeners, registry, &config.server)
        .add_service(OrchestratorServiceServer::new(orchestrator))
        .reflection(DESCRIPTORS)
        .serve(shutdown.clone());
    let leading = async {
        let led = (&mut leading).await.unwrap_or(Ok(()));
        // An orchestrator whose journal fails ends; another may lead.
        shutdown.trigger();
        let _ = watch.await;
        led
    };
    let serving = async {
        let served = server.await;
        // A server that fails by itself ends the runs as a stop does.
        shutdown.trigger();
        served
    };
    let (served, led) = tokio::join!(serving, leading);
    led?;
    served.map_err(Error::from)
}

/// Returns where others find this orchestrator.
fn address(config: &Config, listeners: &Listeners) -> String {
    if !config.lease.address.is_empty() {
        return config.lease.address.clone();
    }
    let scheme = if config.server.tls.files.is_none() { "http" } else { "https" };
    format!("{scheme}://{}", listeners.grpc_addr())
}
