//! The metrics of the parquet-writer.

use champion_market_data::Table;
use champion_telemetry::metrics::counter_vec;
use chrono::{DateTime, Utc};
use prometheus::{IntCounterVec, IntGauge, Registry};

use crate::collect::{Collection, Kind};

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

/// Counters of what was collected; every kind stands at 0 from the start.
#[derive(Debug, Clone)]
pub struct CollectMetrics {
    objects: IntCounterVec,
    bytes: IntCounterVec,
    failures: IntCounterVec,
    last: IntGauge,
}

impl CollectMetrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// [`prometheus::Error`] when a name is taken.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            objects: counter_vec(
                registry,
                "champion_collected_objects_total",
                "Objects that were no longer needed and were removed from the lake, by kind.",
                &["kind"],
            )?,
            bytes: counter_vec(
                registry,
                "champion_collected_bytes_total",
                "Bytes of the objects that were removed from the lake, by kind.",
                &["kind"],
            )?,
            failures: counter_vec(
                registry,
                "champion_collect_failures_total",
                "Objects that were no longer needed, or might have been, and could not be removed, by kind.",
                &["kind"],
            )?,
            last: IntGauge::new(
                "champion_collect_last_success_timestamp_seconds",
                "When this process last collected the lake; 0 before the first time.",
            )?,
        };
        registry.register(Box::new(metrics.last.clone()))?;
        for kind in Kind::ALL {
            metrics.objects.with_label_values(&[kind.as_str()]);
            metrics.bytes.with_label_values(&[kind.as_str()]);
            metrics.failures.with_label_values(&[kind.as_str()]);
        }
        Ok(metrics)
    }

    /// Counts what a collection removed and could not remove.
    pub(crate) fn collected(&self, collection: &Collection, now: DateTime<Utc>) {
        for kind in Kind::ALL {
            let tally = collection.of(kind);
            self.objects.with_label_values(&[kind.as_str()]).inc_by(tally.objects);
            self.bytes.with_label_values(&[kind.as_str()]).inc_by(tally.bytes);
        }
        for failure in &collection.failures {
            self.failures.with_label_values(&[failure.kind.as_str()]).inc();
        }
        self.last.set(now.timestamp());
    }
}
