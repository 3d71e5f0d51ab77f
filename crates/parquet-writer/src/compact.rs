//! One file a month, beside the files of its sessions.
//!
//! The month stands in a zone of its own, `compacted/`, so that no glob sees a row twice: a reader takes `curated/` (every
//! session, as it is now) or `compacted/` (whole months, as they were at the last compaction), each complete in itself.

use champion_lake::{Lake, LakeErrorKind, Turn};
use champion_market_data::columnar::SCHEMA_VERSION;
use champion_market_data::{ArtifactRef, Exchange, Sha256, Table, TradeDate};
use serde::{Deserialize, Serialize};
use tracing::{info, info_span, warn};

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

/// What a compaction came to, by what a second look at each month found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compaction {
    /// The months that are as they should be now, in order.
    pub months: Vec<Compacted>,
    /// What keeps the others from it, object by object. Their months stay as they were.
    pub findings: Vec<MonthFinding>,
}

/// Something that keeps a month from being compacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthFinding {
    /// The month.
    pub month: Month,
    /// The object at fault.
    pub key: String,
    /// In a person's words.
    pub detail: String,
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

    /// Compacts the months of a range that have sessions, in order, and looks at each again.
    ///
    /// A month with a session that cannot be read is not written without it: it is a finding, and the others are done.
    ///
    /// # Errors
    /// [`WriteError`] when the lake gives nobody a turn.
    pub async fn compact(
        &self,
        (table, exchange): (Table, Exchange),
        (from, to): (Month, Month),
        run_id: &str,
    ) -> Result<Compaction, WriteError> {
        let mut outcome = Compaction::default();
        let mut month = from;
        while month <= to {
            let turn = self.lake.turn(&month_key(table, exchange, month)).await?;
            let made = self.month(table, exchange, month, run_id, &turn).await;
            turn.end().await;
            match made {
                Ok(done) => outcome.months.extend(done),
                Err(faults) => {
                    for MonthFinding { key, detail, .. } in &faults {
                        warn!(%table, %exchange, %month, key, detail, "month not compacted");
                    }
                    outcome.findings.extend(faults);
                }
            }
            month = month.next();
        }
        Ok(outcome)
    }

    async fn month(
        &self,
        table: Table,
        exchange: Exchange,
        month: Month,
        run_id: &str,
        turn: &Turn,
    ) -> Result<Option<Compacted>, Vec<MonthFinding>> {
        let key = month_key(table, exchange, month);
        let fault = |detail: String| vec![MonthFinding { month, key: key.clone(), detail }];
        let sessions = self.sessions(table, exchange, month).await?;
        if sessions.is_empty() {
            return Ok(None);
        }
        let stands = self.stands(&key, &sessions).await.map_err(|error| fault(error.to_string()))?;
        if let Some(artifact) = stands {
            return Ok(Some(Compacted { month, artifact, sessions: sessions.len(), unchanged: true }));
        }
        let made = self.make(table, exchange, month, run_id, turn, &sessions).await;
        made.map_err(|error| fault(error.to_string()))?;
        // What was written is looked at as anybody would who comes next.
        match self.stands(&key, &sessions).await {
            Ok(Some(artifact)) => Ok(Some(Compacted { month, artifact, sessions: sessions.len(), unchanged: false })),
            Ok(None) => Err(fault("it was written and is not there as written".to_owned())),
            Err(error) => Err(fault(format!("it was written and cannot be read again: {error}"))),
        }
    }

    /// Returns a month's file where it is whole and made of these sessions.
    async fn stands(&self, key: &str, sessions: &[SessionFile]) -> Result<Option<ArtifactRef>, WriteError> {
        let Some(json) = self.lake.get(&manifest_of(key)).await? else { return Ok(None) };
        // One that cannot be read is made anew.
        let Ok(manifest) = serde_json::from_slice::<MonthManifest>(&json) else { return Ok(None) };
        if manifest.sessions != sessions || manifest.writer_version != WRITER_VERSION || manifest.artifact.key != key {
            return Ok(None);
        }
        match self.lake.get_verified(&manifest.artifact).await {
            Ok(_) => Ok(Some(manifest.artifact)),
            Err(error) => match error.kind() {
                LakeErrorKind::NotFound | LakeErrorKind::Corrupt => Ok(None),
                LakeErrorKind::Invalid | LakeErrorKind::Unavailable | LakeErrorKind::Superseded => Err(error.into()),
            },
        }
    }

    async fn make(
        &self,
        table: Table,
        exchange: Exchange,
        month: Month,
        run_id: &str,
        turn: &Turn,
        sessions: &[SessionFile],
    ) -> Result<(), WriteError> {
        let key = month_key(table, exchange, month);
        let (_, seen) = self.lake.get_seen(&manifest_of(&key)).await?;
        let (bytes, rows) = self.encode(table, sessions).await?;
        let artifact = ArtifactRef { key: key.clone(), sha256: Sha256::of(&bytes), bytes: bytes.len() as u64, rows };
        let manifest = MonthManifest {
            table,
            exchange,
            month: month.to_string(),
            artifact,
            sessions: sessions.to_vec(),
            schema_version: SCHEMA_VERSION,
            writer_version: WRITER_VERSION,
            run_id: run_id.to_owned(),
        };
        let mut json = serde_json::to_vec_pretty(&manifest).expect("texts and numbers always serialise");
        json.push(b'\n');
        self.lake.publish(&key, bytes.into()).await?;
        self.lake.replace(turn, &manifest_of(&key), &seen, json.into()).await?;
        info!(key, sessions = sessions.len(), rows, "month compacted");
        Ok(())
    }

    /// Returns what is published in a month, by date, or what of it cannot be read.
    async fn sessions(
        &self,
        table: Table,
        exchange: Exchange,
        month: Month,
    ) -> Result<Vec<SessionFile>, Vec<MonthFinding>> {
        let folder = format!("curated/{table}/exchange={exchange}/{}", month.folder());
        let fault = |key: String, detail: String| MonthFinding { month, key, detail };
        let listed = self.lake.list(&folder).await.map_err(|error| vec![fault(folder.clone(), error.to_string())])?;
        let (mut sessions, mut faults) = (Vec::new(), Vec::new());
        for key in listed {
            if !key.ends_with(".manifest.json") {
                continue;
            }
            let json = match self.lake.get(&key).await {
                Ok(Some(json)) => json,
                Ok(None) => continue,
                Err(error) => {
                    faults.push(fault(key, error.to_string()));
                    continue;
                }
            };
            match Manifest::from_json(&json) {
                // A copy under another key says nothing of that session.
                Ok(manifest) if manifest.session().manifest() != key => {
                    let detail = format!("it is the manifest of {} of {}", manifest.table, manifest.trade_date);
                    faults.push(fault(key, detail));
                }
                Ok(manifest) => sessions.push(SessionFile {
                    trade_date: manifest.trade_date,
                    version: manifest.version,
                    artifact: manifest.curated().artifact,
                }),
                Err(error) => faults.push(fault(key, error.to_string())),
            }
        }
        sessions.sort_by_key(|session| session.trade_date);
        if faults.is_empty() { Ok(sessions) } else { Err(faults) }
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

fn manifest_of(key: &str) -> String {
    format!("{}.manifest.json", key.trim_end_matches(".parquet"))
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
