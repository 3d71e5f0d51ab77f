//! What the mirror measures.

use champion_telemetry::metrics::counter_vec;
use prometheus::{IntCounterVec, Registry};

use crate::fault::Kind;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A file, a page or an answer of the API.
    Served,
    /// 304.
    NotModified,
    /// The exchange has no such file.
    Missing,
    /// The user agent is refused.
    AgentRefused,
    /// The API wants a session.
    NoSession,
    /// A rule spoilt it.
    Fault,
    /// The request itself is wrong: unknown host, bad path, method not allowed.
    BadRequest,
    /// The mirror failed.
    Failed,
}

impl Outcome {
    const ALL: [Self; 8] = [
        Self::Served,
        Self::NotModified,
        Self::Missing,
        Self::AgentRefused,
        Self::NoSession,
        Self::Fault,
        Self::BadRequest,
        Self::Failed,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::NotModified => "not_modified",
            Self::Missing => "missing",
            Self::AgentRefused => "agent_refused",
            Self::NoSession => "no_session",
            Self::Fault => "fault",
            Self::BadRequest => "bad_request",
            Self::Failed => "failed",
        }
    }
}

/// Counters of requests and faults.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    requests: IntCounterVec,
    faults: IntCounterVec,
}

impl Metrics {
    /// Registers the counters, every combination at 0.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = counter_vec(
            registry,
            "champion_exchange_mirror_requests_total",
            "Requests for an exchange's URLs, by how they ended",
            &["outcome"],
        )?;
        let faults = counter_vec(
            registry,
            "champion_exchange_mirror_faults_total",
            "Answers spoilt by a fault rule, by kind",
            &["kind"],
        )?;
        for outcome in Outcome::ALL {
            requests.with_label_values(&[outcome.as_str()]);
        }
        for kind in Kind::all() {
            faults.with_label_values(&[kind.as_str()]);
        }
        Ok(Self { requests, faults })
    }

    pub(crate) fn count(&self, outcome: Outcome, fault: Option<Kind>) {
        self.requests.with_label_values(&[outcome.as_str()]).inc();
        if let Some(kind) = fault {
            self.faults.with_label_values(&[kind.as_str()]).inc();
        }
    }
}
