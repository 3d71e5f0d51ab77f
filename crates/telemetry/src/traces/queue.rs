//! The bounded queue between the program and the exporter, with every span accounted for.
//!
//! The SDK's batch processor sends on a thread of its own, so a slow collector costs the program nothing; but it drops what
//! does not fit without a count. The gate in front of it knows how many spans are under way and drops them itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};
use tracing::{info, warn};

use crate::traces::settings::Batch;

/// Counts of what became of the spans.
#[derive(Debug, Clone)]
pub(crate) struct SpanCounts {
    exported: IntCounter,
    dropped: IntCounterVec,
    queue_full: IntCounter,
    export_failed: IntCounter,
}

impl SpanCounts {
    pub(crate) fn new() -> Self {
        let exported = IntCounter::new(
            "champion_telemetry_spans_exported_total",
            "Spans the collector accepted; 0 for ever when no endpoint is configured.",
        )
        .expect("the name is a valid metric name");
        let dropped = IntCounterVec::new(
            Opts::new("champion_telemetry_spans_dropped_total", "Spans that were lost, by reason."),
            &["reason"],
        )
        .expect("the name and the label are valid");
        let queue_full = dropped.with_label_values(&["queue_full"]);
        let export_failed = dropped.with_label_values(&["export_failed"]);
        Self { exported, dropped, queue_full, export_failed }
    }

    pub(crate) fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.exported.clone()))?;
        registry.register(Box::new(self.dropped.clone()))
    }
}

/// Puts the gate and the batch processor in front of an exporter.
pub(crate) fn processor<E>(exporter: E, batch: Batch, counts: &SpanCounts) -> impl SpanProcessor + use<E>
where
    E: SpanExporter + 'static,
{
    let under_way = Arc::new(AtomicUsize::new(0));
    let counted = Counted {
        inner: exporter,
        under_way: under_way.clone(),
        counts: counts.clone(),
        failing: AtomicBool::new(false),
    };
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(batch.queue)
        .with_max_export_batch_size(batch.size)
        .with_scheduled_delay(batch.delay)
        .build();
    let inner = BatchSpanProcessor::builder(counted).with_batch_config(config).build();
    Gate { inner, under_way, limit: batch.queue, queue_full: counts.queue_full.clone() }
}

#[derive(Debug)]
struct Gate {
    inner: BatchSpanProcessor,
    under_way: Arc<AtomicUsize>,
    limit: usize,
    queue_full: IntCounter,
}

impl SpanProcessor for Gate {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.under_way.fetch_add(1, Ordering::AcqRel) >= self.limit {
            self.under_way.fetch_sub(1, Ordering::AcqRel);
            self.queue_full.inc();
            return;
        }
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[derive(Debug)]
struct Counted<E> {
    inner: E,
    under_way: Arc<AtomicUsize>,
    counts: SpanCounts,
    failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        // They have left the queue; a slow answer must not close the gate for those behind them.
        self.under_way.fetch_sub(spans, Ordering::AcqRel);
        let result = self.inner.export(batch).await;
        match &result {
            Ok(()) => {
                self.counts.exported.inc_by(spans as u64);
                if self.failing.swap(false, Ordering::AcqRel) {
                    info!("spans are exported again");
                }
            }
            Err(error) => {
                self.counts.export_failed.inc_by(spans as u64);
                // Once, not at every batch: a collector may be down for days.
                if !self.failing.swap(true, Ordering::AcqRel) {
                    warn!(%error, "spans cannot be exported; work goes on without");
                }
            }
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
