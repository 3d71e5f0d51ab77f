//! The schedule in IST: what is due at an instant, and the loop that asks for it.
//!
//! A session's report is looked for from its usual hour until it is in or given up (domain §9); after a time away the
//! sessions that were missed come first. Once a day the newest sessions are asked again for corrections. What is due is a
//! pure function of clock, calendar and journal, so a restart neither forgets nor repeats anything.

use std::collections::BTreeMap;
use std::time::Duration;

use champion_market_data::{Absence, Calendar, Dataset, Exchange, TradeDate, absence, first_look, ist_instant};
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::Clock;
use crate::config::ScheduleConfig;
use crate::gaps::Recorded;
use crate::journal::{Journal, JournalError};
use crate::plan::RunSpec;
use crate::runs::Runs;
use crate::vocabulary::{DayState, RunKind, RunMode};

/// Asks for what is due, as long as the orchestrator leads.
#[derive(Clone)]
pub(crate) struct Schedule {
    pub(crate) rules: ScheduleConfig,
    pub(crate) journal: Journal,
    pub(crate) calendar: Calendar,
    pub(crate) clock: Clock,
}

impl Schedule {
    /// Looks at once and then at every poll, until the stop.
    pub(crate) async fn keep(self, runs: Runs, stop: CancellationToken) {
        if !self.rules.enabled {
            return;
        }
        let every = Duration::from_secs(self.rules.poll_seconds.get());
        info!(datasets = ?self.rules.datasets, poll_seconds = every.as_secs(), "schedule is kept");
        loop {
            for dataset in &self.rules.datasets {
                if let Err(error) = self.look(*dataset, &runs).await {
                    error!(%dataset, %error, "schedule cannot read the journal");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    async fn look(&self, dataset: Dataset, runs: &Runs) -> Result<(), JournalError> {
        let exchange = Exchange::Nse;
        // A run of the dataset that goes on may bring what is due.
        if runs.in_progress(dataset, exchange) > 0 {
            return Ok(());
        }
        let now = self.clock.now();
        let today = TradeDate::at(now);
        let first = self.calendar.sessions_back(today, self.rules.sessions_looked_at());
        let recorded = self.journal.dataset_days(dataset, exchange, first, today).await?;
        let rechecked = self.journal.last_recheck(dataset, exchange).await?.map(TradeDate::at);
        for spec in due(dataset, &self.rules, &self.calendar, &recorded, rechecked, now) {
            match runs.start(spec, None).await {
                Ok(run) => {
                    info!(%dataset, from = %spec.from, to = %spec.to, mode = %spec.mode, run_id = run.run_id, "due")
                }
                Err(refused) => info!(%dataset, from = %spec.from, to = %spec.to, %refused, "due and not begun"),
            }
        }
        Ok(())
    }
}

/// Returns the runs that are due for a dataset at an instant: what is missing first, then the look for corrections.
fn due(
    dataset: Dataset,
    rules: &ScheduleConfig,
    calendar: &Calendar,
    recorded: &BTreeMap<TradeDate, Recorded>,
    rechecked: Option<TradeDate>,
    now: DateTime<Utc>,
) -> Vec<RunSpec> {
    let today = TradeDate::at(now);
    let spec = |mode, from, to| {
        let kind = if from == to { RunKind::Day } else { RunKind::Backfill };
        RunSpec { kind, mode, dataset, exchange: Exchange::Nse, from, to }
    };
    let is_missing = |date: &TradeDate| {
        let may_be_there = *date < today || now >= ist_instant(today, first_look(dataset).0, first_look(dataset).1);
        let expected = calendar.expects_session(*date);
        let waited_for = absence(calendar, dataset, *date, now) == Absence::Pending;
        let wanted = match recorded.get(date).map(|recorded| recorded.state) {
            None | Some(DayState::Pending | DayState::Failed) => true,
            // Something came that must not be published: a good file may replace it as long as one is waited for.
            Some(DayState::Refused) => waited_for,
            Some(DayState::Present | DayState::Closed | DayState::Gap | DayState::Unknown) => false,
        };
        may_be_there && expected && wanted
    };
    let mut runs = Vec::new();
    let first = calendar.sessions_back(today, rules.catch_up_sessions.get()).max(dataset.first_date());
    let missing: Vec<TradeDate> = first.through(today).filter(is_missing).collect();
    if let (Some(from), Some(to)) = (missing.first(), missing.last()) {
        runs.push(spec(RunMode::Plain, *from, *to));
    }
    let due_again = now >= ist_instant(today, rules.recheck_hour.min(23), 0) && rechecked != Some(today);
    if due_again && rules.recheck_sessions > 0 {
        let yesterday = today.previous();
        let from = calendar.sessions_back(yesterday, rules.recheck_sessions).max(dataset.first_date());
        let any_in = recorded.range(from..=yesterday).any(|(_, day)| day.state == DayState::Present);
        if any_in {
            runs.push(spec(RunMode::Recheck, from, yesterday));
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> TradeDate {
        text.parse().expect("a date")
    }

    /// `MODE FROM TO` of what is due.
    fn due_at(dataset: Dataset, recorded: &[(&str, DayState)], rechecked: Option<&str>, now: &str) -> Vec<String> {
        let mut rules = ScheduleConfig::of_the_defaults();
        rules.catch_up_sessions = std::num::NonZeroU32::new(3).expect("not zero");
        let recorded = recorded
            .iter()
            .map(|(day, state)| (date(day), Recorded { state: *state, reason: String::new() }))
            .collect();
        let now = now.parse().expect("an instant");
        due(dataset, &rules, &Calendar::nse(), &recorded, rechecked.map(date), now)
            .iter()
            .map(|spec| format!("{} {} {}", spec.mode, spec.from, spec.to))
            .collect()
    }

    const IN: DayState = DayState::Present;
    /// The two sessions before Monday, 2025-02-24.
    const WEEK: [(&str, DayState); 2] = [("2025-02-20", IN), ("2025-02-21", IN)];

    fn with(state: DayState) -> Vec<(&'static str, DayState)> {
        [WEEK[0], WEEK[1], ("2025-02-24", state)].to_vec()
    }

    #[test]
    fn a_report_is_looked_for_from_its_hour_until_it_is_in_or_given_up() {
        let at = |recorded: &[_], now| due_at(Dataset::Bhavcopy, recorded, Some("2025-02-24"), now);
        assert!(at(&WEEK, "2025-02-24T16:34:00+05:30").is_empty());
        assert_eq!(at(&WEEK, "2025-02-24T16:35:00+05:30"), ["plain 2025-02-24 2025-02-24"]);
        assert_eq!(at(&with(DayState::Pending), "2025-02-24T20:00:00+05:30"), ["plain 2025-02-24 2025-02-24"]);
        assert_eq!(at(&with(DayState::Refused), "2025-02-24T20:00:00+05:30"), ["plain 2025-02-24 2025-02-24"]);
        assert!(at(&with(IN), "2025-02-24T20:00:00+05:30").is_empty());
        // The last look after the give-up hour makes a gap of it; then it is for a person.
        assert_eq!(at(&with(DayState::Pending), "2025-02-24T22:05:00+05:30"), ["plain 2025-02-24 2025-02-24"]);
        assert!(at(&with(DayState::Gap), "2025-02-24T22:10:00+05:30").is_empty());
        assert!(at(&with(DayState::Refused), "2025-02-24T22:10:00+05:30").is_empty());
        // A stage that failed is our own trouble and is tried on.
        assert_eq!(at(&with(DayState::Failed), "2025-02-24T23:00:00+05:30"), ["plain 2025-02-24 2025-02-24"]);
    }

    #[test]
    fn delivery_is_looked_for_over_the_following_sessions() {
        let pending = [("2025-02-20", DayState::Pending), ("2025-02-21", IN), ("2025-02-24", IN)];
        let due = due_at(Dataset::FullBhavcopy, &pending, Some("2025-02-24"), "2025-02-24T19:00:00+05:30");
        assert_eq!(due, ["plain 2025-02-20 2025-02-20"]);
    }

    #[test]
    fn sessions_missed_while_the_machine_was_off_come_first_and_closed_days_never() {
        // Wednesday the 26th is a holiday.
        let due = due_at(Dataset::Bhavcopy, &[("2025-02-24", IN)], Some("2025-02-27"), "2025-02-27T18:00:00+05:30");
        assert_eq!(due, ["plain 2025-02-25 2025-02-27"]);
        let holiday = [("2025-02-21", IN), ("2025-02-24", IN), ("2025-02-25", IN)];
        assert!(due_at(Dataset::Bhavcopy, &holiday, Some("2025-02-26"), "2025-02-26T18:00:00+05:30").is_empty());
    }

    #[test]
    fn once_a_day_the_newest_five_sessions_are_asked_again() {
        let at = |rechecked, now| due_at(Dataset::Bhavcopy, &with(IN), rechecked, now);
        assert!(at(Some("2025-02-23"), "2025-02-24T07:59:00+05:30").is_empty());
        assert_eq!(at(Some("2025-02-23"), "2025-02-24T08:00:00+05:30"), ["recheck 2025-02-17 2025-02-23"]);
        assert_eq!(at(None, "2025-02-24T09:00:00+05:30"), ["recheck 2025-02-17 2025-02-23"]);
        assert!(at(Some("2025-02-24"), "2025-02-24T09:00:00+05:30").is_empty());
    }

    #[test]
    fn promise_24_the_hosts_time_zone_and_an_hour_around_midnight_change_no_business_date() {
        // 19:30 UTC of the 24th is 01:00 of the 25th in India: the 24th is over and the 25th not yet due.
        assert!(due_at(Dataset::Bhavcopy, &with(IN), Some("2025-02-25"), "2025-02-24T19:30:00Z").is_empty());
        assert_eq!(
            due_at(Dataset::Bhavcopy, &with(IN), Some("2025-02-25"), "2025-02-25T11:05:00Z"),
            ["plain 2025-02-25 2025-02-25"]
        );
    }
}
