//! The business date of a session, in Indian Standard Time.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, Duration, FixedOffset, NaiveDate, Utc, Weekday};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The business date of a session: an IST calendar date, never derived from the host's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TradeDate(NaiveDate);

/// A text that is no date of the form `YYYY-MM-DD` between 1990 and 2100.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid trade date {0:?}: expected YYYY-MM-DD between 1990-01-01 and 2100-12-31")]
pub struct InvalidTradeDate(pub String);

/// Seconds that IST is ahead of UTC; India keeps no daylight-saving time.
const IST_OFFSET_SECONDS: i32 = 5 * 3600 + 30 * 60;

/// Returns the instant in IST.
#[must_use]
pub fn ist_now(utc: DateTime<Utc>) -> DateTime<FixedOffset> {
    let ist = FixedOffset::east_opt(IST_OFFSET_SECONDS).expect("the offset is below a day");
    utc.with_timezone(&ist)
}

/// Returns the instant of an hour and minute in IST on a date.
///
/// # Panics
/// When hour and minute name no time of day.
#[must_use]
pub fn ist_instant(date: TradeDate, hour: u32, minute: u32) -> DateTime<Utc> {
    let time = date.0.and_hms_opt(hour, minute, 0).expect("a time of day");
    (time - Duration::seconds(i64::from(IST_OFFSET_SECONDS))).and_utc()
}

impl TradeDate {
    /// Returns the date for a year, month and day, if there is one.
    #[must_use]
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(year, month, day).and_then(|date| Self::try_from(date).ok())
    }

    /// Returns the IST date at an instant.
    #[must_use]
    pub fn at(utc: DateTime<Utc>) -> Self {
        Self(ist_now(utc).date_naive())
    }

    /// Returns the civil date.
    #[must_use]
    pub const fn date(self) -> NaiveDate {
        self.0
    }

    /// Returns the days since 1970-01-01, as Arrow's `Date32` has it.
    #[must_use]
    pub fn days_since_epoch(self) -> i32 {
        self.0.to_epoch_days()
    }

    /// Returns the date for days since 1970-01-01.
    #[must_use]
    pub fn from_days_since_epoch(days: i32) -> Option<Self> {
        NaiveDate::from_epoch_days(days).and_then(|date| Self::try_from(date).ok())
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z of midnight IST of this date, for gauges.
    #[must_use]
    pub fn midnight_ist_unix_seconds(self) -> i64 {
        i64::from(self.days_since_epoch()) * 86_400 - i64::from(IST_OFFSET_SECONDS)
    }

    /// Returns the day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add_days(Days::new(1)).expect("the range ends in 2100"))
    }

    /// Returns the day before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.checked_sub_days(Days::new(1)).expect("the range begins in 1990"))
    }

    /// Returns year and month, the partition of the warehouse.
    #[must_use]
    pub fn month(self) -> (i32, u32) {
        (self.0.year(), self.0.month())
    }

    /// Tells whether the date is a Saturday or Sunday.
    #[must_use]
    pub fn is_weekend(self) -> bool {
        matches!(self.0.weekday(), Weekday::Sat | Weekday::Sun)
    }

    /// Iterates over the days from this one to `last`, both included.
    pub fn through(self, last: Self) -> impl Iterator<Item = Self> {
        let mut next = Some(self);
        std::iter::from_fn(move || {
            let date = next.filter(|date| *date <= last)?;
            next = Some(date.next());
            Some(date)
        })
    }

    /// Formats with a `strftime` pattern, for URLs and file names.
    #[must_use]
    pub fn format(self, pattern: &str) -> String {
        self.0.format(pattern).to_string()
    }
}

impl TryFrom<NaiveDate> for TradeDate {
    type Error = InvalidTradeDate;

    fn try_from(date: NaiveDate) -> Result<Self, Self::Error> {
        if (1990..=2100).contains(&date.year()) { Ok(Self(date)) } else { Err(InvalidTradeDate(date.to_string())) }
    }
}

impl FromStr for TradeDate {
    type Err = InvalidTradeDate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidTradeDate(text.chars().take(40).collect());
        // The parser alone would take blanks in place of leading zeros.
        if text.len() != 10 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return Err(invalid());
        }
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| invalid())?;
        Self::try_from(date)
    }
}

impl fmt::Display for TradeDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_business_date_is_taken_in_ist_and_not_in_utc() {
        let late_evening_utc: DateTime<Utc> = "2025-02-24T19:00:00Z".parse().expect("a valid instant");
        assert_eq!(TradeDate::at(late_evening_utc).to_string(), "2025-02-25");
    }

    #[test]
    fn a_date_has_one_spelling() {
        for text in ["2024- 7-29", "2024-07- 9", "2024-7-29 ", " 2024-7-29", "+2024-7-29", "2024-07-1\u{a0}"] {
            assert!(text.parse::<TradeDate>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_range_includes_both_ends_and_an_inverted_one_is_empty() {
        let first: TradeDate = "2025-02-27".parse().expect("a date");
        let last: TradeDate = "2025-03-01".parse().expect("a date");
        assert_eq!(first.through(last).count(), 3);
        assert_eq!(last.through(first).count(), 0);
    }

    #[test]
    fn only_iso_dates_of_a_plausible_year_are_accepted() {
        for text in ["2025-2-4", "24-02-2025", "2025-02-30", "0025-02-03", "", "2025-02-24 "] {
            assert!(text.parse::<TradeDate>().is_err(), "{text}");
        }
    }
}
