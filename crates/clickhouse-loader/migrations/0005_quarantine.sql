-- Rows that were set aside on the way, with their reasons: what the lake's zone `quarantine` holds, to be asked with SQL.
-- The key is the line of a source file under one version of the decoder, so a file that is sent twice is there once.

CREATE TABLE IF NOT EXISTS ${database}.quarantine${local}${on_cluster}
(
    dataset LowCardinality(String) COMMENT 'dataset the file was asked for' CODEC(ZSTD(1)),
    exchange LowCardinality(String) COMMENT 'exchange, as in the lake: nse or bse' CODEC(ZSTD(1)),
    trade_date Date COMMENT 'business date of the session, IST' CODEC(DoubleDelta, ZSTD(1)),
    source_sha256 LowCardinality(String) COMMENT 'SHA-256 of the file as received' CODEC(ZSTD(1)),
    decoder_version UInt32 COMMENT 'version of the decoder that refused the row' CODEC(ZSTD(1)),
    line_no UInt64 COMMENT 'line in the file, from 1; in JSON files the ordinal of the object; 0 when the whole file is refused' CODEC(T64, ZSTD(1)),
    code LowCardinality(String) COMMENT 'rule the row broke, see the data contract' CODEC(ZSTD(1)),
    reason String COMMENT 'the reason in words, naming column and value' CODEC(ZSTD(1)),
    raw String COMMENT 'the row as it stands in the file, cut after 4,096 bytes' CODEC(ZSTD(1)),
    lake_key String COMMENT 'key of the file of refused rows in the lake' CODEC(ZSTD(1)),
    run_id String COMMENT 'run that loaded the row' CODEC(ZSTD(1)),
    loaded_at DateTime64(3, 'UTC') COMMENT 'when the row was loaded' CODEC(ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(loaded_at)
PARTITION BY toYYYYMM(trade_date)
ORDER BY (dataset, exchange, trade_date, source_sha256, decoder_version, line_no)
SETTINGS non_replicated_deduplication_window = 1000, replicated_deduplication_window = 10000;

-- on a cluster
CREATE TABLE IF NOT EXISTS ${database}.quarantine${on_cluster}
AS ${database}.quarantine${local}
ENGINE = Distributed('${cluster}', '${database}', 'quarantine${local}', cityHash64(source_sha256));

-- What the newest decoder that refused rows of a file says of it.
CREATE VIEW IF NOT EXISTS ${database}.quarantine_current${on_cluster} AS
SELECT
    dataset, exchange, trade_date, source_sha256, decoder_version, line_no, code, reason, raw, lake_key, run_id,
    loaded_at
FROM ${database}.quarantine FINAL
WHERE (dataset, exchange, trade_date, source_sha256, decoder_version) ${global}IN
(
    SELECT dataset, exchange, trade_date, source_sha256, max(decoder_version)
    FROM ${database}.quarantine
    GROUP BY dataset, exchange, trade_date, source_sha256
);
