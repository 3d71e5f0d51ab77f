//! How days ended, by everything the lake says. Pure.
//!
//! Manifests decide what is published. A record adds that it was loaded, and tells of the days that have no rows. Where no
//! record is, as in a lake that is older than they are, the state follows from what lies there and says what is not known.

use std::collections::{BTreeMap, BTreeSet};

use champion_market_data::artifact::keys;
use champion_market_data::{Dataset, Exchange, RowCounts, Table, TradeDate};
use chrono::DateTime;

use super::fact::{DayFact, RunFact};
use super::survey::{Finding, Published};
use crate::vocabulary::DayState;

type Session = (Dataset, Exchange, TradeDate);

/// Everything that is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Manifests, by what their keys name.
    pub(super) published: BTreeMap<(Table, Exchange, TradeDate), Result<Published, Finding>>,
    pub(super) concluded: BTreeMap<Session, DayFact>,
    /// Sessions with bytes as received.
    pub(super) received: BTreeSet<Session>,
    /// Sessions with bytes or rows set aside, and where.
    pub(super) refused: BTreeMap<Session, String>,
    /// Runs that go on: what they have not concluded yet is theirs to conclude.
    pub(super) open: Vec<RunFact>,
}

/// What the manifests of a session's tables say.
enum Manifests {
    None,
    /// Every table is published.
    All {
        counts: RowCounts,
        newest: Published,
    },
    /// Not every one, for this reason.
    Some(String),
}

impl Known {
    /// Returns the manifests that cannot be read.
    pub(super) fn unreadable(&self) -> Vec<Finding> {
        self.published.values().filter_map(|read| read.as_ref().err().cloned()).collect()
    }

    fn manifests(&self, (dataset, exchange, date): Session) -> Manifests {
        let mut newest: Option<&Published> = None;
        let mut counts = None;
        let (mut missing, mut found) = (None, 0);
        for table in dataset.tables() {
            match self.published.get(&(*table, exchange, date)) {
                Some(Ok(manifest)) => {
                    found += 1;
                    if *table == dataset.principal_table() {
                        counts = Some(manifest.counts);
                    }
                    if newest.is_none_or(|newest| newest.published_at < manifest.published_at) {
                        newest = Some(manifest);
                    }
                }
                Some(Err(Finding { key, reason })) => {
                    return Manifests::Some(format!("{key} cannot be read: {reason}"));
                }
                None => missing = Some(keys::manifest(*table, exchange, date)),
            }
        }
        match (missing, counts, newest) {
            (None, Some(counts), Some(newest)) => Manifests::All { counts, newest: newest.clone() },
            (Some(key), ..) if found > 0 => Manifests::Some(format!("published in part: {key} is not in the lake")),
            _ => Manifests::None,
        }
    }

    /// Tells whether a run that goes on will conclude a session that has no record.
    fn is_under_way(&self, (dataset, exchange, date): Session) -> bool {
        self.open.iter().any(|run| run.covers(dataset, exchange, date))
    }

    fn state(&self, session: Session) -> Option<DayFact> {
        let (_, exchange, date) = session;
        let manifests = self.manifests(session);
        let failed = |fact: &DayFact, reason: String| DayFact {
            state: DayState::Failed,
            reason,
            counts: RowCounts::default(),
            ..fact.clone()
        };
        match (self.concluded.get(&session), manifests) {
            (Some(fact), Manifests::All { counts, .. }) if fact.state == DayState::Present => {
                Some(DayFact { counts, ..fact.clone() })
            }
            (Some(fact), Manifests::Some(reason)) if fact.state == DayState::Present => Some(failed(fact, reason)),
            (Some(fact), Manifests::None) if fact.state == DayState::Present => {
                let table = session.0.principal_table();
                let key = keys::manifest(table, exchange, date);
                Some(failed(fact, format!("recorded as in by run {}, and {key} is not in the lake", fact.run_id)))
            }
            (Some(fact), Manifests::All { counts, newest })
                if fact.state.is_an_absence()
                    && newest.published_at > fact.concluded_at
                    && !self.is_under_way(session) =>
            {
                Some(published(counts, &newest))
            }
            (Some(fact), _) => Some(fact.clone()),
            (None, _) if self.is_under_way(session) => None,
            (None, Manifests::All { counts, newest }) => Some(published(counts, &newest)),
            (None, Manifests::Some(reason)) => Some(without_record(DayState::Failed, reason)),
            (None, Manifests::None) => match self.refused.get(&session) {
                Some(key) => {
                    let reason = format!("set aside as {key}; no record says why");
                    Some(without_record(DayState::Refused, reason))
                }
                None => {
                    let reason = "the bytes as received are in the lake and no table of them is published".to_owned();
                    Some(without_record(DayState::Failed, reason))
                }
            },
        }
    }
}

/// A session that is published, with nothing that says that it was loaded.
fn published(counts: RowCounts, newest: &Published) -> DayFact {
    let Published { run_id, published_at, .. } = newest;
    DayFact {
        state: DayState::Present,
        reason: format!("published by run {run_id}; no record says that it was loaded"),
        counts,
        unchanged: false,
        run_id: run_id.clone(),
        concluded_at: *published_at,
        fencing_token: 0,
    }
}

fn without_record(state: DayState, reason: String) -> DayFact {
    let (counts, run_id) = (RowCounts::default(), String::new());
    DayFact { state, reason, counts, unchanged: false, run_id, concluded_at: DateTime::UNIX_EPOCH, fencing_token: 0 }
}

/// Returns the state of every session the lake knows something of.
pub(super) fn derive(known: &Known) -> BTreeMap<Session, DayFact> {
    let published = known.published.keys().map(|(table, exchange, date)| (table.dataset(), *exchange, *date));
    let sessions: BTreeSet<Session> = published
        .chain(known.concluded.keys().copied())
        .chain(known.received.iter().copied())
        .chain(known.refused.keys().copied())
        .collect();
    sessions.into_iter().filter_map(|session| Some((session, known.state(session)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{RunKind, RunMode, RunStatus};

    const COUNTS: RowCounts = RowCounts { rows_in: 10, published: 9, quarantined: 1, filtered: 0 };

    fn date(text: &str) -> TradeDate {
        text.parse().expect("a date")
    }

    fn session(day: &str) -> Session {
        (Dataset::Bhavcopy, Exchange::Nse, date(day))
    }

    fn publish(known: &mut Known, day: &str, tables: &[Table]) {
        for table in tables {
            let published = Published {
                table: *table,
                exchange: Exchange::Nse,
                trade_date: date(day),
                counts: COUNTS,
                run_id: "r".to_owned(),
                published_at: "2025-02-04T12:00:00Z".parse().expect("an instant"),
            };
            known.published.insert((*table, Exchange::Nse, date(day)), Ok(published));
        }
    }

    fn conclude(known: &mut Known, day: &str, state: DayState) {
        let fact = DayFact {
            concluded_at: "2025-02-04T13:00:00Z".parse().expect("an instant"),
            ..without_record(state, "as the run said".to_owned())
        };
        known.concluded.insert(session(day), fact);
    }

    fn told(known: &Known, day: &str) -> (DayState, String) {
        let days = derive(known);
        let fact = days.get(&session(day)).unwrap_or_else(|| panic!("nothing of {day}"));
        (fact.state, fact.reason.clone())
    }

    const BOTH: [Table; 2] = [Table::RawEquityOhlc, Table::NormalizedEquityOhlc];

    #[test]
    fn promise_46_what_is_published_is_decided_by_the_manifests_and_a_record_adds_that_it_was_loaded() {
        let mut known = Known::default();
        publish(&mut known, "2025-02-03", &BOTH);
        conclude(&mut known, "2025-02-03", DayState::Present);
        assert_eq!(told(&known, "2025-02-03").0, DayState::Present);
        assert_eq!(derive(&known)[&session("2025-02-03")].counts, COUNTS, "the books are those of the manifest");
        // A record alone is not believed.
        conclude(&mut known, "2025-02-04", DayState::Present);
        let (state, reason) = told(&known, "2025-02-04");
        assert_eq!(state, DayState::Failed);
        assert!(reason.contains("2025-02-04.manifest.json is not in the lake"), "{reason}");
        publish(&mut known, "2025-02-04", &BOTH[..1]);
        assert!(told(&known, "2025-02-04").1.starts_with("published in part"), "{:?}", told(&known, "2025-02-04"));
        // What was published and could not be loaded is not in.
        publish(&mut known, "2025-02-05", &BOTH);
        conclude(&mut known, "2025-02-05", DayState::Failed);
        assert_eq!(told(&known, "2025-02-05"), (DayState::Failed, "as the run said".to_owned()));
        for state in [DayState::Closed, DayState::Pending, DayState::Gap, DayState::Refused] {
            conclude(&mut known, "2025-02-06", state);
            assert_eq!(told(&known, "2025-02-06").0, state);
        }
    }

    #[test]
    fn promise_46_a_lake_without_records_tells_what_lies_there_and_what_is_not_known() {
        let mut known = Known::default();
        publish(&mut known, "2025-02-03", &BOTH);
        known.received.extend([session("2025-02-03"), session("2025-02-04"), session("2025-02-05")]);
        known.refused.insert(session("2025-02-04"), "quarantine/bhavcopy/nse/2025-02-04/x-d1.jsonl".to_owned());
        let (state, reason) = told(&known, "2025-02-03");
        assert_eq!(state, DayState::Present);
        assert_eq!(reason, "published by run r; no record says that it was loaded");
        assert_eq!(told(&known, "2025-02-04").0, DayState::Refused);
        assert_eq!(told(&known, "2025-02-05").0, DayState::Failed);
    }

    #[test]
    fn what_a_run_has_under_way_is_its_own_to_conclude() {
        let mut known = Known::default();
        publish(&mut known, "2025-02-03", &BOTH);
        known.received.insert(session("2025-02-04"));
        known.open.push(RunFact {
            run_id: "r".to_owned(),
            trace_id: String::new(),
            traceparent: String::new(),
            kind: RunKind::Backfill,
            mode: RunMode::Plain,
            dataset: Dataset::Bhavcopy,
            exchange: Exchange::Nse,
            from: date("2025-02-01"),
            to: date("2025-02-28"),
            status: RunStatus::Running,
            error: String::new(),
            started_at: DateTime::UNIX_EPOCH,
            finished_at: None,
            totals: Default::default(),
        });
        assert!(derive(&known).is_empty(), "{:?}", derive(&known));
    }

    #[test]
    fn an_unreadable_manifest_is_told_of_its_session_and_of_no_other() {
        let mut known = Known::default();
        publish(&mut known, "2025-02-03", &BOTH);
        publish(&mut known, "2025-02-04", &BOTH);
        conclude(&mut known, "2025-02-03", DayState::Present);
        conclude(&mut known, "2025-02-04", DayState::Present);
        let finding = Finding { key: "k".to_owned(), reason: "expected value".to_owned() };
        known.published.insert((BOTH[0], Exchange::Nse, date("2025-02-04")), Err(finding.clone()));
        assert_eq!(told(&known, "2025-02-03").0, DayState::Present);
        assert_eq!(told(&known, "2025-02-04"), (DayState::Failed, "k cannot be read: expected value".to_owned()));
        assert_eq!(known.unreadable(), [finding]);
    }
}
