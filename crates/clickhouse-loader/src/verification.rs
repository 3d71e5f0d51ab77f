//! Reading back what the tables hold for sessions: the keys before an insert, keys and checksums after it.

use std::collections::{HashMap, HashSet};

use champion_market_data::Table;
use champion_retry::Deadline;
use clickhouse::Row;
use serde::Deserialize;

use crate::LoadError;
use crate::curated::{Session, SessionVersion};
use crate::fingerprint::Fingerprint;
use crate::insert_body::{Delivery, VanishedKey};
use crate::row_key::{self, RowKeys, SEPARATOR};
use crate::shelf::{Place, Shelf};
use crate::warehouse::{Statement, Warehouse, WarehouseError};

#[derive(Debug, Row, Deserialize)]
struct KeyRow {
    exchange_code: String,
    day: i32,
    place_version: u32,
    key_parts: Vec<String>,
}

#[derive(Debug, Row, Deserialize)]
struct ContentRow {
    exchange_code: String,
    day: i32,
    place_version: u32,
    row_count: u64,
    key_count: u64,
    column_sums: Vec<u64>,
}

/// What a table holds in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) fingerprint: Fingerprint,
    /// Distinct natural keys.
    pub(crate) keys: u64,
}

/// A session that the table does not hold as its file does.
#[derive(Debug)]
pub(crate) struct Difference {
    /// Position among the sessions asked about.
    pub(crate) position: usize,
    /// What differs, as the load's error.
    pub(crate) error: LoadError,
}

/// Finds the keys that each session removes: one query for all sessions.
///
/// They are the keys of its earlier versions and those that the table holds, without its own. The earlier versions are
/// asked, because their rows may still be on their way: the tombstones beat them whenever they arrive. The table is asked,
/// because it may hold rows that no file of this lake has.
pub(crate) async fn vanished_keys(
    warehouse: &Warehouse,
    shelf: Shelf,
    table: Table,
    sessions: Vec<Session>,
    earlier: &[Session],
    deadline: Deadline,
) -> Result<Vec<Delivery>, WarehouseError> {
    let collection = shelf.collection(table);
    let sql = format!(
        "SELECT {place}, [{parts}] AS key_parts FROM {from} FINAL WHERE {filter}",
        place = shelf.sql_place(table),
        parts = row_key::sql_parts(table).join(", "),
        from = warehouse.qualified(&collection),
        filter = shelf.filter(table, &sessions),
    );
    let statement = Statement { operation: "SELECT", collection, rows: None, sql };
    let mut held: HashMap<Place, HashSet<String>> = HashMap::new();
    for row in warehouse.fetch::<KeyRow>(&statement, deadline).await? {
        let place = (row.exchange_code, row.day, row.place_version);
        held.entry(place).or_default().insert(row.key_parts.join(&SEPARATOR.to_string()));
    }
    let deliveries = sessions.into_iter().map(|session| {
        let mut keys = held.remove(&shelf.place(&session.id)).unwrap_or_default();
        for before in earlier.iter().filter(|before| precedes(&before.id, &session.id)) {
            for_each_key(before, |key| {
                keys.insert(key.to_owned());
            });
        }
        for_each_key(&session, |key| {
            keys.remove(key);
        });
        Delivery { session, vanished: in_order(keys) }
    });
    Ok(deliveries.collect())
}

fn precedes(before: &SessionVersion, id: &SessionVersion) -> bool {
    (before.exchange, before.trade_date) == (id.exchange, id.trade_date) && before.version < id.version
}

fn for_each_key(session: &Session, mut work: impl FnMut(&str)) {
    let keys = RowKeys::of(session.id.table, &session.rows);
    let mut key = String::new();
    for row in 0..session.rows.num_rows() {
        keys.write(row, &mut key);
        work(&key);
    }
}

/// Splits and sorts the keys: the insert's bytes are to be the same every time.
fn in_order(keys: HashSet<String>) -> Vec<VanishedKey> {
    let mut keys: Vec<VanishedKey> =
        keys.into_iter().map(|key| key.split(SEPARATOR).map(str::to_owned).collect()).collect();
    keys.sort_unstable();
    keys
}

/// Returns the sessions that the table does not hold exactly as their files do: one query for all sessions.
pub(crate) async fn differences(
    warehouse: &Warehouse,
    shelf: Shelf,
    table: Table,
    sessions: &[Session],
    deadline: Deadline,
) -> Result<Vec<Difference>, WarehouseError> {
    let found = contents(warehouse, shelf, table, &shelf.filter(table, sessions), deadline).await?;
    let nothing = Content { fingerprint: Fingerprint::empty(table), keys: 0 };
    let mut differences = Vec::new();
    for (position, Session { id, fingerprint, .. }) in sessions.iter().enumerate() {
        let content = found.get(&shelf.place(id)).unwrap_or(&nothing);
        if content.fingerprint != *fingerprint || content.keys != fingerprint.rows() {
            differences.push(Difference { position, error: mismatch(id, fingerprint, content) });
        }
    }
    Ok(differences)
}

/// Computes what a table holds in each place where rows fulfil a condition: one query.
pub(crate) async fn contents(
    warehouse: &Warehouse,
    shelf: Shelf,
    table: Table,
    filter: &str,
    deadline: Deadline,
) -> Result<HashMap<Place, Content>, WarehouseError> {
    let collection = shelf.collection(table);
    let sql = format!(
        "WITH {weight} AS row_weight \
         SELECT {place}, count() AS row_count, uniqExact({key}) AS key_count, {sums} AS column_sums \
         FROM {from} FINAL WHERE {filter} GROUP BY exchange_code, day, place_version",
        weight = Fingerprint::sql_weight(table),
        place = shelf.sql_place(table),
        key = table.spec().key.join(", "),
        sums = Fingerprint::sql_sums(table),
        from = warehouse.qualified(&collection),
    );
    let statement = Statement { operation: "SELECT", collection, rows: None, sql };
    let rows = warehouse.fetch::<ContentRow>(&statement, deadline).await?;
    let contents = rows.into_iter().map(|row| {
        let fingerprint = Fingerprint::computed(table, row.row_count, row.column_sums);
        ((row.exchange_code, row.day, row.place_version), Content { fingerprint, keys: row.key_count })
    });
    Ok(contents.collect())
}

/// Returns the sessions of which a table holds rows between two dates, deleted ones included.
pub(crate) async fn places(
    warehouse: &Warehouse,
    table: Table,
    (from, to): (&str, &str),
    deadline: Deadline,
) -> Result<Vec<Place>, WarehouseError> {
    let date = table.spec().date_column;
    let collection = table.to_string();
    let sql = format!(
        "SELECT DISTINCT {place} FROM {from_table} WHERE {date} BETWEEN '{from}' AND '{to}'",
        place = Shelf::Current.sql_place(table),
        from_table = warehouse.qualified(&collection),
    );
    let statement = Statement { operation: "SELECT", collection, rows: None, sql };
    warehouse.fetch(&statement, deadline).await
}

/// Returns the years of which a table holds rows between two dates.
pub(crate) async fn years(
    warehouse: &Warehouse,
    table: Table,
    (from, to): (&str, &str),
    deadline: Deadline,
) -> Result<Vec<i32>, WarehouseError> {
    let date = table.spec().date_column;
    let collection = table.to_string();
    let sql = format!(
        "SELECT DISTINCT toInt32(toYear({date})) AS year FROM {} WHERE {date} BETWEEN '{from}' AND '{to}'",
        warehouse.qualified(&collection)
    );
    let statement = Statement { operation: "SELECT", collection, rows: None, sql };
    warehouse.fetch(&statement, deadline).await
}

fn mismatch(id: &SessionVersion, file: &Fingerprint, table: &Content) -> LoadError {
    let columns = file.differing_columns(&table.fingerprint);
    LoadError::Mismatch {
        table: id.table,
        exchange: id.exchange,
        trade_date: id.trade_date,
        expected_rows: file.rows(),
        found_rows: table.fingerprint.rows(),
        found_keys: table.keys,
        columns: if columns.is_empty() { "none".to_owned() } else { columns.join(", ") },
    }
}
