use std::time::Duration;

use champion_lake::testing::{Fault, Faults, Leaves};
use champion_lake::{Candidate, Look, ORCHESTRATOR};
use champion_market_data::RowCounts;
use tempfile::TempDir;

use super::*;
use crate::vocabulary::DayState;

struct Place {
    lake: Lake,
    journal: Journal,
    folder: TempDir,
}

async fn place() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open_folder(&folder.path().join("lake")).expect("a lake");
    let journal =
        Journal::open(&folder.path().join("journal.sqlite"), Duration::from_secs(1)).await.expect("a journal");
    Place { lake, journal, folder }
}

impl Place {
    async fn lead(&self) -> Records {
        let lasts = Duration::ZERO;
        let mut candidate = Candidate::new(&self.lake, ORCHESTRATOR, String::new(), lasts).await.expect("a candidate");
        // The second look follows a holder that has been silent for no time at all.
        for _ in 0..2 {
            if let Look::Taken(lease) = candidate.look().await.expect("an answer") {
                return Records::new(self.lake.clone(), self.journal.clone(), lease.epoch().number);
            }
        }
        panic!("nobody leads");
    }

    async fn survey(&self) -> Survey {
        Surveyor::new(self.lake.clone()).survey(&|_| {}).await.expect("a survey")
    }

    async fn begin(&self, run_id: &str) {
        let run = crate::journal::NewRun {
            run_id: run_id.to_owned(),
            trace_id: String::new(),
            traceparent: String::new(),
            spec: crate::plan::RunSpec {
                kind: crate::vocabulary::RunKind::Backfill,
                mode: crate::vocabulary::RunMode::Plain,
                dataset: Dataset::Bhavcopy,
                exchange: Exchange::Nse,
                from: date("2025-01-01"),
                to: date("2025-02-28"),
            },
            started_at: at(),
        };
        self.journal.begin_run(run).await.expect("begun");
    }
}

fn date(text: &str) -> TradeDate {
    text.parse().expect("a date")
}

fn at() -> DateTime<Utc> {
    "2025-03-01T12:00:00Z".parse().expect("an instant")
}

fn ended(day: &str, state: DayState) -> Concluded {
    let day = DayRecord {
        trade_date: date(day),
        state,
        reason: "so it is".to_owned(),
        counts: RowCounts::default(),
        unchanged: false,
    };
    Concluded { run_id: "r".to_owned(), dataset: Dataset::Bhavcopy, exchange: Exchange::Nse, days: vec![day], at: at() }
}

fn states(survey: &Survey) -> Vec<(String, DayState)> {
    survey.days.iter().map(|((_, _, date), fact)| (date.to_string(), fact.state)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_that_come_together_are_written_together_and_none_is_lost() {
    let place = place().await;
    place.begin("r").await;
    let records = place.lead().await;
    let days: Vec<String> = (1..=28).map(|day| format!("2025-02-{day:02}")).collect();
    let all = futures::future::join_all(days.iter().map(|day| records.conclude(ended(day, DayState::Gap)))).await;
    all.into_iter().for_each(|noted| noted.expect("noted"));
    assert_eq!(states(&place.survey().await).len(), 28);
    let versions = place.lake.list("state/days").await.expect("listed");
    assert_eq!(versions.len(), 1, "earlier versions go: {versions:?}");
    let (_, writes) = version_of(&versions[0]).expect("a version");
    assert!(writes < 28, "{writes} writes for 28 days that ended at once");
    let agreed = place.journal.lake_months().await.expect("read");
    assert_eq!(agreed, None, "a journal that was not made from the lake does not count as in step");
}

#[tokio::test]
async fn promise_47_a_superseded_orchestrator_notes_nothing_and_is_told_by_whom() {
    let place = place().await;
    place.begin("r").await;
    let old = place.lead().await;
    old.conclude(ended("2025-02-03", DayState::Gap)).await.expect("it leads");
    let new = place.lead().await;
    let refused = old.conclude(ended("2025-02-03", DayState::Refused)).await.expect_err("it leads no longer");
    assert_eq!(refused.to_string(), "superseded by orchestrator epoch 2");
    new.conclude(ended("2025-02-04", DayState::Gap)).await.expect("it leads");
    // Even a write that was decided on before lies under the older epoch, where nobody reads it.
    let month = Month::of(Dataset::Bhavcopy, Exchange::Nse, date("2025-02-03"));
    let late = MonthFact {
        days: [(date("2025-02-04"), DayFact::new(&ended("2025-02-04", DayState::Refused).days[0], "r", at(), 1))]
            .into(),
    };
    place.lake.put_if_absent(&month.key(1, 99), to_json(&late)).await.expect("nothing stops it");
    let expected = ["2025-02-03", "2025-02-04"].map(|day| (day.to_owned(), DayState::Gap));
    assert_eq!(states(&place.survey().await), expected);
    new.conclude(ended("2025-02-05", DayState::Gap)).await.expect("it leads");
    assert_eq!(place.lake.list(&month.to_string()).await.expect("listed").len(), 2, "it is not in the way");
}

#[tokio::test]
async fn a_session_that_is_in_stays_in_and_an_absence_gives_way() {
    let place = place().await;
    place.begin("r").await;
    let records = place.lead().await;
    for state in [DayState::Pending, DayState::Present, DayState::Failed] {
        records.conclude(ended("2025-02-03", state)).await.expect("noted");
    }
    let month = place.survey().await.concluded;
    assert_eq!(month.iter().map(|(.., fact)| fact.state).collect::<Vec<_>>(), [DayState::Present]);
}

#[tokio::test]
async fn promise_46_what_a_full_disk_did_not_take_is_brought_in_when_there_is_room() {
    let place = place().await;
    place.begin("r").await;
    let faults = Faults::on_folder(&place.folder.path().join("other"));
    let lake = Lake::open_folder(&place.folder.path().join("other")).expect("a lake");
    let records = Records::new(lake.clone(), place.journal.clone(), 1);
    faults.fail_write(1, Fault::NoSpace, Leaves::Nothing);
    records.conclude(ended("2025-02-03", DayState::Gap)).await.expect("the journal has it");
    assert!(faults.fired());
    assert_eq!(place.journal.unrecorded().await.expect("read").len(), 1);
    records.catch_up().await.expect("there is room");
    assert!(place.journal.unrecorded().await.expect("read").is_empty());
    let survey = Surveyor::new(lake).survey(&|_| {}).await.expect("a survey");
    assert_eq!(states(&survey), [("2025-02-03".to_owned(), DayState::Gap)]);
}

#[tokio::test]
async fn promise_46_a_month_that_cannot_be_read_is_a_finding_and_is_made_anew_by_the_next_write() {
    let place = place().await;
    place.begin("r").await;
    let records = place.lead().await;
    records.conclude(ended("2025-01-03", DayState::Gap)).await.expect("noted");
    records.conclude(ended("2025-02-03", DayState::Gap)).await.expect("noted");
    let month = Month::of(Dataset::Bhavcopy, Exchange::Nse, date("2025-02-03"));
    let key = place.lake.list(&month.to_string()).await.expect("listed").remove(0);
    std::fs::write(place.folder.path().join("lake").join(&key), "{\"days\":").expect("ours");
    let survey = place.survey().await;
    assert_eq!(states(&survey), [("2025-01-03".to_owned(), DayState::Gap)], "the other month is not in question");
    assert_eq!(survey.findings.iter().map(|finding| finding.key.as_str()).collect::<Vec<_>>(), [key.as_str()]);
    drop(records.pause().await);
    records.conclude(ended("2025-02-04", DayState::Gap)).await.expect("noted");
    let survey = place.survey().await;
    assert_eq!(states(&survey).len(), 3, "the journal knew the day: {:?}", states(&survey));
    assert!(survey.findings.is_empty());
    let aside = place.lake.list("quarantine/damaged").await.expect("listed");
    assert_eq!(aside.len(), 1, "{aside:?}");
}
