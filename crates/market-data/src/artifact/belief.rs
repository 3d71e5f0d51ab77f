//! What can be: bounds on times and versions that are read from the lake or the wire, and whether an object is of its key.
//!
//! A time or version that cannot be is refused by name. Believed, it would stand for ever: a file "observed" in the year
//! 9999 is newer than every correction that the exchange will make.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use thiserror::Error;

use super::{CuratedArtifact, CuratedKey, FactsKey, RawArtifact, RawKey};
use crate::{TradeDate, ist_instant};

/// How long before its trade date begins in IST a file may have been observed: clocks may be wrong by half a day.
pub const MOST_EARLY: TimeDelta = TimeDelta::hours(24);

/// How far ahead of the reader's clock a file may have been observed: two clocks may be wrong by half a day each, in
/// opposite directions, and the hours of the day come on top.
pub const MOST_LATE: TimeDelta = TimeDelta::hours(36);

/// Versions a session may come to; exchanges correct a file once or twice.
pub const MOST_VERSIONS: u32 = 10_000;

/// Why an object of the lake is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Disbelief {
    /// It speaks of something else than its key.
    #[error("it is of {found}, which its place is not")]
    Foreign {
        /// What it says it is of.
        found: String,
    },
    /// Observed before the session.
    #[error("observed at {at}, before its trade date {trade_date}")]
    Early {
        /// The time, RFC 3339.
        at: String,
        /// The session.
        trade_date: TradeDate,
    },
    /// Observed in the future.
    #[error("observed at {at}, and the clock shows {now}")]
    Late {
        /// The time, RFC 3339.
        at: String,
        /// The day by the reader's clock, in UTC: the same fault reads the same when it is looked at again.
        now: String,
    },
    /// Nobody corrects a session that often.
    #[error("version {version} is not between 1 and {most}")]
    Version {
        /// The version.
        version: u32,
        /// What it may be at most.
        most: u32,
    },
    /// The books lose rows.
    #[error("its books lose rows")]
    Books,
    /// It does not name what it should.
    #[error("it does not name {key}")]
    Silent {
        /// What it should name.
        key: String,
    },
    /// It is no JSON of its kind.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// Tells whether bytes of a session can have been observed then, by a clock that shows `now`.
///
/// # Errors
/// [`Disbelief::Early`] or [`Disbelief::Late`].
pub fn observed_then(at: DateTime<Utc>, trade_date: TradeDate, now: DateTime<Utc>) -> Result<(), Disbelief> {
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    if at < ist_instant(trade_date, 0, 0) - MOST_EARLY {
        return Err(Disbelief::Early { at: text(at), trade_date });
    }
    if at.signed_duration_since(now) > MOST_LATE {
        return Err(Disbelief::Late { at: text(at), now: now.format("%Y-%m-%d").to_string() });
    }
    Ok(())
}

impl FactsKey {
    /// Tells whether facts are of their key: report, session and hash, and a time that can be.
    ///
    /// # Errors
    /// [`Disbelief`] says what is wrong with them.
    pub fn believe(&self, facts: &RawArtifact, now: DateTime<Utc>) -> Result<(), Disbelief> {
        let named = facts.artifact.key.parse::<RawKey>().ok().map(|key| key.source);
        let RawArtifact { artifact, dataset, exchange, trade_date, observed_at } = facts;
        let says = (*exchange, *dataset, *trade_date, artifact.sha256);
        let source = self.source;
        if named != Some(source) || says != (source.exchange, source.dataset, source.trade_date, source.sha256) {
            let found = format!("{} ({dataset} of {exchange} {trade_date}, sha256 {})", artifact.key, artifact.sha256);
            return Err(Disbelief::Foreign { found });
        }
        if self.observed.is_some_and(|observed| observed != observed_at.timestamp_micros()) {
            return Err(Disbelief::Foreign { found: observed_at.to_rfc3339_opts(SecondsFormat::Micros, true) });
        }
        observed_then(*observed_at, *trade_date, now)
    }
}

impl CuratedKey {
    /// Tells whether a manifest is of its key: table, exchange and session, and a version and time that can be.
    ///
    /// # Errors
    /// [`Disbelief`] says what is wrong with it.
    pub fn believe(&self, curated: &CuratedArtifact, now: DateTime<Utc>) -> Result<(), Disbelief> {
        let CuratedArtifact { artifact, table, exchange, trade_date, version, observed_at, .. } = curated;
        let says = Self { table: *table, exchange: *exchange, trade_date: *trade_date };
        if says != *self || artifact.key != self.to_string() {
            let found = format!("{} ({table} of {exchange} {trade_date})", artifact.key);
            return Err(Disbelief::Foreign { found });
        }
        if !(1..=MOST_VERSIONS).contains(version) {
            return Err(Disbelief::Version { version: *version, most: MOST_VERSIONS });
        }
        observed_then(*observed_at, *trade_date, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    #[test]
    fn promise_41_a_time_that_cannot_be_is_refused_and_clocks_wrong_by_half_a_day_are_not() {
        let day: TradeDate = "2025-02-24".parse().expect("a date");
        let published = at("2025-02-24T12:30:00Z");
        for (observed, now) in [
            ("2025-02-24T12:31:00Z", "2025-02-24T12:32:00Z"),
            ("2025-02-24T00:31:00Z", "2025-02-25T00:31:00Z"), // twelve hours slow, read by one twelve hours fast
            ("2025-02-25T00:31:00Z", "2025-02-24T00:31:00Z"), // and the other way round
            ("2025-03-20T00:31:00Z", "2026-02-24T00:31:00Z"), // a backfill
        ] {
            assert_eq!(observed_then(at(observed), day, at(now)), Ok(()), "{observed} at {now}");
        }
        let late = observed_then(at("9999-12-31T23:59:59Z"), day, published).expect_err("nobody was there");
        assert_eq!(late.to_string(), "observed at 9999-12-31T23:59:59Z, and the clock shows 2025-02-24");
        let early = observed_then(DateTime::UNIX_EPOCH, day, published).expect_err("before the session");
        assert_eq!(early.to_string(), "observed at 1970-01-01T00:00:00Z, before its trade date 2025-02-24");
        let ends = [DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC];
        assert!(ends.iter().all(|end| observed_then(*end, day, published).is_err()), "no arithmetic breaks");
    }
}
