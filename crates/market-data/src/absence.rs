//! What it means that a report is not there.

use chrono::{DateTime, Utc};

use crate::{Calendar, Dataset, TradeDate, ist_instant};

/// Why a report is not there, by the calendar and the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It may still come.
    Pending,
    /// It should long be there.
    Gap,
    /// Nobody knows whether the exchange held a session.
    Unknown,
    /// The exchange held no session, so there is nothing to come.
    Expected,
}

impl Absence {
    /// Returns the spelling on the wire and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Gap => "gap",
            Self::Unknown => "unknown",
            Self::Expected => "expected",
        }
    }
}

/// Hour and minute in IST from which a report of the day may be there (domain §9).
#[must_use]
pub const fn first_look(dataset: Dataset) -> (u32, u32) {
    match dataset {
        Dataset::Bhavcopy => (16, 35),
        Dataset::FullBhavcopy | Dataset::CorporateActions => (18, 0),
    }
}

/// Returns the instant from which nobody waits for a session's report any more.
#[must_use]
pub fn give_up_at(calendar: &Calendar, dataset: Dataset, date: TradeDate) -> DateTime<Utc> {
    ist_instant(last_day_of_waiting(calendar, dataset, date), GIVE_UP_HOUR, 0)
}

/// Hour in IST after which nobody waits for a report of that day any more.
const GIVE_UP_HOUR: u32 = 22;

/// Sessions that delivery data is waited for: it often comes the next day or later.
const DELIVERY_SESSIONS: usize = 5;

/// How far ahead the calendar is searched for sessions; no pair of sessions lies a fortnight apart.
const SEARCH_DAYS: usize = 60;

/// Tells what the absence of a session's report means at an instant.
#[must_use]
pub fn absence(calendar: &Calendar, dataset: Dataset, date: TradeDate, now: DateTime<Utc>) -> Absence {
    match calendar.kind(date).has_session() {
        None if calendar.is_disputed(date) && now >= give_up_at(calendar, dataset, date) => return Absence::Expected,
        None if calendar.is_disputed(date) => return Absence::Pending,
        None => return Absence::Unknown,
        Some(false) => return Absence::Expected,
        Some(true) => {}
    }
    if now < give_up_at(calendar, dataset, date) { Absence::Pending } else { Absence::Gap }
}

fn last_day_of_waiting(calendar: &Calendar, dataset: Dataset, date: TradeDate) -> TradeDate {
    match dataset {
        Dataset::Bhavcopy | Dataset::CorporateActions => date,
        Dataset::FullBhavcopy => nth_session_after(calendar, date, DELIVERY_SESSIONS),
    }
}

/// Returns the n-th session after a date; beyond the calendar's coverage each weekday is taken for one.
fn nth_session_after(calendar: &Calendar, date: TradeDate, n: usize) -> TradeDate {
    let mut day = date;
    let mut sessions = 0;
    for _ in 0..SEARCH_DAYS {
        if sessions == n {
            break;
        }
        day = day.next();
        if calendar.expects_session(day) {
            sessions += 1;
        }
    }
    day
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(dataset: Dataset, date: &str, now: &str) -> Absence {
        let now = now.parse().expect("an instant");
        absence(&Calendar::nse(), dataset, date.parse().expect("a date"), now)
    }

    #[test]
    fn the_bhavcopy_is_pending_until_ten_in_the_evening_in_ist() {
        assert_eq!(at(Dataset::Bhavcopy, "2025-02-24", "2025-02-24T21:59:59+05:30"), Absence::Pending);
        assert_eq!(at(Dataset::Bhavcopy, "2025-02-24", "2025-02-24T22:00:00+05:30"), Absence::Gap);
        assert_eq!(at(Dataset::Bhavcopy, "2025-02-24", "2025-02-24T20:00:00Z"), Absence::Gap, "1:30 of the next day");
        assert_eq!(at(Dataset::Bhavcopy, "2025-02-24", "2025-02-23T12:00:00Z"), Absence::Pending);
    }

    #[test]
    fn delivery_is_pending_for_five_sessions_and_holidays_do_not_count() {
        // 2025-02-26 is a holiday, 2025-03-01 and 02 are a weekend: the fifth session after the 24th is 2025-03-04.
        assert_eq!(at(Dataset::FullBhavcopy, "2025-02-24", "2025-03-04T21:00:00+05:30"), Absence::Pending);
        assert_eq!(at(Dataset::FullBhavcopy, "2025-02-24", "2025-03-04T22:00:00+05:30"), Absence::Gap);
    }

    #[test]
    fn nothing_is_concluded_beyond_the_calendar_and_closed_days_are_explained() {
        assert_eq!(at(Dataset::Bhavcopy, "2016-01-01", "2025-03-04T22:00:00+05:30"), Absence::Unknown);
        assert_eq!(at(Dataset::Bhavcopy, "2025-02-26", "2025-03-04T22:00:00+05:30"), Absence::Expected);
    }

    #[test]
    fn a_missing_file_closes_a_disputed_day_two_witnesses_of_three() {
        let mut calendar = Calendar::nse();
        let date: TradeDate = "2026-06-25".parse().expect("a date");
        let days = [(date, "Muharram, as first announced".to_owned())].into();
        assert!(calendar.learn(&crate::HolidayList { year: 2026, days }));
        let absence = |now: &str| absence(&calendar, Dataset::Bhavcopy, date, now.parse().expect("an instant"));
        assert_eq!(absence("2026-06-25T20:00:00+05:30"), Absence::Pending);
        assert_eq!(absence("2026-06-25T22:00:00+05:30"), Absence::Expected);
    }
}
