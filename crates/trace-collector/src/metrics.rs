//! What the collector counts.

use champion_telemetry::metrics::{counter_vec, histogram_vec, int_gauge_vec};
use prometheus::{Error, Histogram, IntCounter, IntCounterVec, IntGauge, Registry};

/// How spans came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP with protobuf.
    Http,
}

impl Protocol {
    const ALL: [Self; 2] = [Self::Grpc, Self::Http];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }
}

/// Why a span is not in the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// There was no room in memory: the warehouse is slow or away.
    QueueFull,
    /// The warehouse refused its batch again and again.
    Refused,
    /// The process stopped before it was written.
    Stopped,
    /// It is the collector's own.
    Own,
}

impl Dropped {
    const ALL: [Self; 4] = [Self::QueueFull, Self::Refused, Self::Stopped, Self::Own];

    const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
            Self::Own => "own",
        }
    }
}

/// Seconds of one insert: some milliseconds on loopback, up to the statement's timeout.
const WRITE_BUCKETS: [f64; 8] = [0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// The collector's metrics.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    received: IntCounterVec,
    dropped: IntCounterVec,
    /// Spans in the warehouse.
    pub(crate) written: IntCounter,
    /// Spans in memory.
    pub(crate) queued: IntGauge,
    /// Seconds of one insert, failed ones included.
    pub(crate) write_seconds: Histogram,
}

impl Metrics {
    /// Registers the metrics, every label combination at 0.
    pub(crate) fn register(registry: &Registry) -> Result<Self, Error> {
        let received = counter_vec(
            registry,
            "champion_trace_collector_spans_received_total",
            "Spans received, by protocol.",
            &["protocol"],
        )?;
        let dropped = counter_vec(
            registry,
            "champion_trace_collector_spans_dropped_total",
            "Spans received and not kept, by reason.",
            &["reason"],
        )?;
        for protocol in Protocol::ALL {
            let _ = received.with_label_values(&[protocol.as_str()]);
        }
        for reason in Dropped::ALL {
            let _ = dropped.with_label_values(&[reason.as_str()]);
        }
        let written = counter_vec(
            registry,
            "champion_trace_collector_spans_written_total",
            "Spans written to the warehouse.",
            &[],
        )?;
        let queued = int_gauge_vec(
            registry,
            "champion_trace_collector_spans_queued",
            "Spans in memory that wait for the warehouse.",
            &[],
        )?;
        let write_seconds = histogram_vec(
            registry,
            "champion_trace_collector_write_duration_seconds",
            "Seconds of one insert of spans, failed ones included.",
            &[],
            &WRITE_BUCKETS,
        )?;
        Ok(Self {
            received,
            dropped,
            written: written.with_label_values::<&str>(&[]),
            queued: queued.with_label_values::<&str>(&[]),
            write_seconds: write_seconds.with_label_values::<&str>(&[]),
        })
    }

    /// Counts received spans.
    pub(crate) fn received(&self, protocol: Protocol, spans: usize) {
        self.received.with_label_values(&[protocol.as_str()]).inc_by(spans as u64);
    }

    /// Counts spans that are not kept.
    pub(crate) fn dropped(&self, reason: Dropped, spans: usize) {
        self.dropped.with_label_values(&[reason.as_str()]).inc_by(spans as u64);
    }
}
