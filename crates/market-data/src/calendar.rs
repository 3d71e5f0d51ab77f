//! The trading calendar of an exchange, with the bounds of what it knows (domain §8).
//!
//! Outside its coverage every day is [`DayKind::Unknown`], weekends included: about 38 weekend sessions since 1996 show
//! that "no files on weekends" is false, so nothing is concluded there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::TradeDate;
use crate::closed_set::closed_set;

closed_set! {
    /// What a day is to an exchange.
    DayKind, "kind of day" {
        /// An ordinary session.
        Trading => "trading",
        /// A Saturday or Sunday without a session.
        Weekend => "weekend",
        /// A weekday without a session.
        Holiday => "holiday",
        /// Listed as a holiday, yet with a short evening session and a file.
        Muhurat => "muhurat",
        /// A session on a weekend: budget days, disaster-recovery drills.
        Special => "special",
        /// Outside the known range.
        Unknown => "unknown",
    }
}

impl DayKind {
    /// Tells whether the exchange holds a session and publishes files; `None` when nobody knows.
    #[must_use]
    pub const fn has_session(self) -> Option<bool> {
        match self {
            Self::Trading | Self::Muhurat | Self::Special => Some(true),
            Self::Weekend | Self::Holiday => Some(false),
            Self::Unknown => None,
        }
    }
}

/// What the exchange's holiday master says of one year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolidayList {
    /// The calendar year.
    pub year: i32,
    /// Every listed day, weekends included, with its description; never empty.
    pub days: BTreeMap<TradeDate, String>,
}

/// Days an exchange trades, within a known range.
#[derive(Debug, Clone)]
pub struct Calendar {
    first: TradeDate,
    last: TradeDate,
    learnt: BTreeMap<TradeDate, DayKind>,
    disputed: BTreeSet<TradeDate>,
    holidays: &'static [(i32, u32, u32)],
    muhurat: &'static [(i32, u32, u32)],
    special: &'static [(i32, u32, u32)],
}

impl Calendar {
    /// Returns the shipped calendar of NSE's cash market, 2023 to 2026. BSE keeps the same days.
    #[must_use]
    pub fn nse() -> Self {
        Self {
            first: TradeDate::from_ymd(2023, 1, 1).expect("a fixed date"),
            last: TradeDate::from_ymd(2026, 12, 31).expect("a fixed date"),
            learnt: BTreeMap::new(),
            disputed: BTreeSet::new(),
            holidays: NSE_HOLIDAYS,
            muhurat: NSE_MUHURAT,
            special: NSE_SPECIAL,
        }
    }

    /// Learns what the exchange's holiday master says of a year; tells whether that changed anything.
    ///
    /// A year next to the coverage extends it. Within the shipped years a list adds no certainty, for lists are published
    /// long before late changes (domain §8: 2023-06-28 was listed and traded, 2026-01-15 was closed and not listed): a
    /// weekday on which list and shipped data differ is disputed, which makes it [`DayKind::Unknown`] until a file decides.
    pub fn learn(&mut self, list: &HolidayList) -> bool {
        let (first, last) = (TradeDate::from_ymd(list.year, 1, 1), TradeDate::from_ymd(list.year, 12, 31));
        let (Some(first), Some(last)) = (first, last) else { return false };
        let inside = first >= self.first && last <= self.last;
        if inside && !self.learnt.range(first..=last).any(|_| true) {
            let differs = |date: &&TradeDate| self.kind(**date) == DayKind::Trading;
            let disputed: Vec<TradeDate> = list.days.keys().filter(differs).copied().collect();
            let before = self.disputed.len();
            self.disputed.extend(disputed);
            return self.disputed.len() > before;
        }
        let adjacent = first == self.last.next() || last.next() == self.first;
        if !inside && !adjacent {
            return false;
        }
        let learnt: BTreeMap<TradeDate, DayKind> =
            list.days.iter().map(|(date, description)| (*date, listed_kind(*date, description))).collect();
        let known: BTreeMap<TradeDate, DayKind> =
            self.learnt.range(first..=last).map(|(date, kind)| (*date, *kind)).collect();
        (self.first, self.last) = (self.first.min(first), self.last.max(last));
        if known == learnt {
            return !inside;
        }
        self.learnt.retain(|date, _| *date < first || *date > last);
        self.learnt.extend(learnt);
        true
    }

    /// Tells whether holiday master and shipped data differ on a day: a file that is not there then closes it, two
    /// witnesses of three.
    #[must_use]
    pub fn is_disputed(&self, date: TradeDate) -> bool {
        self.disputed.contains(&date)
    }

    /// Returns the first and the last day the calendar speaks of.
    #[must_use]
    pub const fn coverage(&self) -> (TradeDate, TradeDate) {
        (self.first, self.last)
    }

    /// Tells whether a session is to be expected; beyond the coverage each weekday counts as one.
    #[must_use]
    pub fn expects_session(&self, date: TradeDate) -> bool {
        self.kind(date).has_session().unwrap_or(!date.is_weekend())
    }

    /// Returns the first of the last `sessions` sessions up to a day, that day included; beyond the coverage each weekday
    /// counts as one.
    #[must_use]
    pub fn sessions_back(&self, date: TradeDate, sessions: u32) -> TradeDate {
        let mut day = date;
        let mut left = sessions.max(1);
        loop {
            if self.expects_session(day) {
                left -= 1;
                if left == 0 {
                    return day;
                }
            }
            day = day.previous();
        }
    }

    /// Returns what a day is. Known special sessions are named even outside the coverage.
    #[must_use]
    pub fn kind(&self, date: TradeDate) -> DayKind {
        if listed(self.muhurat, date) {
            return DayKind::Muhurat;
        }
        if listed(self.special, date) {
            return DayKind::Special;
        }
        if date < self.first || date > self.last || self.disputed.contains(&date) {
            return DayKind::Unknown;
        }
        if let Some(kind) = self.learnt.get(&date) {
            return *kind;
        }
        if date.is_weekend() {
            return DayKind::Weekend;
        }
        if listed(self.holidays, date) { DayKind::Holiday } else { DayKind::Trading }
    }
}

/// A muhurat session is listed as a holiday, by the name of the Laxmi Pujan and with an asterisk.
fn listed_kind(date: TradeDate, description: &str) -> DayKind {
    let description = description.to_ascii_lowercase();
    if description.contains("laxmi pujan") || description.contains("muhurat") {
        DayKind::Muhurat
    } else if date.is_weekend() {
        DayKind::Weekend
    } else {
        DayKind::Holiday
    }
}

fn listed(days: &[(i32, u32, u32)], date: TradeDate) -> bool {
    days.iter().any(|(year, month, day)| TradeDate::from_ymd(*year, *month, *day) == Some(date))
}

/// Weekday holidays of the cash market.
const NSE_HOLIDAYS: &[(i32, u32, u32)] = &[
    (2023, 1, 26),
    (2023, 3, 7),
    (2023, 3, 30),
    (2023, 4, 4),
    (2023, 4, 7),
    (2023, 4, 14),
    (2023, 5, 1),
    (2023, 6, 29),
    (2023, 8, 15),
    (2023, 9, 19),
    (2023, 10, 2),
    (2023, 10, 24),
    (2023, 11, 14),
    (2023, 11, 27),
    (2023, 12, 25),
    (2024, 1, 22),
    (2024, 1, 26),
    (2024, 3, 8),
    (2024, 3, 25),
    (2024, 3, 29),
    (2024, 4, 11),
    (2024, 4, 17),
    (2024, 5, 1),
    (2024, 5, 20),
    (2024, 6, 17),
    (2024, 7, 17),
    (2024, 8, 15),
    (2024, 10, 2),
    (2024, 11, 15),
    (2024, 11, 20),
    (2024, 12, 25),
    (2025, 2, 26),
    (2025, 3, 14),
    (2025, 3, 31),
    (2025, 4, 10),
    (2025, 4, 14),
    (2025, 4, 18),
    (2025, 5, 1),
    (2025, 8, 15),
    (2025, 8, 27),
    (2025, 10, 2),
    (2025, 10, 22),
    (2025, 11, 5),
    (2025, 12, 25),
    (2026, 1, 15),
    (2026, 1, 26),
    (2026, 3, 3),
    (2026, 3, 26),
    (2026, 3, 31),
    (2026, 4, 3),
    (2026, 4, 14),
    (2026, 5, 1),
    (2026, 5, 28),
    (2026, 6, 26),
    (2026, 9, 14),
    (2026, 10, 2),
    (2026, 10, 20),
    (2026, 11, 10),
    (2026, 11, 24),
    (2026, 12, 25),
];

/// Muhurat sessions; some fall on a weekend, all are in the holiday list of their year.
const NSE_MUHURAT: &[(i32, u32, u32)] = &[
    (2016, 10, 30),
    (2017, 10, 19),
    (2018, 11, 7),
    (2019, 10, 27),
    (2020, 11, 14),
    (2021, 11, 4),
    (2022, 10, 24),
    (2023, 11, 12),
    (2024, 11, 1),
    (2025, 10, 21),
    (2026, 11, 8),
];

/// Weekend sessions: budgets, the full Saturday of 2024-01-20 and the disaster-recovery Saturdays of 2024.
const NSE_SPECIAL: &[(i32, u32, u32)] =
    &[(2015, 2, 28), (2020, 2, 1), (2024, 1, 20), (2024, 3, 2), (2024, 5, 18), (2025, 2, 1), (2026, 2, 1)];

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(date: &str) -> DayKind {
        Calendar::nse().kind(date.parse().expect("a date"))
    }

    #[test]
    fn every_kind_of_day_is_told_apart() {
        assert_eq!(kind("2025-02-24"), DayKind::Trading);
        assert_eq!(kind("2025-02-26"), DayKind::Holiday);
        assert_eq!(kind("2025-02-23"), DayKind::Weekend);
        assert_eq!(kind("2025-02-01"), DayKind::Special);
        assert_eq!(kind("2025-10-21"), DayKind::Muhurat);
        assert_eq!(kind("2026-11-08"), DayKind::Muhurat);
    }

    #[test]
    fn beyond_its_coverage_the_calendar_concludes_nothing() {
        for date in ["2022-12-30", "2022-12-31", "2027-01-01", "2010-01-26"] {
            assert_eq!(kind(date), DayKind::Unknown, "{date}");
            assert_eq!(kind(date).has_session(), None);
        }
    }

    fn list(year: i32, days: &[(&str, &str)]) -> HolidayList {
        let days = days.iter().map(|(day, name)| (day.parse().expect("a date"), (*name).to_owned())).collect();
        HolidayList { year, days }
    }

    #[test]
    fn a_list_of_the_next_year_extends_the_coverage_and_one_of_a_far_year_does_not() {
        let mut calendar = Calendar::nse();
        let kind = |calendar: &Calendar, day: &str| calendar.kind(day.parse().expect("a date"));
        assert!(!calendar.learn(&list(2030, &[("2030-01-26", "Republic Day")])));
        let next = list(2027, &[("2027-01-26", "Republic Day"), ("2027-10-29", "Diwali Laxmi Pujan*")]);
        assert!(calendar.learn(&next));
        assert!(!calendar.learn(&next), "nothing new");
        assert_eq!(kind(&calendar, "2027-01-26"), DayKind::Holiday);
        assert_eq!(kind(&calendar, "2027-01-27"), DayKind::Trading);
        assert_eq!(kind(&calendar, "2027-10-29"), DayKind::Muhurat);
        assert_eq!(kind(&calendar, "2028-01-03"), DayKind::Unknown);
        // The exchange adds a holiday in the course of the year.
        let later = list(2027, &[("2027-01-26", "Republic Day"), ("2027-03-05", "Election")]);
        assert!(calendar.learn(&later));
        assert_eq!(kind(&calendar, "2027-03-05"), DayKind::Holiday);
    }

    #[test]
    fn promise_23_a_day_on_which_list_and_shipped_data_differ_is_unknown_until_a_file_decides() {
        let mut calendar = Calendar::nse();
        // The list of January 2023 has Bakri Id on the 28th; it was moved to the 29th, and the 28th was a session.
        assert!(calendar.learn(&list(2023, &[("2023-06-28", "Bakri Id"), ("2023-08-15", "Independence Day")])));
        let moved = "2023-06-28".parse().expect("a date");
        assert_eq!((calendar.kind(moved), calendar.is_disputed(moved)), (DayKind::Unknown, true));
        assert_eq!(calendar.kind("2023-08-15".parse().expect("a date")), DayKind::Holiday);
        assert_eq!(calendar.kind("2023-06-27".parse().expect("a date")), DayKind::Trading);
    }

    #[test]
    fn january_to_may_2025_holds_102_sessions_with_the_budget_saturday() {
        let first: TradeDate = "2025-01-01".parse().expect("a date");
        let last = "2025-05-30".parse().expect("a date");
        let calendar = Calendar::nse();
        assert_eq!(first.through(last).filter(|date| calendar.kind(*date).has_session() == Some(true)).count(), 102);
    }

    #[test]
    fn every_listed_holiday_is_a_real_weekday() {
        for (year, month, day) in NSE_HOLIDAYS {
            let date = TradeDate::from_ymd(*year, *month, *day).expect("a real date");
            assert!(!date.is_weekend(), "{date}");
        }
    }
}
