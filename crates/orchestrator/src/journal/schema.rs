//! The journal's tables and how they come to be.

use std::path::Path;

use rusqlite::Connection;

use super::JournalError;

/// One entry a schema version; an entry that was released is never changed.
const MIGRATIONS: &[&str] = &[VERSION_1, VERSION_2, VERSION_3];

/// What of the journal stands in the lake: which days, and which versions of its months the journal agrees with.
const VERSION_3: &str = "
ALTER TABLE dataset_days ADD COLUMN unchanged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dataset_days ADD COLUMN recorded INTEGER NOT NULL DEFAULT 0;
CREATE INDEX unrecorded_days ON dataset_days (recorded) WHERE recorded = 0;
CREATE TABLE lake_months (
    month        TEXT PRIMARY KEY,
    object       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE lake_findings (
    object       TEXT PRIMARY KEY,
    reason       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE lake_readings (
    read_at      TEXT NOT NULL
) STRICT;
";

const VERSION_2: &str = "ALTER TABLE runs ADD COLUMN mode TEXT NOT NULL DEFAULT 'plain';";

const VERSION_1: &str = "
CREATE TABLE runs (
    run_id       TEXT PRIMARY KEY,
    trace_id     TEXT NOT NULL,
    traceparent  TEXT NOT NULL,
    kind         TEXT NOT NULL,
    dataset      TEXT NOT NULL,
    exchange     TEXT NOT NULL,
    from_date    TEXT NOT NULL,
    to_date      TEXT NOT NULL,
    status       TEXT NOT NULL,
    error        TEXT NOT NULL DEFAULT '',
    started_at   TEXT NOT NULL,
    finished_at  TEXT,
    totals       TEXT
) STRICT;
CREATE INDEX runs_by_status ON runs (status);

CREATE TABLE days (
    run_id       TEXT NOT NULL REFERENCES runs (run_id),
    trade_date   TEXT NOT NULL,
    state        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    rows_in      INTEGER NOT NULL,
    published    INTEGER NOT NULL,
    quarantined  INTEGER NOT NULL,
    filtered     INTEGER NOT NULL,
    unchanged    INTEGER NOT NULL,
    PRIMARY KEY (run_id, trade_date)
) STRICT, WITHOUT ROWID;

CREATE TABLE steps (
    run_id       TEXT NOT NULL REFERENCES runs (run_id),
    trade_date   TEXT NOT NULL,
    stage        TEXT NOT NULL,
    table_name   TEXT NOT NULL,
    product      TEXT NOT NULL,
    reused       INTEGER NOT NULL,
    duration_ms  INTEGER NOT NULL,
    PRIMARY KEY (run_id, trade_date, stage, table_name)
) STRICT, WITHOUT ROWID;

CREATE TABLE dataset_days (
    dataset      TEXT NOT NULL,
    exchange     TEXT NOT NULL,
    trade_date   TEXT NOT NULL,
    state        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    rows_in      INTEGER NOT NULL,
    published    INTEGER NOT NULL,
    quarantined  INTEGER NOT NULL,
    filtered     INTEGER NOT NULL,
    run_id       TEXT NOT NULL,
    updated_at   TEXT NOT NULL,
    PRIMARY KEY (dataset, exchange, trade_date)
) STRICT, WITHOUT ROWID;
";

/// Sets the connection up and brings the schema to the newest version.
///
/// WAL with `synchronous = NORMAL`: a killed process loses nothing, and a power cut loses at most the last transactions
/// while the file stays whole. That is enough here, because a step that is asked again finds its work done; the lake
/// syncs what must not be lost.
pub(super) fn prepare(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(JournalError::Newer { path: path.to_owned(), found, known });
    }
    for (version, migration) in (1_i64..).zip(MIGRATIONS) {
        if version > found {
            connection.execute_batch(&format!("BEGIN; {migration} PRAGMA user_version = {version}; COMMIT;"))?;
        }
    }
    Ok(())
}

/// Every column that is read or written.
const COLUMNS: [(&str, &str); 7] = [
    (
        "runs",
        "run_id, trace_id, traceparent, kind, dataset, exchange, from_date, to_date, status, error, started_at,
         finished_at, totals, mode",
    ),
    ("days", "run_id, trade_date, state, reason, rows_in, published, quarantined, filtered, unchanged"),
    ("steps", "run_id, trade_date, stage, table_name, product, reused, duration_ms"),
    (
        "dataset_days",
        "dataset, exchange, trade_date, state, reason, rows_in, published, quarantined, filtered, run_id, updated_at,
         unchanged, recorded",
    ),
    ("lake_months", "month, object"),
    ("lake_findings", "object, reason"),
    ("lake_readings", "read_at"),
];

/// Looks whether the file is whole and holds what this program reads.
///
/// # Errors
/// [`JournalError::Row`] with what is wrong.
pub(super) fn check(connection: &Connection) -> Result<(), JournalError> {
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Err(JournalError::Row(said));
    }
    for (table, columns) in COLUMNS {
        let sql = format!("SELECT {columns} FROM {table} LIMIT 0");
        connection.prepare(&sql).map_err(|error| JournalError::Row(error.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_of_a_later_version_is_refused_and_left_as_it_is() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("PRAGMA user_version = 99").unwrap();
        let error = prepare(&connection, Path::new("journal.sqlite")).unwrap_err().to_string();
        assert!(error.contains("schema version 99, this program knows up to 3"), "{error}");
    }

    #[test]
    fn preparing_twice_changes_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        prepare(&connection, Path::new("journal.sqlite")).unwrap();
        prepare(&connection, Path::new("journal.sqlite")).unwrap();
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_master WHERE type = 'table'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 7);
    }
}
