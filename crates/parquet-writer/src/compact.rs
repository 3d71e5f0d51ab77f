//! One file a month, beside the files of its sessions.
//!
//! The month stands in a zone of its own, `compacted/`, so that no glob sees a row twice: a reader takes `curated/` (every
//! session, as it is now) or `compacted/` (whole months, as they were at the last compaction), each complete in itself.

use champion_lake::{Lake, Turn};
use champion_market_data::columnar::SCHEMA_VERSION;
use champion_market_data::{ArtifactRef, Exchange, Sha256, Table, TradeDate};
use serde::{Deserialize, Serialize};
use tracing::{info, info_span};

use crate::WriteError;
use crate::manifest::Manifest;
use crate::parquet_file::{Encoding, WRITER_VERSION};

/// A month of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: i32,
    month: u32,
}

impl Month {
    /// Returns a month that exists, 1 to 12.
    #[must_use]
    pub fn new(year: i32, month: u32) -> Option<Self> {
        TradeDate::from_ymd(year, month, 1).map(|_| Self { year, month })
    }

    /// Returns the month of a date.
    #[must_use]
    pub fn of(date: TradeDate) -> Self {
        let (year, month) = date.month();
        Self { year, month }
    }

    fn next(self) -> Self {
        if self.month == 12 { Self { year: self.year + 1, month: 1 } } else { Self { month: self.month + 1, ..self } }
    }

    fn folder(self) -> String {
        format!("year={}/month={:02}", self.year, self.month)
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{:02}", self.year, self.month)
    }
}

impl std::str::FromStr for Month {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("invalid month {text:?}: expected YYYY-MM");
        let (year, month) =
            text.split_once('-').filter(|(year, month)| year.len() == 4 && month.len() == 2).ok_or_else(wrong)?;
        Self::new(year.parse().map_err(|_| wrong())?, month.parse().map_err(|_| wrong())?).ok_or_else(wrong)
    }
}

/// What a month's file is made of. Written last; while it does not stand there the month is not compacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthManifest {
    /// The table.
    pub table: Table,
    /// Who published the sources.
    pub exchange: Exchange,
    /// `YYYY-MM`.
    pub month: String,
    /// The month's file.
    pub artifact: ArtifactRef,
    /// The files it was made of, by date.
    pub sessions: Vec<SessionFile>,
    /// Version of the tables' schemas.
    pub schema_version: i64,
    /// Version of the encoding.
    pub writer_version: u32,
    /// The run that asked for it.
    pub run_id: String,
}

/// A curated file as it went into a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFile {
    /// The session.
    pub trade_date: TradeDate,
    /// Version of the file.
    pub version: u32,
    /// The file.
    pub artifact: ArtifactRef,
}

/// The outcome for one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted {
    /// The month.
    pub month: Month,
    /// Its file.
    pub artifact: ArtifactRef,
    /// Sessions in it.
    pub sessions: usize,
    /// Whether it was made of the same files before.
    pub unchanged: bool,
}

/// Compacts months. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Compactor {
    lake: Lake,
    encoding: Encoding,
}

impl Compactor {
    /// Makes a compactor.
    #[must_use]
    pub const fn new(lake: Lake, encoding: Encoding) -> Self {
        Self { lake, encoding }
    }

    /// Compacts the months of a range that have sessions, in order.
    ///
    /// # Errors
    /// [`WriteError`] for the first month that fails; the months before it are done.
    pub async fn compact(
        &self,
        (table, exchange): (Table, Exchange),
        (from, to): (Month, Month),
        run_id: &str,
    ) -> Result<Vec<Compacted>, WriteError> {
        let mut done = Vec::new();
        let mut month = from;
        while month <= to {
            let key = month_key(table, exchange, month);
            let turn = self.lake.turn(&key).await?;
            let outcome = self.month(table, exchange, month, run_id, &turn).await;
            turn.end().await;
            done.extend(outcome?);
            month = month.next();
        }
        Ok(done)
    }

    async fn month(
        &self,
        table: Table,
        exchange: Exchange,
        month: Month,
        run_id: &str,
        turn: &Turn,
    ) -> Result<Option<Compacted>, WriteError> {
        let sessions = self.sessions(table, exchange, month).await?;
        if sessions.is_empty() {
            return Ok(None);
        }
        let key = month_key(table, exchange, month);
        let manifest_key = format!("{}.manifest.json", key.trim_end_matches(".parquet"));
        let (json, seen) = self.lake.get_seen(&manifest_key).await?;
        // One that cannot be read is made anew.
        let published: Option<MonthManifest> = json.as_ref().and_then(|json| serde_json::from_slice(json).ok());
        let count = sessions.len();
        if let Some(manifest) = published
            && manifest.sessions == sessions
            && manifest.writer_version == WRITER_VERSION
            && self.lake.size(&key).await? == Some(manifest.artifact.bytes)
        {
            return Ok(Some(Compacted { month, artifact: manifest.artifact, sessions: count, unchanged: true }));
        }
        let (bytes, rows) = self.encode(table, &sessions).await?;
        let artifact = ArtifactRef { key: key.clone(), sha256: Sha256::of(&bytes), bytes: bytes.len() as u64, rows };
        let manifest = MonthManifest {
            table,
            exchange,
            month: month.to_string(),
            artifact: artifact.clone(),
            sessions,
            schema_version: SCHEMA_VERSION,
            writer_version: WRITER_VERSION,
            run_id: run_id.to_owned(),
        };
        let mut json = serde_json::to_vec_pretty(&manifest).expect("texts and numbers always serialise");
        json.push(b'\n');
        self.lake.publish(&key, bytes.into()).await?;
        self.lake.replace(turn, &manifest_key, &seen, json.into()).await?;
        info!(key, sessions = count, rows, "month compacted");
        Ok(Some(Compacted { month, artifact, sessions: count, unchanged: false }))
    }

    /// Returns what is published in a month, by date.
    async fn sessions(&self, table: Table, exchange: Exchange, month: Month) -> Result<Vec<SessionFile>, WriteError> {
        let mut sessions = Vec::new();
        let folder = format!("curated/{table}/exchange={exchange}/{}", month.folder());
        for key in self.lake.list(&folder).await? {
            if !key.ends_with(".manifest.json") {
                continue;
            }
            let Some(json) = self.lake.get(&key).await? else { continue };
            let manifest = Manifest::from_json(&json).map_err(|source| WriteError::Manifest { key, source })?;
            sessions.push(SessionFile {
                trade_date: manifest.trade_date,
                version: manifest.version,
                artifact: manifest.curated().artifact,
            });
        }
        sessions.sort_by_key(|session| session.trade_date);
        Ok(sessions)
    }

    /// Reads the sessions and writes them as one file, a row group a session: the same sessions give the same bytes.
    async fn encode(&self, table: Table, sessions: &[SessionFile]) -> Result<(Vec<u8>, u64), WriteError> {
        let mut files = Vec::with_capacity(sessions.len());
        for session in sessions {
            files.push(self.lake.get_verified(&session.artifact).await?);
        }
        let rows = sessions.iter().map(|session| session.artifact.rows).sum();
        let (encoding, span) = (self.encoding, tracing::Span::current());
        let work = move || {
            let _span = info_span!(parent: span, "encode month").entered();
            encoding.concatenate(table, files)
        };
        let (key, trade_date) = (sessions[0].artifact.key.clone(), sessions[0].trade_date);
        let made = tokio::task::spawn_blocking(work).await.map_err(|source| WriteError::CutOff { key, source })?;
        Ok((made.map_err(|source| WriteError::Encode { table, trade_date, source })?, rows))
    }
}

/// The key of a month's file, Hive-style as the curated ones.
fn month_key(table: Table, exchange: Exchange, month: Month) -> String {
    format!("compacted/{table}/exchange={exchange}/{}/{month}.parquet", month.folder())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_read_and_counted_over_the_turn_of_the_year() {
        let december: Month = "2024-12".parse().expect("a month");
        assert_eq!(december.next().to_string(), "2025-01");
        for wrong in ["2024-13", "2024-00", "2024-1", "24-01", "2024", "2024-01-02"] {
            assert!(wrong.parse::<Month>().is_err(), "{wrong}");
        }
    }
}
