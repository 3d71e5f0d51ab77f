//! The state of every day of a range: by the calendar, the hour and what the journal has seen.
//!
//! A day is never called a success because nobody asked for it: an expected session that was not brought in is pending
//! while its file may still come, and a gap from then on. Beyond the calendar's coverage a day without a file is unknown.
//! A file that was there outweighs the calendar: a session on a day that is listed as closed is present.

use std::collections::BTreeMap;

use champion_market_data::{Absence, Calendar, Dataset, DayKind, TradeDate, absence};
use chrono::{DateTime, Utc};

use crate::plan::PlanError;
use crate::vocabulary::DayState;

/// What the journal has of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) state: DayState,
    pub(crate) reason: String,
}

/// What is known of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionState {
    pub(crate) date: TradeDate,
    pub(crate) kind: DayKind,
    pub(crate) state: DayState,
    pub(crate) reason: String,
}

/// Returns the days of a range that can be spoken of: from the dataset's first day up to today.
///
/// # Errors
/// [`PlanError`] for an empty range or one of the future.
pub(crate) fn range(
    dataset: Dataset,
    from: TradeDate,
    to: TradeDate,
    now: DateTime<Utc>,
) -> Result<(TradeDate, TradeDate), PlanError> {
    let today = TradeDate::at(now);
    if from > to {
        return Err(PlanError::Inverted { from, to });
    }
    if from > today {
        return Err(PlanError::Future { from, today });
    }
    let first = dataset.first_date();
    if to < first {
        return Err(PlanError::BeforeFirst { dataset, first, from });
    }
    Ok((from.max(first), to.min(today)))
}

/// Returns the state of every day of a range.
pub(crate) fn report(
    dataset: Dataset,
    (from, to): (TradeDate, TradeDate),
    recorded: &BTreeMap<TradeDate, Recorded>,
    calendar: &Calendar,
    now: DateTime<Utc>,
) -> Vec<SessionState> {
    let state_of = |date: TradeDate| {
        let kind = calendar.kind(date);
        let (state, reason) = judge(kind, recorded.get(&date), absence(calendar, dataset, date, now));
        SessionState { date, kind, state, reason }
    };
    from.through(to).map(state_of).collect()
}

fn judge(kind: DayKind, recorded: Option<&Recorded>, absence: Absence) -> (DayState, String) {
    match recorded {
        Some(Recorded { state: DayState::Present, reason }) => {
            let against = kind.has_session() == Some(false);
            let against = against.then(|| format!("published although the calendar says {kind}"));
            return (DayState::Present, against.unwrap_or_else(|| reason.clone()));
        }
        // The scraper learns of closed days from the exchange itself.
        Some(Recorded { state: DayState::Closed, reason }) if absence != Absence::Expected => {
            return (DayState::Closed, reason.clone());
        }
        // What came on an expected session and was not good enough is told as it was.
        Some(Recorded { state: state @ (DayState::Refused | DayState::Failed), reason })
            if kind.has_session() != Some(false) =>
        {
            return (*state, reason.clone());
        }
        _ => {}
    }
    let told = recorded.map(|recorded| recorded.reason.as_str()).filter(|reason| !reason.is_empty());
    let or = |otherwise: &str| told.unwrap_or(otherwise).to_owned();
    match absence {
        Absence::Expected => (DayState::Closed, kind.to_string()),
        Absence::Unknown => (DayState::Unknown, or("outside the calendar's coverage, and no file was seen")),
        Absence::Pending => (DayState::Pending, or("not asked for yet; the file may still come")),
        Absence::Gap => (DayState::Gap, or("never asked for")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> TradeDate {
        text.parse().expect("a date")
    }

    fn states(from: &str, to: &str, recorded: &[(&str, DayState)], now: &str) -> Vec<(String, DayState)> {
        let recorded = recorded
            .iter()
            .map(|(day, state)| (date(day), Recorded { state: *state, reason: String::new() }))
            .collect();
        let now = now.parse().expect("an instant");
        let dataset = Dataset::Bhavcopy;
        let range = range(dataset, date(from), date(to), now).expect("a range");
        report(dataset, range, &recorded, &Calendar::nse(), now)
            .into_iter()
            .map(|day| (day.date.to_string(), day.state))
            .collect()
    }

    fn state(day: &str, recorded: &[(&str, DayState)], now: &str) -> DayState {
        states(day, day, recorded, now)[0].1
    }

    const LATER: &str = "2026-11-20T12:00:00Z";

    #[test]
    fn promise_32_every_expected_session_is_named_with_its_state() {
        let recorded = [
            ("2025-02-24", DayState::Present),
            ("2025-02-25", DayState::Refused),
            ("2025-02-27", DayState::Gap),
            ("2025-02-28", DayState::Failed),
        ];
        let found = states("2025-02-22", "2025-03-03", &recorded, LATER);
        let expected = [
            ("2025-02-22", DayState::Closed),
            ("2025-02-23", DayState::Closed),
            ("2025-02-24", DayState::Present),
            ("2025-02-25", DayState::Refused),
            ("2025-02-26", DayState::Closed),
            ("2025-02-27", DayState::Gap),
            ("2025-02-28", DayState::Failed),
            ("2025-03-01", DayState::Closed),
            ("2025-03-02", DayState::Closed),
            // Nobody ever asked for the third of March: that is a gap and no success.
            ("2025-03-03", DayState::Gap),
        ];
        assert_eq!(found, expected.map(|(day, state)| (day.to_owned(), state)));
    }

    #[test]
    fn promise_23_muhurat_weekend_session_and_holiday_are_no_false_gaps() {
        // A muhurat evening and a budget Saturday are sessions; a late announced holiday is none.
        assert_eq!(state("2024-11-01", &[("2024-11-01", DayState::Present)], LATER), DayState::Present);
        assert_eq!(state("2025-02-01", &[("2025-02-01", DayState::Present)], LATER), DayState::Present);
        assert_eq!(state("2025-02-01", &[], LATER), DayState::Gap);
        assert_eq!(state("2024-11-20", &[], LATER), DayState::Closed);
        // A recorded 404 of a day that turns out to be closed is explained, not a gap.
        assert_eq!(state("2024-11-20", &[("2024-11-20", DayState::Gap)], LATER), DayState::Closed);
        // A day the exchange called closed is explained, also beyond the shipped years.
        assert_eq!(state("2024-11-21", &[("2024-11-21", DayState::Closed)], LATER), DayState::Closed);
        assert_eq!(state("2027-01-26", &[("2027-01-26", DayState::Closed)], "2027-02-01T12:00:00Z"), DayState::Closed);
        // A file outweighs the calendar.
        assert_eq!(state("2025-03-01", &[("2025-03-01", DayState::Present)], LATER), DayState::Present);
    }

    #[test]
    fn promise_23_beyond_its_coverage_the_report_says_unknown_and_never_no_gap() {
        assert_eq!(state("2019-05-04", &[], LATER), DayState::Unknown);
        assert_eq!(state("2019-05-06", &[("2019-05-06", DayState::Present)], LATER), DayState::Present);
        assert_eq!(state("2027-01-04", &[], "2027-02-01T12:00:00Z"), DayState::Unknown);
    }

    #[test]
    fn a_session_is_pending_until_its_give_up_hour() {
        assert_eq!(state("2025-02-24", &[], "2025-02-24T12:00:00Z"), DayState::Pending);
        assert_eq!(state("2025-02-24", &[], "2025-02-24T17:00:00Z"), DayState::Gap);
    }

    #[test]
    fn the_range_ends_today_and_begins_with_the_dataset() {
        let now = "2025-02-24T12:00:00Z".parse().expect("an instant");
        let range = |from, to| range(Dataset::FullBhavcopy, date(from), date(to), now);
        assert_eq!(range("2010-01-01", "2030-01-01"), Ok((date("2019-09-30"), date("2025-02-24"))));
        assert!(matches!(range("2025-02-25", "2025-02-26"), Err(PlanError::Future { .. })));
        assert!(matches!(range("2025-02-02", "2025-02-01"), Err(PlanError::Inverted { .. })));
    }
}
