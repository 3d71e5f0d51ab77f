//! The days the generated market trades.
//!
//! Within the calendar's coverage the calendar decides; outside it every weekday trades except the holidays whose date
//! never moves, and the special sessions the calendar knows by name are kept.

use champion_market_data::{Calendar, DayKind, TradeDate};
use chrono::Datelike;

/// First session of the exchange's cash market.
const FIRST: (i32, u32, u32) = (1994, 11, 3);
/// Last day that is generated.
const LAST: (i32, u32, u32) = (2035, 12, 31);
/// Republic Day, Maharashtra Day, Independence Day, Gandhi Jayanti and Christmas.
const FIXED_HOLIDAYS: [(u32, u32); 5] = [(1, 26), (5, 1), (8, 15), (10, 2), (12, 25)];

/// Every session of the generated market.
#[derive(Debug, Clone)]
pub struct Sessions {
    calendar: Calendar,
    /// Days since 1970-01-01, ascending.
    days: Vec<i32>,
}

impl Sessions {
    /// Lists the sessions from 1994-11-03 to 2035-12-31.
    #[must_use]
    pub fn new() -> Self {
        let calendar = Calendar::nse();
        let first = TradeDate::from_ymd(FIRST.0, FIRST.1, FIRST.2).expect("a fixed date");
        let last = TradeDate::from_ymd(LAST.0, LAST.1, LAST.2).expect("a fixed date");
        let days = first
            .through(last)
            .filter(|date| kind(&calendar, *date).has_session() == Some(true))
            .map(TradeDate::days_since_epoch)
            .collect();
        Self { calendar, days }
    }

    /// Returns what a day is; never [`DayKind::Unknown`].
    #[must_use]
    pub fn kind(&self, date: TradeDate) -> DayKind {
        kind(&self.calendar, date)
    }

    /// Returns the range the shipped calendar speaks of.
    #[must_use]
    pub const fn coverage(&self) -> (TradeDate, TradeDate) {
        self.calendar.coverage()
    }

    /// Tells whether the market trades on a day.
    #[must_use]
    pub fn is_session(&self, date: TradeDate) -> bool {
        self.days.binary_search(&date.days_since_epoch()).is_ok()
    }

    /// Returns the last session before a date.
    #[must_use]
    pub fn before(&self, date: TradeDate) -> Option<TradeDate> {
        self.day_before(date.days_since_epoch()).and_then(TradeDate::from_days_since_epoch)
    }

    /// Returns the last session before a day, in days since 1970-01-01.
    pub(crate) fn day_before(&self, day: i32) -> Option<i32> {
        let index = self.days.partition_point(|session| *session < day);
        index.checked_sub(1).map(|index| self.days[index])
    }

    /// Returns the day itself when it is a session, else the next one.
    pub(crate) fn on_or_after(&self, day: i32) -> Option<i32> {
        self.days.get(self.days.partition_point(|session| *session < day)).copied()
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self::new()
    }
}

fn kind(calendar: &Calendar, date: TradeDate) -> DayKind {
    match calendar.kind(date) {
        DayKind::Unknown if date.is_weekend() => DayKind::Weekend,
        DayKind::Unknown if FIXED_HOLIDAYS.contains(&(date.date().month(), date.date().day())) => DayKind::Holiday,
        DayKind::Unknown => DayKind::Trading,
        known => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> TradeDate {
        text.parse().expect("a date")
    }

    #[test]
    fn outside_the_calendar_only_fixed_holidays_and_weekends_are_closed() {
        let sessions = Sessions::new();
        assert_eq!(sessions.kind(date("2016-01-26")), DayKind::Holiday);
        assert_eq!(sessions.kind(date("2016-01-25")), DayKind::Trading);
        assert_eq!(sessions.kind(date("2016-01-24")), DayKind::Weekend);
        assert_eq!(sessions.kind(date("2016-10-30")), DayKind::Muhurat);
    }

    #[test]
    fn the_session_before_a_long_weekend_is_found() {
        let sessions = Sessions::new();
        assert_eq!(sessions.before(date("2024-01-29")), Some(date("2024-01-25")));
        assert_eq!(sessions.before(date("2024-01-22")), Some(date("2024-01-20")), "the full Saturday");
        assert_eq!(sessions.before(date("1994-11-03")), None);
    }
}
