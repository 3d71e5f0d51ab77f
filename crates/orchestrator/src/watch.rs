//! How many of the newest sessions are missing, counted all the time.
//!
//! A gap is an expected session that is no longer waited for and is not in: never there, refused or failed. Nothing is
//! missing before the first session that came in, so a new installation does not begin with gaps.

use std::time::Duration;

use champion_market_data::{Absence, Calendar, Dataset, Exchange, TradeDate, absence};
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::Clock;
use crate::config::WatchConfig;
use crate::gaps::{SessionState, report};
use crate::journal::{Journal, JournalError};
use crate::metrics::Metrics;
use crate::office::Office;
use crate::vocabulary::DayState;

/// Counts gaps, as long as the orchestrator lives.
pub(crate) struct Watch {
    pub(crate) rules: WatchConfig,
    pub(crate) journal: Journal,
    pub(crate) office: Office,
    pub(crate) metrics: Metrics,
    pub(crate) calendar: Calendar,
    pub(crate) clock: Clock,
}

impl Watch {
    /// Counts at once and then at every poll, until the stop.
    pub(crate) async fn keep(self, stop: CancellationToken) {
        let every = Duration::from_secs(self.rules.poll_seconds.get());
        loop {
            if let Err(error) = self.office.freshen().await {
                error!(%error, "what is told stands as it was");
            }
            for dataset in &self.rules.datasets {
                match self.count(*dataset).await {
                    Ok(gaps) => self.metrics.gaps_found(*dataset, gaps),
                    Err(error) => error!(%dataset, %error, "gaps cannot be counted"),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    async fn count(&self, dataset: Dataset) -> Result<usize, JournalError> {
        let now = self.clock.now();
        let Some(first_in) = self.journal.first_present(dataset, Exchange::Nse).await? else { return Ok(0) };
        let today = TradeDate::at(now);
        let first = self.calendar.sessions_back(today, self.rules.sessions.get()).max(first_in);
        if first > today {
            return Ok(0);
        }
        let recorded = self.journal.dataset_days(dataset, Exchange::Nse, first, today).await?;
        let days = report(dataset, (first, today), &recorded, &self.calendar, now);
        Ok(gaps(dataset, &days, &self.calendar, now))
    }
}

fn gaps(dataset: Dataset, days: &[SessionState], calendar: &Calendar, now: DateTime<Utc>) -> usize {
    let missing = |day: &&SessionState| match day.state {
        DayState::Gap => true,
        DayState::Refused | DayState::Failed => absence(calendar, dataset, day.date, now) == Absence::Gap,
        DayState::Present | DayState::Closed | DayState::Pending | DayState::Unknown => false,
    };
    days.iter().filter(missing).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::gaps::Recorded;

    fn counted(recorded: &[(&str, DayState)], now: &str) -> usize {
        let date = |text: &str| text.parse::<TradeDate>().expect("a date");
        let now: DateTime<Utc> = now.parse().expect("an instant");
        let recorded: BTreeMap<_, _> = recorded
            .iter()
            .map(|(day, state)| (date(day), Recorded { state: *state, reason: String::new() }))
            .collect();
        let calendar = Calendar::nse();
        let range = (date("2025-02-20"), TradeDate::at(now));
        gaps(Dataset::Bhavcopy, &report(Dataset::Bhavcopy, range, &recorded, &calendar, now), &calendar, now)
    }

    #[test]
    fn a_session_is_a_gap_only_when_nobody_waits_for_it_any_more() {
        let week = [("2025-02-20", DayState::Present), ("2025-02-21", DayState::Present)];
        assert_eq!(counted(&week, "2025-02-24T21:59:00+05:30"), 0);
        assert_eq!(counted(&week, "2025-02-24T22:00:00+05:30"), 1);
        // A holiday, 2025-02-26, is none.
        assert_eq!(counted(&week, "2025-02-26T23:00:00+05:30"), 2);
    }

    #[test]
    fn a_refused_session_is_a_gap_when_no_better_file_is_waited_for() {
        let refused =
            [("2025-02-20", DayState::Present), ("2025-02-21", DayState::Present), ("2025-02-24", DayState::Refused)];
        assert_eq!(counted(&refused, "2025-02-24T20:00:00+05:30"), 0);
        assert_eq!(counted(&refused, "2025-02-24T22:00:00+05:30"), 1);
    }
}
