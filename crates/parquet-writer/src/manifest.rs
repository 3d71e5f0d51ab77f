//! The manifest beside a curated file: the session is done when it stands there.

use bytes::Bytes;
use champion_market_data::artifact::{CuratedKey, Disbelief, keys};
use champion_market_data::{
    ArtifactRef, CuratedArtifact, Exchange, RowCounts, Sha256, StagedArtifact, Table, TradeDate,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What is published for a table and session, from what, and by which run. Written last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The table.
    pub table: Table,
    /// Who published the source.
    pub exchange: Exchange,
    /// The session.
    pub trade_date: TradeDate,
    /// 1 for the first publication, one more for each corrected file.
    pub version: u32,
    /// Key of the curated file.
    pub key: String,
    /// Hash of the curated file.
    pub sha256: Sha256,
    /// Length of the curated file.
    pub bytes: u64,
    /// Rows of the curated file.
    pub rows: u64,
    /// Hash of the raw bytes the rows come from.
    pub source_sha256: Sha256,
    /// Hash of the staged bytes the file was encoded from.
    pub staged_sha256: Sha256,
    /// The books of the raw file.
    pub counts: RowCounts,
    /// Version of the tables' schemas.
    pub schema_version: i64,
    /// Version of the encoding.
    pub writer_version: u32,
    /// The run that published; it stands here and not in the rows.
    pub run_id: String,
    /// The trace of that run, 32 hex digits; null outside a trace.
    pub trace_id: Option<String>,
    /// When the raw bytes became what we know of the session, in UTC.
    pub observed_at: DateTime<Utc>,
    /// When the file was published, in UTC.
    pub published_at: DateTime<Utc>,
    /// The version that is taking this one's place. It stands here from before the curated file is replaced until the
    /// manifest of that version is written; meanwhile this version is also in the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<Replacement>,
}

/// The content of a version that is being published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// Its version.
    pub version: u32,
    /// Hash of its file.
    pub sha256: Sha256,
    /// Length of its file.
    pub bytes: u64,
}

impl Manifest {
    /// Returns the key under which the manifest of a staged artifact's session stands.
    #[must_use]
    pub fn key_of(staged: &StagedArtifact) -> String {
        keys::manifest(staged.table, staged.exchange, staged.trade_date)
    }

    /// Returns the session that the manifest says it is of.
    #[must_use]
    pub const fn session(&self) -> CuratedKey {
        CuratedKey { table: self.table, exchange: self.exchange, trade_date: self.trade_date }
    }

    /// Tells whether the manifest is the session's, its books balance, and its version and time can be.
    ///
    /// # Errors
    /// [`Disbelief`] says what is wrong with it.
    pub fn believe(&self, session: CuratedKey, now: DateTime<Utc>) -> Result<(), Disbelief> {
        session.believe(&self.curated(), now)?;
        if self.counts.conserved() { Ok(()) } else { Err(Disbelief::Books) }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`serde_json::Error`] when the bytes are no manifest.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Returns the JSON that is stored: indented, in the order of the fields, with a final line feed.
    #[must_use]
    pub fn to_json(&self) -> Bytes {
        let mut text = serde_json::to_vec_pretty(self).expect("texts, numbers and dates always serialise");
        text.push(b'\n');
        Bytes::from(text)
    }

    /// Returns the reference to the published file.
    #[must_use]
    pub fn curated(&self) -> CuratedArtifact {
        CuratedArtifact {
            artifact: ArtifactRef { key: self.key.clone(), sha256: self.sha256, bytes: self.bytes, rows: self.rows },
            table: self.table,
            exchange: self.exchange,
            trade_date: self.trade_date,
            source_sha256: self.source_sha256,
            version: self.version,
            observed_at: self.observed_at,
        }
    }
}
