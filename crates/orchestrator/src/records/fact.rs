//! What stands in the lake of days and runs: the form of the objects and their keys.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use champion_market_data::{Dataset, Exchange, RowCounts, TradeDate};
use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

use crate::journal::{DayRecord, RunRecord, Totals};
use crate::plan::RunSpec;
use crate::vocabulary::{DayState, RunKind, RunMode, RunStatus};

/// Where the ends of days stand.
pub(crate) const DAYS: &str = "state/days";
/// Where the runs that go on stand.
pub(crate) const OPEN_RUNS: &str = "state/runs/open";
/// Where the runs that have ended stand.
pub(crate) const ENDED_RUNS: &str = "state/runs/ended";

/// The end of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DayFact {
    pub(crate) state: DayState,
    /// Why, for every state but "present".
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    pub(crate) counts: RowCounts,
    /// Whether every step found its work done.
    #[serde(default)]
    pub(crate) unchanged: bool,
    /// The run that concluded it; empty when no record says so.
    #[serde(default)]
    pub(crate) run_id: String,
    pub(crate) concluded_at: DateTime<Utc>,
    /// The epoch of the orchestrator that concluded it.
    #[serde(default)]
    pub(crate) fencing_token: u64,
}

impl DayFact {
    pub(crate) fn new(day: &DayRecord, run_id: &str, at: DateTime<Utc>, fencing_token: u64) -> Self {
        let DayRecord { state, reason, counts, unchanged, .. } = day.clone();
        let (run_id, concluded_at) = (run_id.to_owned(), at.trunc_subsecs(3));
        Self { state, reason, counts, unchanged, run_id, concluded_at, fencing_token }
    }

    /// Tells whether a later end takes this one's place: a session that is in stays in.
    pub(crate) fn gives_way_to(&self, later: &Self) -> bool {
        self.state != DayState::Present || later.state == DayState::Present
    }
}

/// The days of one month of a dataset that have come to an end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MonthFact {
    pub(crate) days: BTreeMap<TradeDate, DayFact>,
}

/// A month of a dataset and exchange; an object holds its days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Month {
    pub(crate) exchange: Exchange,
    pub(crate) dataset: Dataset,
    pub(crate) year: i32,
    pub(crate) month: u32,
}

impl Month {
    pub(crate) fn of(dataset: Dataset, exchange: Exchange, date: TradeDate) -> Self {
        let (year, month) = date.month();
        Self { exchange, dataset, year, month }
    }

    /// Reads the month from the key of one of its objects.
    pub(crate) fn from_key(key: &str) -> Option<Self> {
        let mut parts = key.strip_prefix(DAYS)?.strip_prefix('/')?.split('/');
        let (exchange, dataset) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (year, month) = parts.next()?.split_once('-')?;
        version_of(key)?;
        Some(Self { exchange, dataset, year: year.parse().ok()?, month: month.parse().ok()? })
    }

    /// Returns the pattern of the month's dates.
    pub(crate) fn dates(&self) -> String {
        format!("{}-{:02}-*", self.year, self.month)
    }

    /// Returns the key of a version of the month: who leads writes a new one and never replaces one, so that what a
    /// superseded orchestrator might still write lies under an older epoch, where nobody reads it.
    pub(crate) fn key(&self, epoch: u64, number: u64) -> String {
        format!("{self}/{epoch:012}-{number:08}.json")
    }
}

/// The folder of the month's versions.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exchange, dataset, year, month } = self;
        write!(f, "{DAYS}/{exchange}/{dataset}/{year}-{month:02}")
    }
}

/// Returns epoch and number of a version; versions of a month are ordered by both, as their keys are.
pub(crate) fn version_of(key: &str) -> Option<(u64, u64)> {
    let (epoch, number) = key.rsplit('/').next()?.strip_suffix(".json")?.split_once('-')?;
    Some((epoch.parse().ok()?, number.parse().ok()?))
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunFact {
    pub(crate) run_id: String,
    pub(crate) trace_id: String,
    /// Parent of the run's spans; whoever takes the run up takes it too.
    pub(crate) traceparent: String,
    pub(crate) kind: RunKind,
    pub(crate) mode: RunMode,
    pub(crate) dataset: Dataset,
    pub(crate) exchange: Exchange,
    pub(crate) from: TradeDate,
    pub(crate) to: TradeDate,
    pub(crate) status: RunStatus,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) error: String,
    pub(crate) started_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) finished_at: Option<DateTime<Utc>>,
    /// Zero while the run goes on.
    #[serde(default)]
    pub(crate) totals: Totals,
}

impl RunFact {
    /// Returns where a run stands, by whether it goes on.
    pub(crate) fn key(&self) -> String {
        let zone = if self.status == RunStatus::Running { OPEN_RUNS } else { ENDED_RUNS };
        format!("{zone}/{}.json", self.run_id)
    }

    /// Tells whether the run asks for a day.
    pub(crate) fn covers(&self, dataset: Dataset, exchange: Exchange, date: TradeDate) -> bool {
        (self.dataset, self.exchange) == (dataset, exchange) && (self.from..=self.to).contains(&date)
    }
}

impl From<RunRecord> for RunFact {
    fn from(run: RunRecord) -> Self {
        let RunSpec { kind, mode, dataset, exchange, from, to } = run.spec;
        Self {
            run_id: run.run_id,
            trace_id: run.trace_id,
            traceparent: run.traceparent,
            kind,
            mode,
            dataset,
            exchange,
            from,
            to,
            status: run.status,
            error: run.error,
            started_at: run.started_at,
            finished_at: run.finished_at,
            totals: run.totals,
        }
    }
}

impl From<RunFact> for RunRecord {
    fn from(run: RunFact) -> Self {
        let RunFact { kind, mode, dataset, exchange, from, to, .. } = run;
        Self {
            run_id: run.run_id,
            trace_id: run.trace_id,
            traceparent: run.traceparent,
            spec: RunSpec { kind, mode, dataset, exchange, from, to },
            status: run.status,
            error: run.error,
            started_at: run.started_at,
            finished_at: run.finished_at,
            totals: run.totals,
        }
    }
}

/// Returns the JSON that is stored, for people too.
pub(crate) fn to_json(value: &impl Serialize) -> Bytes {
    let mut text = serde_json::to_vec_pretty(value).expect("texts, numbers and dates always serialise");
    text.push(b'\n');
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_found_again_from_the_key_of_a_version_and_versions_sort_as_their_keys() {
        let month = Month::of(Dataset::FullBhavcopy, Exchange::Nse, "2025-02-04".parse().expect("a date"));
        let key = month.key(3, 12);
        assert_eq!(key, "state/days/nse/full_bhavcopy/2025-02/000000000003-00000012.json");
        assert_eq!(Month::from_key(&key), Some(month));
        assert_eq!(version_of(&key), Some((3, 12)));
        assert!(month.key(9, 99) < month.key(10, 1));
        assert_eq!(Month::from_key("state/days/nse/full_bhavcopy/2025-02/notes.txt"), None);
    }

    #[test]
    fn the_form_in_the_lake_reads_back() {
        let date: TradeDate = "2025-02-04".parse().expect("a date");
        let at = "2025-02-04T12:00:00.123456Z".parse().expect("an instant");
        let fact = DayFact::new(&DayRecord::without_rows(date, DayState::Gap, "404"), "run", at, 7);
        let month = MonthFact { days: BTreeMap::from([(date, fact)]) };
        let text = to_json(&month);
        assert!(String::from_utf8_lossy(&text).contains("\"concluded_at\": \"2025-02-04T12:00:00.123Z\""));
        assert_eq!(serde_json::from_slice::<MonthFact>(&text).expect("it is ours"), month);
    }
}
