//! The metrics of the clickhouse-loader.

use std::time::Duration;

use champion_market_data::Table;
use champion_telemetry::metrics::{counter_vec, histogram_vec};
use prometheus::{HistogramVec, IntCounterVec, Registry};

/// Upper bounds of the load latency in seconds: from one session on a warm server to a large month on a busy one.
const LATENCY_BUCKETS: [f64; 10] = [0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Counters of loaded artifacts and the time a load takes; every table stands at 0 from the start.
#[derive(Debug, Clone)]
pub struct Metrics {
    success: IntCounterVec,
    failed: IntCounterVec,
    latency: HistogramVec,
}

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// [`prometheus::Error`] when a name is taken.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            success: counter_vec(
                registry,
                "nse_pipeline_clickhouse_load_success_total",
                "Curated artifacts loaded and verified; one that the ledger held before does not count.",
                &["table"],
            )?,
            failed: counter_vec(
                registry,
                "nse_pipeline_clickhouse_load_failed_total",
                "Curated artifacts that could not be loaded.",
                &["table"],
            )?,
            latency: histogram_vec(
                registry,
                "champion_warehouse_load_latency_seconds",
                "Time from reading the curated files of one table and month to their ledger rows.",
                &["table", "layer"],
                &LATENCY_BUCKETS,
            )?,
        };
        for table in Table::ALL {
            metrics.success.with_label_values(&[table.as_str()]);
            metrics.failed.with_label_values(&[table.as_str()]);
            metrics.latency.with_label_values(&[table.as_str(), table.layer().as_str()]);
        }
        Ok(metrics)
    }

    pub(crate) fn loaded(&self, table: Table, artifacts: u64, took: Duration) {
        self.success.with_label_values(&[table.as_str()]).inc_by(artifacts);
        self.latency.with_label_values(&[table.as_str(), table.layer().as_str()]).observe(took.as_secs_f64());
    }

    pub(crate) fn failed(&self, table: Table, artifacts: u64) {
        self.failed.with_label_values(&[table.as_str()]).inc_by(artifacts);
    }
}
