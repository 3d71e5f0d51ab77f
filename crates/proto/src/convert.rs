//! Conversions wire <-> domain of the shared messages.

use std::fmt::Display;
use std::str::FromStr;

use champion_market_data::artifact::{MOST_VERSIONS, observed_then};
use champion_market_data::{
    ArtifactRef, CuratedArtifact, QuarantineArtifact, RawArtifact, RowCounts, Sha256, StagedArtifact, TradeDate,
};
use chrono::{DateTime, Datelike, SecondsFormat, Utc};

use crate::WireError;
use crate::artifact::v1 as wire;

/// Longest key that is taken; real ones are below 200 bytes.
const MAX_KEY_BYTES: usize = 512;
/// Longest reason that is given, in characters: it names what was sent and travels in a header of the answer.
const MAX_REASON_CHARS: usize = 200;

/// Takes a message field that has to be there.
///
/// # Errors
/// [`WireError::Missing`] with the field's name.
pub fn required<T>(field: &'static str, value: Option<T>) -> Result<T, WireError> {
    value.ok_or(WireError::Missing(field))
}

/// Parses a closed set, a hash or another checked text.
///
/// # Errors
/// [`WireError::Missing`] for an empty text, [`WireError::Invalid`] for one that does not parse.
pub fn parse_name<T: FromStr>(field: &'static str, text: &str) -> Result<T, WireError>
where
    T::Err: Display,
{
    if text.is_empty() {
        return Err(WireError::Missing(field));
    }
    text.parse().map_err(|error: T::Err| invalid(field, &error))
}

fn invalid(field: &'static str, error: &dyn Display) -> WireError {
    WireError::Invalid { field, reason: error.to_string().chars().take(MAX_REASON_CHARS).collect() }
}

/// Parses a trade date.
///
/// # Errors
/// [`WireError::Missing`] for an empty text, [`WireError::Invalid`] for one that is no date.
pub fn parse_date(field: &'static str, text: &str) -> Result<TradeDate, WireError> {
    parse_name(field, text)
}

/// Parses an instant: RFC 3339 with any offset, in a year of four digits in UTC.
///
/// # Errors
/// [`WireError::Missing`] for an empty text, [`WireError::Invalid`] for one that is no instant.
pub fn parse_instant(field: &'static str, text: &str) -> Result<DateTime<Utc>, WireError> {
    if text.is_empty() {
        return Err(WireError::Missing(field));
    }
    let at = DateTime::parse_from_rfc3339(text).map_err(|error| invalid(field, &error))?.to_utc();
    // An offset may lead beyond the years that RFC 3339 can print.
    if (0..=9999).contains(&at.year()) { Ok(at) } else { Err(invalid(field, &"its year in UTC has not four digits")) }
}

/// Parses the time at which bytes of a session were observed: no time before the session, and none in the future.
fn parse_observed(text: &str, trade_date: TradeDate) -> Result<DateTime<Utc>, WireError> {
    let at = parse_instant("observed_at", text)?;
    observed_then(at, trade_date, Utc::now()).map_err(|error| invalid("observed_at", &error))?;
    Ok(at)
}

/// Parses a reference: a key of the kind that is asked for, and the hash of what lies there.
///
/// # Errors
/// [`WireError`] names the field.
pub fn parse_reference<K: FromStr>(field: &'static str, reference: &wire::Reference) -> Result<(K, Sha256), WireError>
where
    K::Err: Display,
{
    Ok((parse_name(field, &reference.key)?, parse_name("sha256", &reference.sha256)?))
}

/// Formats an instant for the wire: RFC 3339, UTC, with all its digits.
#[must_use]
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn parse_key(key: String) -> Result<String, WireError> {
    if key.is_empty() {
        return Err(WireError::Missing("key"));
    }
    let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._=-".contains(&byte));
    let inside = !key.starts_with('/') && key.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if key.len() > MAX_KEY_BYTES || !plain || !inside {
        let shown: String = key.chars().take(80).collect();
        return Err(WireError::Invalid { field: "key", reason: format!("{shown:?} is no key of the lake") });
    }
    Ok(key)
}

impl TryFrom<wire::ArtifactRef> for ArtifactRef {
    type Error = WireError;

    fn try_from(message: wire::ArtifactRef) -> Result<Self, WireError> {
        Ok(Self {
            key: parse_key(message.key)?,
            sha256: parse_name::<Sha256>("sha256", &message.sha256)?,
            bytes: message.bytes,
            rows: message.rows,
        })
    }
}

impl From<ArtifactRef> for wire::ArtifactRef {
    fn from(artifact: ArtifactRef) -> Self {
        Self { key: artifact.key, sha256: artifact.sha256.to_string(), bytes: artifact.bytes, rows: artifact.rows }
    }
}

impl From<&ArtifactRef> for wire::Reference {
    fn from(artifact: &ArtifactRef) -> Self {
        Self { key: artifact.key.clone(), sha256: artifact.sha256.to_string() }
    }
}

impl TryFrom<wire::RawArtifact> for RawArtifact {
    type Error = WireError;

    fn try_from(message: wire::RawArtifact) -> Result<Self, WireError> {
        let trade_date = parse_date("trade_date", &message.trade_date)?;
        Ok(Self {
            artifact: required("artifact", message.artifact)?.try_into()?,
            dataset: parse_name("dataset", &message.dataset)?,
            exchange: parse_name("exchange", &message.exchange)?,
            trade_date,
            observed_at: parse_observed(&message.observed_at, trade_date)?,
        })
    }
}

impl From<RawArtifact> for wire::RawArtifact {
    fn from(raw: RawArtifact) -> Self {
        Self {
            artifact: Some(raw.artifact.into()),
            dataset: raw.dataset.to_string(),
            exchange: raw.exchange.to_string(),
            trade_date: raw.trade_date.to_string(),
            observed_at: instant(raw.observed_at),
        }
    }
}

impl TryFrom<wire::QuarantineArtifact> for QuarantineArtifact {
    type Error = WireError;

    fn try_from(message: wire::QuarantineArtifact) -> Result<Self, WireError> {
        Ok(Self {
            artifact: required("artifact", message.artifact)?.try_into()?,
            dataset: parse_name("dataset", &message.dataset)?,
            exchange: parse_name("exchange", &message.exchange)?,
            trade_date: parse_date("trade_date", &message.trade_date)?,
            source_sha256: parse_name("source_sha256", &message.source_sha256)?,
        })
    }
}

impl From<QuarantineArtifact> for wire::QuarantineArtifact {
    fn from(quarantine: QuarantineArtifact) -> Self {
        Self {
            artifact: Some(quarantine.artifact.into()),
            dataset: quarantine.dataset.to_string(),
            exchange: quarantine.exchange.to_string(),
            trade_date: quarantine.trade_date.to_string(),
            source_sha256: quarantine.source_sha256.to_string(),
        }
    }
}

impl TryFrom<wire::RowCounts> for RowCounts {
    type Error = WireError;

    fn try_from(message: wire::RowCounts) -> Result<Self, WireError> {
        let counts = Self {
            rows_in: message.rows_in,
            published: message.published,
            quarantined: message.quarantined,
            filtered: message.filtered,
        };
        if counts.conserved() {
            Ok(counts)
        } else {
            let reason = format!("the books lose rows: {counts:?}");
            Err(WireError::Invalid { field: "counts", reason })
        }
    }
}

impl From<RowCounts> for wire::RowCounts {
    fn from(counts: RowCounts) -> Self {
        Self {
            rows_in: counts.rows_in,
            published: counts.published,
            quarantined: counts.quarantined,
            filtered: counts.filtered,
        }
    }
}

impl TryFrom<wire::StagedArtifact> for StagedArtifact {
    type Error = WireError;

    fn try_from(message: wire::StagedArtifact) -> Result<Self, WireError> {
        let trade_date = parse_date("trade_date", &message.trade_date)?;
        Ok(Self {
            artifact: required("artifact", message.artifact)?.try_into()?,
            table: parse_name("table", &message.table)?,
            exchange: parse_name("exchange", &message.exchange)?,
            trade_date,
            source_sha256: parse_name("source_sha256", &message.source_sha256)?,
            counts: required("counts", message.counts)?.try_into()?,
            observed_at: parse_observed(&message.observed_at, trade_date)?,
        })
    }
}

impl From<StagedArtifact> for wire::StagedArtifact {
    fn from(staged: StagedArtifact) -> Self {
        Self {
            artifact: Some(staged.artifact.into()),
            table: staged.table.to_string(),
            exchange: staged.exchange.to_string(),
            trade_date: staged.trade_date.to_string(),
            source_sha256: staged.source_sha256.to_string(),
            counts: Some(staged.counts.into()),
            observed_at: instant(staged.observed_at),
        }
    }
}

impl TryFrom<wire::CuratedArtifact> for CuratedArtifact {
    type Error = WireError;

    fn try_from(message: wire::CuratedArtifact) -> Result<Self, WireError> {
        if message.version == 0 {
            return Err(WireError::Missing("version"));
        }
        if message.version > MOST_VERSIONS {
            return Err(invalid("version", &format!("{} is above {MOST_VERSIONS}", message.version)));
        }
        let trade_date = parse_date("trade_date", &message.trade_date)?;
        Ok(Self {
            artifact: required("artifact", message.artifact)?.try_into()?,
            table: parse_name("table", &message.table)?,
            exchange: parse_name("exchange", &message.exchange)?,
            trade_date,
            source_sha256: parse_name("source_sha256", &message.source_sha256)?,
            version: message.version,
            observed_at: parse_observed(&message.observed_at, trade_date)?,
        })
    }
}

impl From<CuratedArtifact> for wire::CuratedArtifact {
    fn from(curated: CuratedArtifact) -> Self {
        Self {
            artifact: Some(curated.artifact.into()),
            table: curated.table.to_string(),
            exchange: curated.exchange.to_string(),
            trade_date: curated.trade_date.to_string(),
            source_sha256: curated.source_sha256.to_string(),
            version: curated.version,
            observed_at: instant(curated.observed_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use champion_market_data::{Exchange, Table};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_that_leaves_the_lake_is_refused() {
        for key in ["", "/etc/passwd", "raw/../../x", "raw//x", "raw/./x", "raw/\0", "raw/a b", "C:\\x"] {
            let message =
                wire::ArtifactRef { key: key.to_owned(), sha256: Sha256::of(b"").to_string(), bytes: 0, rows: 0 };
            assert!(ArtifactRef::try_from(message).is_err(), "{key:?}");
        }
    }

    #[test]
    fn books_that_lose_a_row_are_refused_on_receipt() {
        let message = wire::RowCounts { rows_in: 3, published: 1, quarantined: 1, filtered: 0 };
        assert!(RowCounts::try_from(message).is_err());
    }

    #[test]
    fn an_instant_that_no_answer_could_print_is_refused() {
        for text in ["9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01"] {
            assert!(matches!(parse_instant("at", text), Err(WireError::Invalid { .. })), "{text}");
        }
        assert!(parse_instant("at", "9999-12-31T23:59:59Z").is_ok());
    }

    #[test]
    fn promise_41_no_time_on_the_wire_lies_before_its_session_or_in_the_future() {
        let artifact = ArtifactRef { key: "raw/x.csv".to_owned(), sha256: Sha256::of(b"x"), bytes: 1, rows: 0 };
        let trade_date = TradeDate::from_ymd(2025, 2, 24).expect("a date");
        let (dataset, exchange) = (champion_market_data::Dataset::Bhavcopy, Exchange::Nse);
        for (at, can_be) in
            [("9999-12-31T23:59:59Z", false), ("1990-01-01T00:00:00Z", false), ("2025-02-24T12:00:00Z", true)]
        {
            let observed_at = at.parse().expect("an instant");
            let raw = RawArtifact { artifact: artifact.clone(), dataset, exchange, trade_date, observed_at };
            let received = RawArtifact::try_from(wire::RawArtifact::from(raw));
            let named = |error: WireError| matches!(error, WireError::Invalid { field: "observed_at", .. });
            assert_eq!(received.map_err(named).map(|_| ()), if can_be { Ok(()) } else { Err(true) }, "{at}");
        }
    }

    #[test]
    fn a_refusal_is_short_however_long_the_text_was() {
        let long = "x\u{1}".repeat(100_000);
        for error in [
            parse_date("trade_date", &long).expect_err("no date"),
            parse_instant("observed_at", &long).expect_err("no instant"),
            parse_name::<Table>("table", &long).expect_err("no table"),
            parse_name::<Sha256>("sha256", &long).expect_err("no hash"),
        ] {
            assert!(error.to_string().len() < 1000, "{}", error.to_string().len());
        }
    }

    proptest! {
        #[test]
        fn a_staged_artifact_survives_the_wire(rows in 0_u64..1_000_000, quarantined in 0_u64..100, day in 1_u32..=28) {
            let staged = StagedArtifact {
                artifact: ArtifactRef { key: "staged/x.arrow".to_owned(), sha256: Sha256::of(b"x"), bytes: 1, rows },
                table: Table::EquityDelivery,
                exchange: Exchange::Nse,
                trade_date: TradeDate::from_ymd(2025, 2, day).expect("a date"),
                source_sha256: Sha256::of(b"y"),
                counts: RowCounts { rows_in: rows + quarantined, published: rows, quarantined, filtered: 0 },
                observed_at: DateTime::from_timestamp_micros(1_740_700_000_000_001 + i64::from(day)).expect("an instant"),
            };
            let wire = wire::StagedArtifact::from(staged.clone());
            prop_assert_eq!(StagedArtifact::try_from(wire), Ok(staged));
        }

        #[test]
        fn no_text_on_the_wire_panics(key in ".*", sha256 in ".*", table in ".*", date in ".*") {
            let _ = StagedArtifact::try_from(wire::StagedArtifact {
                artifact: Some(wire::ArtifactRef { key, sha256, bytes: 0, rows: 0 }),
                table,
                exchange: "nse".to_owned(),
                trade_date: date,
                source_sha256: String::new(),
                counts: None,
                observed_at: String::new(),
            });
        }
    }
}
