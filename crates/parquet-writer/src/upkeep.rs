//! The use cases that keep the lake, and their messages.

use champion_proto::writer::v1::verify_response::Event;
use champion_proto::writer::v1::{
    CollectFailure as WireCollectFailure, CollectResponse, Collected, CompactFinding, CompactResponse, CompactedMonth,
    Finding as WireFinding, VerifyProgress, VerifyRequest, VerifyResponse, VerifySummary,
};
use champion_proto::{WireError, parse_name};

use crate::collect::{CollectFailure, Collection, Collector, Tally};
use crate::compact::{Compacted, Compaction, Compactor, MonthFinding};
use crate::metrics::CollectMetrics;
use crate::verify::{Finding, Sweep, SweepEvent, SweepSummary, Verifier, Zone};

/// What keeps the lake whole and small.
#[derive(Debug, Clone)]
pub(crate) struct Upkeep {
    pub(crate) verifier: Verifier,
    pub(crate) collector: Collector,
    pub(crate) collect_metrics: CollectMetrics,
    pub(crate) compactor: Compactor,
}

/// Reads what is to be verified.
pub(crate) fn sweep(request: VerifyRequest) -> Result<Sweep, WireError> {
    let VerifyRequest { from_date, to_date, zones, repair } = request;
    let bound = |field, text: &str| if text.is_empty() { Ok(None) } else { parse_name(field, text).map(Some) };
    let mut named = zones.iter().map(|zone| parse_name("zones", zone)).collect::<Result<Vec<Zone>, WireError>>()?;
    if named.is_empty() {
        named.extend(Zone::KEPT);
    }
    named.sort_unstable();
    named.dedup();
    Ok(Sweep { from: bound("from_date", &from_date)?, to: bound("to_date", &to_date)?, zones: named, repair })
}

impl From<SweepEvent> for VerifyResponse {
    fn from(event: SweepEvent) -> Self {
        let event = match event {
            SweepEvent::Progress(zone, objects_done, objects_total) => {
                Event::Progress(VerifyProgress { zone: zone.to_string(), objects_done, objects_total })
            }
            SweepEvent::Finding(finding) => Event::Finding(finding.into()),
        };
        Self { event: Some(event) }
    }
}

impl From<Finding> for WireFinding {
    fn from(finding: Finding) -> Self {
        let Finding { zone, problem, key, detail, repair, moved_to, session, remains } = finding;
        let (dataset, exchange, trade_date) = session.map_or_else(Default::default, |(dataset, exchange, date)| {
            (dataset.to_string(), exchange.to_string(), date.to_string())
        });
        Self {
            zone: zone.to_string(),
            problem: problem.to_string(),
            key,
            detail,
            repair: repair.as_str().to_owned(),
            moved_to: moved_to.unwrap_or_default(),
            dataset,
            exchange,
            trade_date,
            remains,
        }
    }
}

/// The last event of a sweep.
pub(crate) fn summary(summary: SweepSummary) -> VerifyResponse {
    let SweepSummary { objects, bytes, findings, restored, remaining } = summary;
    VerifyResponse { event: Some(Event::Summary(VerifySummary { objects, bytes, findings, restored, remaining })) }
}

/// The answer to a collection.
pub(crate) fn collected(removed: bool, collection: Collection) -> CollectResponse {
    let wire = |Tally { objects, bytes }| Some(Collected { objects, bytes });
    let Collection { staged, leftovers, history, locks, failures } = collection;
    let failure = |CollectFailure { kind, key, reason }| WireCollectFailure { kind: kind.to_string(), key, reason };
    CollectResponse {
        removed,
        staged: wire(staged),
        leftovers: wire(leftovers),
        history: wire(history),
        locks: wire(locks),
        failures_total: failures.len() as u64,
        failures: failures.into_iter().take(MOST_FAILURES).map(failure).collect(),
    }
}

/// Most failures of one answer, so that it stays below the size of a message; all are counted.
const MOST_FAILURES: usize = 10_000;

impl From<Compaction> for CompactResponse {
    fn from(outcome: Compaction) -> Self {
        let finding = |MonthFinding { month, key, detail }| CompactFinding { month: month.to_string(), key, detail };
        Self {
            months: outcome.months.into_iter().map(Into::into).collect(),
            findings: outcome.findings.into_iter().map(finding).collect(),
        }
    }
}

impl From<Compacted> for CompactedMonth {
    fn from(done: Compacted) -> Self {
        Self {
            month: done.month.to_string(),
            artifact: Some(done.artifact.into()),
            sessions: u32::try_from(done.sessions).expect("a month has at most 31 sessions"),
            unchanged: done.unchanged,
        }
    }
}
