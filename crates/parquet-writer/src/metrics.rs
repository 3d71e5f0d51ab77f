//! The metrics of the parquet-writer.

use champion_market_data::Table;
use champion_telemetry::metrics::counter_vec;
use prometheus::{IntCounterVec, Registry};

/// Counters of written artifacts; every table stands at 0 from the start.
#[derive(Debug, Clone)]
pub struct Metrics {
    success: IntCounterVec,
    failed: IntCounterVec,
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
                "nse_pipeline_parquet_write_success_total",
                "Parquet files published; a session that stood there unchanged does not count.",
                &["table"],
            )?,
            failed: counter_vec(
                registry,
                "nse_pipeline_parquet_write_failed_total",
                "Staged artifacts that could not be published.",
                &["table"],
            )?,
        };
        for table in Table::ALL {
            metrics.success.with_label_values(&[table.as_str()]);
            metrics.failed.with_label_values(&[table.as_str()]);
        }
        Ok(metrics)
    }

    pub(crate) fn published(&self, table: Table) {
        self.success.with_label_values(&[table.as_str()]).inc();
    }

    pub(crate) fn failed(&self, table: Table) {
        self.failed.with_label_values(&[table.as_str()]).inc();
    }
}
