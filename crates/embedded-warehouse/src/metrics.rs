//! Metrics of the warehouse.

use std::time::Duration;

use champion_telemetry::{Registry, metrics};
use prometheus::{HistogramVec, IntCounter, IntGauge};

use crate::exception::Code;
use crate::sql::Kind;

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    /// The client's mistake: the answer was a 4xx.
    Invalid,
    /// The engine's or this process's failure.
    Failed,
    /// Given up: the client went away or the process stopped.
    Cancelled,
    /// Not run: the queue was full, or the statement reaches for what is not allowed.
    Refused,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Ok, Self::Invalid, Self::Failed, Self::Cancelled, Self::Refused];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
        }
    }

    /// Tells what an error means.
    pub(crate) fn of(code: Code) -> Self {
        if [Code::ACCESS_DENIED, Code::READONLY, Code::TOO_MANY_SIMULTANEOUS_QUERIES].contains(&code) {
            Self::Refused
        } else if code == Code::QUERY_WAS_CANCELLED {
            Self::Cancelled
        } else if code.status().is_client_error() {
            Self::Invalid
        } else {
            Self::Failed
        }
    }
}

/// From a lookup by key to a load of a year of days: each step about three times the one before.
const SECONDS: [f64; 12] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];

/// The metrics, registered and at 0.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    queries: prometheus::IntCounterVec,
    seconds: HistogramVec,
    written_rows: IntCounter,
    /// Requests in progress, in the queue or on a thread.
    pub(crate) in_progress: IntGauge,
    /// Open sessions.
    pub(crate) sessions: IntGauge,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    ///
    /// Fails when a name is taken.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let queries = metrics::counter_vec(
            registry,
            "champion_warehouse_queries_total",
            "Statements by kind and by how they ended.",
            &["kind", "status"],
        )?;
        let seconds = metrics::histogram_vec(
            registry,
            "champion_warehouse_query_duration_seconds",
            "Time a statement took on its thread, the sending of its answer included.",
            &["kind"],
            &SECONDS,
        )?;
        for kind in Kind::ALL {
            seconds.with_label_values(&[kind.as_str()]);
            for outcome in Outcome::ALL {
                queries.with_label_values(&[kind.as_str(), outcome.as_str()]);
            }
        }
        let written_rows =
            IntCounter::new("champion_warehouse_written_rows_total", "Rows inserted from request bodies.")?;
        let in_progress =
            IntGauge::new("champion_warehouse_requests_in_progress", "Requests in the queue or on a thread.")?;
        let sessions = IntGauge::new("champion_warehouse_sessions", "Open sessions.")?;
        registry.register(Box::new(written_rows.clone()))?;
        registry.register(Box::new(in_progress.clone()))?;
        registry.register(Box::new(sessions.clone()))?;
        Ok(Self { queries, seconds, written_rows, in_progress, sessions })
    }

    /// Counts a statement that has ended.
    pub(crate) fn finished(&self, kind: Kind, outcome: Outcome, took: Duration) {
        self.queries.with_label_values(&[kind.as_str(), outcome.as_str()]).inc();
        self.seconds.with_label_values(&[kind.as_str()]).observe(took.as_secs_f64());
    }

    /// Counts a request that never reached a thread.
    pub(crate) fn refused(&self, code: Code) {
        self.queries.with_label_values(&[Kind::Other.as_str(), Outcome::of(code).as_str()]).inc();
    }

    /// Counts inserted rows.
    pub(crate) fn inserted(&self, rows: u64) {
        self.written_rows.inc_by(rows);
    }
}
