-- What was loaded, by which run. A row is written last, after its session was verified in its table: the ledger decides
-- whether a session is sent again. Run, trace and time stand here and in the manifest, never in the rows.

CREATE TABLE IF NOT EXISTS ${database}.load_ledger${local}${on_cluster}
(
    dataset LowCardinality(String) COMMENT 'dataset the file belongs to',
    table LowCardinality(String) COMMENT 'table the rows went to',
    exchange LowCardinality(String) COMMENT 'exchange, as in the lake: nse or bse',
    trade_date Date COMMENT 'business date of the session, IST',
    version UInt32 COMMENT 'version of the curated file',
    sha256 String COMMENT 'SHA-256 of the curated file',
    source_sha256 String COMMENT 'SHA-256 of the file as received',
    rows UInt64 COMMENT 'rows of the curated file, and distinct keys in the table',
    checksum String COMMENT 'content checksum, equal in file and table; see the loader''s documentation',
    run_id String COMMENT 'run that loaded it',
    trace_id String COMMENT 'trace of that run; empty outside a trace',
    loaded_at DateTime64(3, 'UTC') COMMENT 'when the load was verified'
)
ENGINE = ${replicated}ReplacingMergeTree(loaded_at)
ORDER BY (table, exchange, trade_date, version);

-- on a cluster
CREATE TABLE IF NOT EXISTS ${database}.load_ledger${on_cluster}
AS ${database}.load_ledger${local}
ENGINE = Distributed('${cluster}', '${database}', 'load_ledger${local}', cityHash64(table));

-- The newest loaded version of each session.
CREATE VIEW IF NOT EXISTS ${database}.load_ledger_current${on_cluster} AS
SELECT
    dataset, table, exchange, trade_date, version, sha256, source_sha256, rows, checksum, run_id, trace_id, loaded_at
FROM ${database}.load_ledger FINAL
ORDER BY table, exchange, trade_date, version DESC
LIMIT 1 BY table, exchange, trade_date;
