//! The ledger: which content of which session the warehouse holds, verified.

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
    version: u32,
    sha256: String,
}

/// What the ledger says about an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The content is in, or was in before a correction took its place.
    AlreadyLoaded,
    /// The content is new.
    Load,
    /// The warehouse holds a newer version, and this one was never in.
    Stale {
        /// The newest version in.
        newest: u32,
    },
}

/// Decides by the ledger's entries whether an artifact is sent.
///
/// * The newest entry names the content: it is in, whatever its version is called.
/// * The artifact's version is newer, or the same with other content (a lake that was built anew): it is sent. Rows of
///   the same version replace each other in the order of their arrival.
/// * The artifact's version is older: it was in before, or it is refused, because a newer one would stay in its place.
pub(crate) fn judge(entries: &[Entry], curated: &CuratedArtifact) -> Verdict {
    let sha256 = curated.artifact.sha256.to_string();
    let of_session = || entries.iter().filter(|entry| entry.is_of(curated.table, curated.exchange, curated.trade_date));
    let Some(newest) = of_session().max_by_key(|entry| entry.version) else { return Verdict::Load };
    if newest.sha256 == sha256 {
        return Verdict::AlreadyLoaded;
    }
    if curated.version >= newest.version {
        return Verdict::Load;
    }
    if of_session().any(|entry| entry.version == curated.version && entry.sha256 == sha256) {
        return Verdict::AlreadyLoaded;
    }
    Verdict::Stale { newest: newest.version }
}

impl Entry {
    fn is_of(&self, table: Table, exchange: Exchange, trade_date: TradeDate) -> bool {
        self.table == table.as_str() && self.exchange == exchange.as_str() && self.trade_date == trade_date.to_string()
    }
}

const TABLE: &str = "load_ledger";

/// Reads the entries of the artifacts' tables and dates, in one query.
pub(crate) async fn read(
    warehouse: &Warehouse,
    artifacts: &[CuratedArtifact],
    deadline: Deadline,
) -> Result<Vec<Entry>, WarehouseError> {
    let mut tables: Vec<&str> = artifacts.iter().map(|curated| curated.table.as_str()).collect();
    tables.sort_unstable();
    tables.dedup();
    let dates = || artifacts.iter().map(|curated| curated.trade_date);
    let (Some(first), Some(last)) = (dates().min(), dates().max()) else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT toString(table) AS table, toString(exchange) AS exchange, toString(trade_date) AS trade_date, version, sha256 \
         FROM {} FINAL WHERE load_ledger.table IN ('{}') AND load_ledger.trade_date BETWEEN '{first}' AND '{last}'",
        warehouse.qualified(TABLE),
        tables.join("', '"),
    );
    let statement = Statement { operation: "SELECT", collection: TABLE.to_owned(), rows: None, sql };
    warehouse.fetch(&statement, deadline).await
}

/// One row of the ledger, as `JSONEachRow`.
#[derive(Debug, Serialize)]
struct NewRow<'a> {
    dataset: &'static str,
    table: &'static str,
    exchange: &'static str,
    trade_date: String,
    version: u32,
    sha256: String,
    source_sha256: String,
    rows: u64,
    checksum: String,
    run_id: &'a str,
    trace_id: &'a str,
    loaded_at: &'a str,
}

/// Writes down sessions that were verified: one insert.
pub(crate) async fn write<'a>(
    warehouse: &Warehouse,
    sessions: impl Iterator<Item = &'a Session>,
    run: &Run,
    now: DateTime<Utc>,
    deadline: Deadline,
) -> Result<(), WarehouseError> {
    let loaded_at = now.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let (mut body, mut rows) = (Vec::new(), 0);
    for Session { curated, fingerprint, .. } in sessions {
        let row = NewRow {
            dataset: curated.table.dataset().as_str(),
            table: curated.table.as_str(),
            exchange: curated.exchange.as_str(),
            trade_date: curated.trade_date.to_string(),
            version: curated.version,
            sha256: curated.artifact.sha256.to_string(),
            source_sha256: curated.source_sha256.to_string(),
            rows: fingerprint.rows(),
            checksum: fingerprint.checksum(),
            run_id: &run.run_id,
            trace_id: run.trace_id.as_deref().unwrap_or_default(),
            loaded_at: &loaded_at,
        };
        serde_json::to_writer(&mut body, &row).expect("numbers and texts always serialise");
        body.push(b'\n');
        rows += 1;
    }
    let sql = format!(
        "INSERT INTO {} (dataset, table, exchange, trade_date, version, sha256, source_sha256, rows, checksum, run_id, \
         trace_id, loaded_at) FORMAT JSONEachRow",
        warehouse.qualified(TABLE)
    );
    let statement = Statement { operation: "INSERT", collection: TABLE.to_owned(), rows: Some(rows), sql };
    // The token is the content: two months of one run may be written down in the same millisecond.
    let token = Sha256::of(&body).to_string();
    warehouse.insert(&statement, &Bytes::from(body), &token, deadline).await
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
        }
    }

    #[test]
    fn the_ledger_decides() {
        let two = [entry(1, "a"), entry(2, "b")];
        assert_eq!(judge(&[], &curated(1, "a")), Verdict::Load);
        assert_eq!(judge(&two[..1], &curated(1, "a")), Verdict::AlreadyLoaded);
        assert_eq!(judge(&two[..1], &curated(2, "b")), Verdict::Load, "a correction");
        assert_eq!(judge(&two, &curated(1, "a")), Verdict::AlreadyLoaded, "an old message that comes again");
        assert_eq!(judge(&two, &curated(1, "b")), Verdict::AlreadyLoaded, "a new lake with the same content");
        assert_eq!(judge(&two[..1], &curated(1, "c")), Verdict::Load, "a new lake with other content");
        assert_eq!(judge(&two, &curated(1, "c")), Verdict::Stale { newest: 2 });
    }

    #[test]
    fn entries_of_other_sessions_say_nothing() {
        let mut other = entry(1, "a");
        other.trade_date = "2025-02-21".to_owned();
        assert_eq!(judge(&[other], &curated(1, "a")), Verdict::Load);
    }
}
