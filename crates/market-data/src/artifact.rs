//! References to what lies in the lake, and the layout of its keys.
//!
//! Services pass these references; the lake holds the bytes. A key is a function of what the artifact is, so that the
//! same work done twice lands on the same key.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::Digest;
use thiserror::Error;

use crate::{Dataset, Exchange, Table, TradeDate};

mod belief;
mod books;
pub mod keys;
mod read_key;

pub use belief::{Disbelief, MOST_EARLY, MOST_LATE, MOST_VERSIONS, observed_then};
pub use books::ParseBooks;
pub use read_key::{CuratedKey, FactsKey, HistoryKey, InvalidKey, QuarantineKey, RawKey, RawSource, StagedKey};

/// A SHA-256 of bytes in the lake; text form is 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256([u8; 32]);

/// A text that is not 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid sha256 {0:?}: expected 64 lower-case hex digits")]
pub struct InvalidSha256(pub String);

impl Sha256 {
    /// Computes the hash of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = InvalidSha256;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        let lower = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if !lower || hex::decode_to_slice(text, &mut bytes).is_err() {
            return Err(InvalidSha256(text.chars().take(80).collect()));
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What one stage hands to the next: where the bytes are and what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRef {
    /// Key in the lake.
    pub key: String,
    /// Hash of the bytes.
    pub sha256: Sha256,
    /// Length in bytes.
    pub bytes: u64,
    /// Rows inside; 0 for raw bytes, which nobody has counted yet.
    pub rows: u64,
}

/// The exact bytes an exchange published, as kept for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawArtifact {
    /// The bytes.
    pub artifact: ArtifactRef,
    /// What the bytes are meant to hold.
    pub dataset: Dataset,
    /// Who published them.
    pub exchange: Exchange,
    /// The session they were asked for.
    pub trade_date: TradeDate,
    /// When these bytes became what we know of the session.
    #[serde(default)]
    pub observed_at: DateTime<Utc>,
}

/// The rows set aside from one raw file with their reasons, as JSON lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineArtifact {
    /// The bytes.
    pub artifact: ArtifactRef,
    /// What the raw bytes were meant to hold.
    pub dataset: Dataset,
    /// Who published them.
    pub exchange: Exchange,
    /// The session.
    pub trade_date: TradeDate,
    /// Hash of the raw bytes the rows come from.
    pub source_sha256: Sha256,
}

/// The books of one file. `rows_in = published + quarantined + filtered` always holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Data rows the file holds.
    pub rows_in: u64,
    /// Rows that reached the tables.
    pub published: u64,
    /// Rows set aside with a reason.
    pub quarantined: u64,
    /// Rows left out by a documented rule.
    pub filtered: u64,
}

impl RowCounts {
    /// Tells whether no row was lost.
    #[must_use]
    pub fn conserved(&self) -> bool {
        self.published.checked_add(self.quarantined).and_then(|sum| sum.checked_add(self.filtered))
            == Some(self.rows_in)
    }
}

/// One table of one session in Arrow IPC form, between parser and parquet-writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedArtifact {
    /// The bytes.
    pub artifact: ArtifactRef,
    /// The table the rows belong to.
    pub table: Table,
    /// Who published them.
    pub exchange: Exchange,
    /// The session.
    pub trade_date: TradeDate,
    /// Hash of the raw bytes the rows come from.
    pub source_sha256: Sha256,
    /// The books of the raw file.
    pub counts: RowCounts,
    /// When the raw bytes became what we know of the session.
    #[serde(default)]
    pub observed_at: DateTime<Utc>,
}

/// One table of one session as published Parquet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CuratedArtifact {
    /// The bytes.
    pub artifact: ArtifactRef,
    /// The table the rows belong to.
    pub table: Table,
    /// Who published them.
    pub exchange: Exchange,
    /// The session.
    pub trade_date: TradeDate,
    /// Hash of the raw bytes the rows come from.
    pub source_sha256: Sha256,
    /// 1 for the first publication, one more for each corrected file.
    pub version: u32,
    /// When the raw bytes became what we know of the session.
    #[serde(default)]
    pub observed_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nothing_is_the_known_one_and_reads_back() {
        let hash = Sha256::of(b"");
        assert_eq!(hash.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!("E3B0".parse::<Sha256>().is_err());
    }

    #[test]
    fn books_that_lose_a_row_are_seen() {
        let counts = RowCounts { rows_in: 10, published: 8, quarantined: 1, filtered: 1 };
        assert!(counts.conserved());
        assert!(!RowCounts { published: 7, ..counts }.conserved());
        assert!(!RowCounts { published: u64::MAX, ..counts }.conserved());
    }

    #[test]
    fn curated_keys_are_hive_style_with_one_file_a_session() {
        let date = "2025-02-24".parse().expect("a date");
        assert_eq!(
            keys::curated(Table::EquityDelivery, Exchange::Nse, date),
            "curated/equity_delivery/exchange=nse/year=2025/month=02/2025-02-24.parquet"
        );
    }
}
