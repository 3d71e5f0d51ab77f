//! The ledgers: which content of which session the tables and their histories hold, verified.

use std::fmt::Display;

use bytes::Bytes;
use champion_market_data::{CuratedArtifact, Exchange, Sha256, Table, TradeDate};
use champion_retry::Deadline;
use chrono::{DateTime, Utc};
use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::Run;
use crate::curated::Session;
use crate::warehouse::{Statement, Warehouse, WarehouseError};

/// One loaded version of a session.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub(crate) struct Entry {
    table: String,
    exchange: String,
    trade_date: String,
    pub(crate) version: u32,
    pub(crate) sha256: String,
    pub(crate) rows: u64,
    pub(crate) checksum: String,
}

/// What the ledger says about an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The content is in, or was in before a correction took its place.
    AlreadyLoaded,
    /// The content is new.
    Load,
    /// The warehouse holds a newer version, and this one was never in.
    Older {
        /// The newest version in.
        newest: u32,
        /// Whether the newest version holds the same content.
        same_content: bool,
    },
}

/// Decides by the ledger's entries whether an artifact is sent.
///
/// * An entry names its version and content: it is in, or was in before.
/// * Its version is the newest: it is sent, also where its content was in before (a flip back), and also where an entry
///   names the version with other content (a lake that was built anew). Rows of the same version replace each other in
///   the order of their arrival.
/// * Otherwise a newer version would stay in its place.
pub(crate) fn judge(entries: &[Entry], curated: &CuratedArtifact) -> Verdict {
    let sha256 = curated.artifact.sha256.to_string();
    let of_session = || entries.iter().filter(|entry| entry.is_of(curated.table, curated.exchange, curated.trade_date));
    let Some(newest) = of_session().max_by_key(|entry| entry.version) else { return Verdict::Load };
    if of_session().any(|entry| entry.version == curated.version && entry.sha256 == sha256) {
        return Verdict::AlreadyLoaded;
    }
    if curated.version >= newest.version {
        return Verdict::Load;
    }
    Verdict::Older { newest: newest.version, same_content: newest.sha256 == sha256 }
}

impl Entry {
    /// Returns the session, where the ledger's texts name one.
    pub(crate) fn session(&self) -> Option<(TradeDate, Exchange)> {
        Some((self.trade_date.parse().ok()?, self.exchange.parse().ok()?))
    }

    #[cfg(test)]
    pub(crate) fn for_test(
        table: Table,
        date: &str,
        version: u32,
        sha256: Sha256,
        rows: u64,
        checksum: String,
    ) -> Self {
        let (exchange, trade_date) = (Exchange::Nse.to_string(), date.to_owned());
        Self { table: table.to_string(), exchange, trade_date, version, sha256: sha256.to_string(), rows, checksum }
    }

    /// Tells whether it is an entry of the session.
    pub(crate) fn is_of(&self, table: Table, exchange: Exchange, trade_date: TradeDate) -> bool {
        self.table == table.as_str() && self.exchange == exchange.as_str() && self.trade_date == trade_date.to_string()
    }
}

/// The two ledgers. Both name sessions and versions alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ledger {
    /// What was loaded, by which run, and since when it is known.
    Loads,
    /// What the history tables hold.
    History,
}

impl Ledger {
    const fn collection(self) -> &'static str {
        match self {
            Self::Loads => "load_ledger",
            Self::History => "history_ledger",
        }
    }

    /// Reads the entries of the tables between two dates, in one query.
    pub(crate) async fn read(
        self,
        warehouse: &Warehouse,
        tables: &[Table],
        (first, last): (impl Display, impl Display),
        deadline: Deadline,
    ) -> Result<Vec<Entry>, WarehouseError> {
        let mut tables: Vec<&str> = tables.iter().map(|table| table.as_str()).collect();
        tables.sort_unstable();
        tables.dedup();
        let collection = self.collection();
        let sql = format!(
            "SELECT toString(table) AS table, toString(exchange) AS exchange, toString(trade_date) AS trade_date, version, \
             sha256, rows, checksum FROM {} FINAL \
             WHERE {collection}.table IN ('{}') AND {collection}.trade_date BETWEEN '{first}' AND '{last}'",
            warehouse.qualified(collection),
            tables.join("', '"),
        );
        let statement = Statement { operation: "SELECT", collection: collection.to_owned(), rows: None, sql };
        warehouse.fetch(&statement, deadline).await
    }

    /// Writes rows down in one insert.
    async fn insert<T: Serialize>(
        self,
        warehouse: &Warehouse,
        columns: &str,
        rows: impl Iterator<Item = T>,
        deadline: Deadline,
    ) -> Result<(), WarehouseError> {
        let (mut body, mut count) = (Vec::new(), 0);
        for row in rows {
            serde_json::to_writer(&mut body, &row).expect("numbers and texts always serialise");
            body.push(b'\n');
            count += 1;
        }
        let collection = self.collection();
        let sql = format!("INSERT INTO {} ({columns}) FORMAT JSONEachRow", warehouse.qualified(collection));
        let statement = Statement { operation: "INSERT", collection: collection.to_owned(), rows: Some(count), sql };
        // The token is the content: two months of one run may be written down in the same millisecond.
        let token = Sha256::of(&body).to_string();
        warehouse.insert(&statement, &Bytes::from(body), &token, deadline).await
    }
}

/// Reads the ledger of loads for the artifacts' tables and dates.
pub(crate) async fn read(
    warehouse: &Warehouse,
    artifacts: &[CuratedArtifact],
    deadline: Deadline,
) -> Result<Vec<Entry>, WarehouseError> {
    let tables: Vec<Table> = artifacts.iter().map(|curated| curated.table).collect();
    let dates = || artifacts.iter().map(|curated| curated.trade_date);
    let (Some(first), Some(last)) = (dates().min(), dates().max()) else { return Ok(Vec::new()) };
    Ledger::Loads.read(warehouse, &tables, (first, last), deadline).await
}

/// One row of the ledger of loads, as `JSONEachRow`.
#[derive(Debug, Serialize)]
struct LoadRow<'a> {
    dataset: &'static str,
    table: &'static str,
    exchange: &'static str,
    trade_date: String,
    version: u32,
    sha256: String,
    source_sha256: String,
    rows: u64,
    checksum: String,
    observed_at: String,
    run_id: &'a str,
    trace_id: &'a str,
    loaded_at: String,
}

/// Writes down artifacts that were verified, with the sessions read from them.
pub(crate) async fn write(
    warehouse: &Warehouse,
    artifacts: &[CuratedArtifact],
    sessions: &[Session],
    run: &Run,
    now: DateTime<Utc>,
    deadline: Deadline,
) -> Result<(), WarehouseError> {
    let rows = artifacts.iter().zip(sessions).map(|(curated, Session { fingerprint, .. })| LoadRow {
        dataset: curated.table.dataset().as_str(),
        table: curated.table.as_str(),
        exchange: curated.exchange.as_str(),
        trade_date: curated.trade_date.to_string(),
        version: curated.version,
        sha256: curated.artifact.sha256.to_string(),
        source_sha256: curated.source_sha256.to_string(),
        rows: fingerprint.rows(),
        checksum: fingerprint.checksum(),
        observed_at: curated.observed_at.format("%Y-%m-%d %H:%M:%S%.6f").to_string(),
        run_id: &run.run_id,
        trace_id: run.trace_id.as_deref().unwrap_or_default(),
        loaded_at: now.format("%Y-%m-%d %H:%M:%S%.3f").to_string(),
    });
    let columns = "dataset, table, exchange, trade_date, version, sha256, source_sha256, rows, checksum, observed_at, \
                   run_id, trace_id, loaded_at";
    Ledger::Loads.insert(warehouse, columns, rows, deadline).await
}

/// One row of the ledger of the history, as `JSONEachRow`.
#[derive(Debug, Serialize)]
struct HistoryRow<'a> {
    table: &'static str,
    exchange: &'static str,
    trade_date: String,
    version: u32,
    sha256: String,
    rows: u64,
    checksum: String,
    run_id: &'a str,
    loaded_at: String,
}

/// Writes down that the history holds sessions, verified.
pub(crate) async fn write_history(
    warehouse: &Warehouse,
    sessions: &[Session],
    run: &Run,
    now: DateTime<Utc>,
    deadline: Deadline,
) -> Result<(), WarehouseError> {
    let rows = sessions.iter().map(|Session { id, fingerprint, .. }| HistoryRow {
        table: id.table.as_str(),
        exchange: id.exchange.as_str(),
        trade_date: id.trade_date.to_string(),
        version: id.version,
        sha256: id.sha256.to_string(),
        rows: fingerprint.rows(),
        checksum: fingerprint.checksum(),
        run_id: &run.run_id,
        loaded_at: now.format("%Y-%m-%d %H:%M:%S%.3f").to_string(),
    });
    let columns = "table, exchange, trade_date, version, sha256, rows, checksum, run_id, loaded_at";
    Ledger::History.insert(warehouse, columns, rows, deadline).await
}

#[cfg(test)]
mod tests {
    use champion_market_data::ArtifactRef;

    use super::*;

    fn curated(version: u32, content: &str) -> CuratedArtifact {
        CuratedArtifact {
            artifact: ArtifactRef { key: "k".to_owned(), sha256: Sha256::of(content.as_bytes()), bytes: 1, rows: 1 },
            table: Table::EquityDelivery,
            exchange: Exchange::Nse,
            trade_date: "2025-02-24".parse().expect("a date"),
            source_sha256: Sha256::of(b"source"),
            version,
            observed_at: DateTime::UNIX_EPOCH,
        }
    }

    fn entry(version: u32, content: &str) -> Entry {
        let CuratedArtifact { table, exchange, trade_date, artifact, .. } = curated(version, content);
        Entry {
            table: table.to_string(),
            exchange: exchange.to_string(),
            trade_date: trade_date.to_string(),
            version,
            sha256: artifact.sha256.to_string(),
            rows: 1,
            checksum: String::new(),
        }
    }

    #[test]
    fn the_ledger_decides() {
        let two = [entry(1, "a"), entry(2, "b")];
        assert_eq!(judge(&[], &curated(1, "a")), Verdict::Load);
        assert_eq!(judge(&two[..1], &curated(1, "a")), Verdict::AlreadyLoaded);
        assert_eq!(judge(&two[..1], &curated(2, "b")), Verdict::Load, "a correction");
        assert_eq!(judge(&two, &curated(1, "a")), Verdict::AlreadyLoaded, "an old message that comes again");
        assert_eq!(judge(&two, &curated(3, "a")), Verdict::Load, "a flip back");
        assert_eq!(judge(&two[..1], &curated(3, "a")), Verdict::Load, "a flip back whose middle is on its way");
        assert_eq!(judge(&two[..1], &curated(1, "c")), Verdict::Load, "a new lake with other content");
        let older = |same_content| Verdict::Older { newest: 2, same_content };
        assert_eq!(judge(&two, &curated(1, "b")), older(true), "a new lake with the same content");
        assert_eq!(judge(&two, &curated(1, "c")), older(false));
    }

    #[test]
    fn entries_of_other_sessions_say_nothing() {
        let mut other = entry(1, "a");
        other.trade_date = "2025-02-21".to_owned();
        assert_eq!(judge(&[other], &curated(1, "a")), Verdict::Load);
    }
}
