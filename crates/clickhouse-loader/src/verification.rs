//! Reading back what the tables hold for sessions: the keys before an insert, keys and checksums after it.

use std::collections::{HashMap, HashSet};

use champion_market_data::{CuratedArtifact, Exchange, Table, TradeDate};
use champion_retry::Deadline;
use clickhouse::Row;
use serde::Deserialize;

use crate::LoadError;
use crate::curated::Session;
use crate::fingerprint::Fingerprint;
use crate::insert_body::{Delivery, VanishedKey};
use crate::row_key::{self, RowKeys, SEPARATOR};
use crate::warehouse::{Statement, Warehouse, WarehouseError};

#[derive(Debug, Row, Deserialize)]
struct KeyRow {
    exchange_code: String,
    day: i32,
    key_parts: Vec<String>,
}

#[derive(Debug, Row, Deserialize)]
struct ContentRow {
    exchange_code: String,
    day: i32,
    row_count: u64,
    key_count: u64,
    column_sums: Vec<u64>,
}

/// Finds the keys that the table holds for each session and its file does not: one query for all sessions.
///
/// The table is asked, not the ledger: rows of a load that was cut off before its ledger row are found, too.
pub(crate) async fn vanished_keys(
    warehouse: &Warehouse,
    table: Table,
    sessions: Vec<Session>,
    deadline: Deadline,
) -> Result<Vec<Delivery>, WarehouseError> {
    let sql = format!(
        "SELECT toString({exchange}) AS exchange_code, toInt32({date}) AS day, [{parts}] AS key_parts FROM {from} FINAL WHERE {filter}",
        exchange = table.spec().key[0],
        date = table.spec().date_column,
        parts = row_key::sql_parts(table).join(", "),
        from = warehouse.qualified(table.as_str()),
        filter = filter(table, &sessions),
    );
    let statement = Statement { operation: "SELECT", collection: table.to_string(), rows: None, sql };
    let mut held: HashMap<(String, i32), Vec<VanishedKey>> = HashMap::new();
    for row in warehouse.fetch::<KeyRow>(&statement, deadline).await? {
        held.entry((row.exchange_code, row.day)).or_default().push(row.key_parts);
    }
    let deliveries = sessions.into_iter().map(|session| {
        let vanished =
            held.remove(&place(&session.curated)).map_or_else(Vec::new, |keys| without(keys, table, &session));
        Delivery { session, vanished }
    });
    Ok(deliveries.collect())
}

/// Returns the keys that the session's file does not hold.
fn without(mut keys: Vec<VanishedKey>, table: Table, session: &Session) -> Vec<VanishedKey> {
    let ours = RowKeys::of(table, &session.rows);
    let mut key = String::new();
    let kept: HashSet<String> = (0..session.rows.num_rows())
        .map(|row| {
            ours.write(row, &mut key);
            key.clone()
        })
        .collect();
    keys.retain(|parts| !kept.contains(&parts.join(&SEPARATOR.to_string())));
    // The warehouse answers in any order; the insert's bytes are to be the same every time.
    keys.sort_unstable();
    keys
}

/// Checks that the table holds for each session exactly what its file holds: one query for all sessions.
///
/// # Errors
/// [`LoadError::Mismatch`] for the first session that differs.
pub(crate) async fn verify<'a>(
    warehouse: &Warehouse,
    table: Table,
    sessions: impl Iterator<Item = &'a Session> + Clone,
    deadline: Deadline,
) -> Result<(), LoadError> {
    let sql = format!(
        "WITH {weight} AS row_weight \
         SELECT toString({exchange}) AS exchange_code, toInt32({date}) AS day, count() AS row_count, \
         uniqExact({key}) AS key_count, {sums} AS column_sums \
         FROM {from} FINAL WHERE {filter} GROUP BY exchange_code, day",
        weight = Fingerprint::sql_weight(table),
        exchange = table.spec().key[0],
        date = table.spec().date_column,
        key = table.spec().key.join(", "),
        sums = Fingerprint::sql_sums(table),
        from = warehouse.qualified(table.as_str()),
        filter = filter(table, sessions.clone()),
    );
    let statement = Statement { operation: "SELECT", collection: table.to_string(), rows: None, sql };
    let found: HashMap<(String, i32), ContentRow> = warehouse
        .fetch::<ContentRow>(&statement, deadline)
        .await?
        .into_iter()
        .map(|row| ((row.exchange_code.clone(), row.day), row))
        .collect();
    for Session { curated, fingerprint, .. } in sessions {
        let (content, keys) = match found.get(&place(curated)) {
            Some(row) => (Fingerprint::computed(table, row.row_count, row.column_sums.clone()), row.key_count),
            None => (Fingerprint::empty(table), 0),
        };
        if content != *fingerprint || keys != fingerprint.rows() {
            return Err(mismatch(curated, fingerprint, &content, keys));
        }
    }
    Ok(())
}

fn mismatch(curated: &CuratedArtifact, file: &Fingerprint, table: &Fingerprint, found_keys: u64) -> LoadError {
    let columns = file.differing_columns(table);
    LoadError::Mismatch {
        table: curated.table,
        exchange: curated.exchange,
        trade_date: curated.trade_date,
        expected_rows: file.rows(),
        found_rows: table.rows(),
        found_keys,
        columns: if columns.is_empty() { "none".to_owned() } else { columns.join(", ") },
    }
}

/// Returns exchange code and day, as the rows say them.
fn place(curated: &CuratedArtifact) -> (String, i32) {
    (curated.exchange.code().to_owned(), curated.trade_date.days_since_epoch())
}

/// Returns the condition that holds for the rows of the sessions, with the range of dates for the choice of partitions.
fn filter<'a>(table: Table, sessions: impl IntoIterator<Item = &'a Session>) -> String {
    let places: Vec<(Exchange, TradeDate)> =
        sessions.into_iter().map(|session| (session.curated.exchange, session.curated.trade_date)).collect();
    let (exchange, date) = (table.spec().key[0], table.spec().date_column);
    let pairs: Vec<String> =
        places.iter().map(|(exchange, date)| format!("('{}', '{date}')", exchange.code())).collect();
    let first = places.iter().map(|(_, date)| *date).min();
    let last = places.iter().map(|(_, date)| *date).max();
    match (first, last) {
        (Some(first), Some(last)) => {
            format!("{date} BETWEEN '{first}' AND '{last}' AND ({exchange}, {date}) IN ({})", pairs.join(", "))
        }
        _ => "false".to_owned(),
    }
}
