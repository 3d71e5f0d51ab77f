//! Rate, errors and duration of calls, measured once for every service.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Registry};
use tonic::Code;

use crate::grpc::method::Method;
use crate::grpc::status::{CODES, grpc_code_label};
use crate::metrics::{counter_vec, histogram_vec, int_gauge_vec};

/// From a cached answer to a month's load; the longest call of a stage takes minutes.
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// Label of a method the server does not have: the path is the caller's, and callers are unbounded.
const UNKNOWN: &str = "unknown";
const METHOD_LABELS: [&str; 2] = ["grpc_service", "grpc_method"];

/// Which side of the call is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// The families of one side.
#[derive(Debug, Clone)]
pub(super) struct CallMetrics {
    side: Side,
    started: IntCounterVec,
    handled: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGaugeVec,
    known: Arc<BTreeSet<String>>,
}

impl CallMetrics {
    pub(super) fn register(registry: &Registry, side: Side) -> Result<Self, prometheus::Error> {
        let name = |rest: &str| format!("grpc_{}_{rest}", side.as_str());
        let metrics = Self {
            side,
            started: counter_vec(registry, &name("started_total"), "Calls begun.", &METHOD_LABELS)?,
            handled: counter_vec(
                registry,
                &name("handled_total"),
                "Calls ended, by status code; a call nobody waits for any more is Canceled.",
                &["grpc_service", "grpc_method", "grpc_code"],
            )?,
            seconds: histogram_vec(
                registry,
                &name("handling_seconds"),
                "Time from the request to the end of the response.",
                &METHOD_LABELS,
                &SECONDS,
            )?,
            in_flight: int_gauge_vec(registry, &name("in_flight"), "Calls in progress.", &METHOD_LABELS)?,
            known: Arc::default(),
        };
        if side == Side::Server {
            metrics.initialise(UNKNOWN, UNKNOWN);
        }
        Ok(metrics)
    }

    /// Shows every combination of the given methods (`package.Service/Method`) at 0 from now on.
    pub(super) fn know(&mut self, methods: impl IntoIterator<Item = String>) {
        let known = Arc::make_mut(&mut self.known);
        known.extend(methods);
        for full in self.known.iter() {
            let method = Method::of_path(full);
            self.initialise(method.service, method.name);
        }
    }

    fn initialise(&self, service: &str, method: &str) {
        self.started.with_label_values(&[service, method]);
        self.seconds.with_label_values(&[service, method]);
        self.in_flight.with_label_values(&[service, method]);
        for code in CODES {
            self.handled.with_label_values(&[service, method, grpc_code_label(code)]);
        }
    }

    /// Counts a call's begin.
    pub(super) fn start(&self, method: Method<'_>) -> Started {
        // A client's methods are written in its own code; a server's come from outside.
        let trusted = self.side == Side::Client || self.known.contains(method.full);
        let (service, name) = if trusted { (method.service, method.name) } else { (UNKNOWN, UNKNOWN) };
        let labels = [service.to_owned(), name.to_owned()];
        self.started.with_label_values(&labels).inc();
        self.in_flight.with_label_values(&labels).inc();
        Started { metrics: self.clone(), labels }
    }
}

/// A call that is counted as begun.
#[derive(Debug)]
pub(super) struct Started {
    metrics: CallMetrics,
    labels: [String; 2],
}

impl Started {
    /// Counts its end.
    pub(super) fn finish(self, code: Code, elapsed: Duration) {
        let [service, method] = &self.labels;
        self.metrics.in_flight.with_label_values(&self.labels).dec();
        self.metrics.seconds.with_label_values(&self.labels).observe(elapsed.as_secs_f64());
        self.metrics.handled.with_label_values(&[service.as_str(), method.as_str(), grpc_code_label(code)]).inc();
    }
}
