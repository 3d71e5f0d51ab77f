//! Starting and stopping telemetry.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::Registry;
use tracing::warn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::error::TelemetryError;
use crate::logs::{self, Audience};
use crate::panics;
use crate::traces::{self, SpanCounts};

/// Who the process is: the name and version on its logs, traces and build metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceIdentity {
    /// Name, for example `champion-scraper`.
    pub name: &'static str,
    /// Version of the package.
    pub version: &'static str,
}

/// Running telemetry; dropping it without [`Telemetry::shutdown`] loses the spans not yet sent.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
    counts: SpanCounts,
}

/// Starts logs and traces for this process, as `LOG_FORMAT`, `RUST_LOG` and the `OTEL_*` variables ask.
///
/// Call it inside the runtime: the gRPC exporter needs one. A wrong variable is a warning in the log, never an error.
///
/// # Errors
///
/// Fails when a subscriber is already installed.
pub fn init(identity: ServiceIdentity) -> Result<Telemetry, TelemetryError> {
    let telemetry = start(identity, Audience::Machines, &[])?;
    panics::log();
    Ok(telemetry)
}

/// Starts logs and traces for a program that a person has called: standard output is the program's answer, so warnings go
/// to standard error in the console format; `RUST_LOG` shows more. `defaults` are values of `OTEL_*` variables that are not
/// set, such as the endpoint of a collector the program knows of.
///
/// # Errors
///
/// Fails when a subscriber is already installed.
pub fn init_interactive(identity: ServiceIdentity, defaults: &[(&str, String)]) -> Result<Telemetry, TelemetryError> {
    start(identity, Audience::Person, defaults)
}

fn start(
    identity: ServiceIdentity,
    audience: Audience,
    defaults: &[(&str, String)],
) -> Result<Telemetry, TelemetryError> {
    let mut warnings = Vec::new();
    let lines = logs::layer(identity, audience, &mut warnings);
    let traces = traces::build(identity, defaults, &mut warnings);
    let spans = traces::layer(traces.provider.tracer(identity.name));
    tracing_subscriber::registry().with(spans).with(lines).try_init()?;
    traces.propagators.install();
    for warning in warnings {
        warn!(%warning, "telemetry setting ignored");
    }
    Ok(Telemetry { provider: traces.provider, counts: traces.counts })
}

impl Telemetry {
    /// Shows in the registry how many spans were exported and how many were lost.
    ///
    /// # Errors
    ///
    /// Fails when the registry already has them.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        self.counts.register(registry)
    }

    /// Sends the spans that have ended and stops, within `deadline`.
    ///
    /// The exporter's stop blocks and needs the runtime's other threads, so it runs beside the async workers.
    pub async fn shutdown(self, deadline: Duration) {
        let provider = self.provider;
        let stop = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(deadline));
        match tokio::time::timeout(deadline, stop).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => warn!(%error, "last spans not sent"),
            Ok(Err(error)) => warn!(%error, "last spans not sent"),
            Err(_) => warn!(deadline_seconds = deadline.as_secs(), "last spans not sent within the deadline"),
        }
    }
}
