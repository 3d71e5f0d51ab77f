//! A small instrumented program: a counter that starts at 0, a span, log lines with the trace id, and a clean stop.
//!
//!     cargo run -p champion-telemetry --example instrumented

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use champion_telemetry::metrics::{counter_vec, int_gauge_vec, register_process};
use champion_telemetry::{Registry, ServiceIdentity, context, trace_id};
use prometheus::{Encoder, IntCounterVec, IntGaugeVec, TextEncoder};
use tracing::{Instrument, info, info_span, warn};

const IDENTITY: ServiceIdentity = ServiceIdentity { name: "champion-example", version: env!("CARGO_PKG_VERSION") };
/// A closed set: every member is shown from the start.
const FEEDS: [&str; 2] = ["equities", "indices"];

struct Metrics {
    files: IntCounterVec,
    last_success: IntGaugeVec,
}

impl Metrics {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            files: counter_vec(registry, "example_files_total", "Files taken, by how it ended.", &["feed", "status"])?,
            last_success: int_gauge_vec(
                registry,
                "example_last_success_timestamp_seconds",
                "When a file was last taken; 0 before the first.",
                &["feed"],
            )?,
        };
        // The first failure is an increase from 0, and not the birth of a series that no alert sees.
        for feed in FEEDS {
            metrics.last_success.with_label_values(&[feed]);
            for status in ["success", "failed"] {
                metrics.files.with_label_values(&[feed, status]);
            }
        }
        Ok(metrics)
    }

    async fn take(&self, feed: &'static str) -> Result<usize, Box<dyn Error>> {
        let span = info_span!("take file", champion.feed = feed);
        let taken = read(feed).instrument(span.clone()).await;
        let _inside = span.enter();
        match &taken {
            Ok(rows) => {
                self.files.with_label_values(&[feed, "success"]).inc();
                let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
                self.last_success.with_label_values(&[feed]).set(i64::try_from(now)?);
                info!(feed, rows, "file taken");
            }
            Err(error) => {
                self.files.with_label_values(&[feed, "failed"]).inc();
                warn!(feed, %error, "file not taken");
            }
        }
        taken
    }
}

async fn read(feed: &str) -> Result<usize, Box<dyn Error>> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    if feed == "indices" { Err("the file ends within a line".into()) } else { Ok(3_193) }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let telemetry = champion_telemetry::init(IDENTITY)?;
    let registry = Registry::new();
    register_process(&registry, &IDENTITY)?;
    telemetry.register(&registry)?;
    let metrics = Metrics::register(&registry)?;

    for feed in FEEDS {
        // One operation, one trace: what runs inside carries the id, over awaits and into tasks.
        let id = trace_id::TraceId::random();
        trace_id::scope(id, async {
            assert_eq!(context::current_trace_id(), Some(id.to_string()));
            let _ = metrics.take(feed).await;
        })
        .await;
    }

    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    for line in String::from_utf8(text)?.lines().filter(|line| line.starts_with("example_")) {
        info!(line, "shown at /metrics");
    }
    // Without this the last spans are lost.
    telemetry.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
