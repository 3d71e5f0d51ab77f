//! What a run has to do: the days of its range by month, each with what the calendar says of it.

use champion_market_data::{Calendar, Dataset, DayKind, Exchange, TradeDate};
use thiserror::Error;

use crate::vocabulary::{RunKind, RunMode};

/// What a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunSpec {
    pub(crate) kind: RunKind,
    pub(crate) mode: RunMode,
    pub(crate) dataset: Dataset,
    pub(crate) exchange: Exchange,
    pub(crate) from: TradeDate,
    /// Included.
    pub(crate) to: TradeDate,
}

/// A request that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum PlanError {
    #[error("the range is empty: {from} is after {to}")]
    Inverted { from: TradeDate, to: TradeDate },
    #[error("{from} is in the future: today is {today} in India")]
    Future { from: TradeDate, today: TradeDate },
    #[error("{dataset} is published from {first} on, {from} is before that")]
    BeforeFirst { dataset: Dataset, first: TradeDate, from: TradeDate },
    #[error("the range holds {days} days, at most {limit} are taken in one run")]
    TooLong { days: usize, limit: usize },
}

/// One day with what the calendar says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlannedDay {
    pub(crate) date: TradeDate,
    pub(crate) kind: DayKind,
}

/// The days of one calendar month, the unit that is written and loaded in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedMonth {
    pub(crate) days: Vec<PlannedDay>,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) months: Vec<PlannedMonth>,
    /// Days the calendar does not call closed: sessions, and days it knows nothing of.
    pub(crate) sessions: u32,
    pub(crate) days: u32,
}

/// Plans a run: every day of the range up to today, in order.
///
/// # Errors
/// [`PlanError`] for a range that holds nothing, begins in the future or before the dataset, or is too long.
pub(crate) fn plan(spec: &RunSpec, today: TradeDate, calendar: &Calendar, max_days: usize) -> Result<Plan, PlanError> {
    if spec.from > spec.to {
        return Err(PlanError::Inverted { from: spec.from, to: spec.to });
    }
    if spec.from > today {
        return Err(PlanError::Future { from: spec.from, today });
    }
    let first = spec.dataset.first_date();
    if spec.from < first {
        return Err(PlanError::BeforeFirst { dataset: spec.dataset, first, from: spec.from });
    }
    let mut plan = Plan { months: Vec::new(), sessions: 0, days: 0 };
    let mut month = None;
    for date in spec.from.through(spec.to.min(today)) {
        let kind = calendar.kind(date);
        plan.days += 1;
        if kind.has_session() != Some(false) {
            plan.sessions += 1;
        }
        if month != Some(date.month()) {
            month = Some(date.month());
            plan.months.push(PlannedMonth { days: Vec::new() });
        }
        if let Some(current) = plan.months.last_mut() {
            current.days.push(PlannedDay { date, kind });
        }
    }
    let days = plan.months.iter().map(|month| month.days.len()).sum();
    if days > max_days {
        return Err(PlanError::TooLong { days, limit: max_days });
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(from: &str, to: &str) -> RunSpec {
        RunSpec {
            kind: RunKind::Backfill,
            mode: RunMode::Plain,
            dataset: Dataset::FullBhavcopy,
            exchange: Exchange::Nse,
            from: from.parse().expect("a date"),
            to: to.parse().expect("a date"),
        }
    }

    fn planned(from: &str, to: &str, today: &str) -> Result<Plan, PlanError> {
        plan(&spec(from, to), today.parse().expect("a date"), &Calendar::nse(), 10_000)
    }

    #[test]
    fn a_range_is_cut_into_calendar_months_and_closed_days_are_no_sessions() {
        let plan = planned("2025-01-30", "2025-03-02", "2026-01-01").expect("a plan");
        assert_eq!(plan.months.iter().map(|month| month.days.len()).collect::<Vec<_>>(), [2, 28, 2]);
        // 30 and 31 January, 19 ordinary days of February (the 26th is a holiday) and the budget Saturday.
        assert_eq!((plan.days, plan.sessions), (32, 22));
    }

    #[test]
    fn days_after_today_are_left_out_and_a_range_of_the_future_is_refused() {
        let plan = planned("2025-01-01", "2025-12-31", "2025-01-10").expect("a plan");
        assert_eq!(plan.days, 10);
        assert!(matches!(planned("2025-01-11", "2025-12-31", "2025-01-10"), Err(PlanError::Future { .. })));
    }

    #[test]
    fn days_beyond_the_calendar_are_asked() {
        let plan = planned("2021-06-05", "2021-06-06", "2026-01-01").expect("a plan");
        assert_eq!(plan.sessions, 2, "a weekend outside the coverage may have been a session");
    }

    #[test]
    fn an_empty_or_too_early_or_too_long_range_is_refused_in_words() {
        let error = |from, to| planned(from, to, "2026-01-01").expect_err("no plan").to_string();
        assert_eq!(error("2025-02-02", "2025-02-01"), "the range is empty: 2025-02-02 is after 2025-02-01");
        assert!(error("2010-01-01", "2025-02-01").contains("published from 2019-09-30 on"));
        let long = plan(&spec("2019-09-30", "2025-01-01"), "2026-01-01".parse().unwrap(), &Calendar::nse(), 100);
        assert!(matches!(long, Err(PlanError::TooLong { limit: 100, .. })));
    }
}
