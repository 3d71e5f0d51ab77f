-- Corporate-action filings, one row a leg.

CREATE TABLE IF NOT EXISTS ${database}.corporate_actions${local}${on_cluster}
(
    event_id String COMMENT 'first 32 hex digits of the SHA-256 of the row''s own values; a function of the row' CODEC(ZSTD(1)),
    source LowCardinality(String) COMMENT 'exchange and era of the file, such as nse_udiff' CODEC(ZSTD(1)),
    schema_version Int64 COMMENT 'version of this table''s columns and rules' CODEC(T64, ZSTD(1)),
    source_sha256 LowCardinality(String) COMMENT 'SHA-256 of the file as received' CODEC(ZSTD(1)),
    exchange LowCardinality(String) COMMENT 'exchange code: NSE or BSE' CODEC(ZSTD(1)),
    trade_date Date COMMENT 'the ex-date the filing was asked for' CODEC(DoubleDelta, ZSTD(1)),
    symbol LowCardinality(String) COMMENT 'today''s symbol, also on old filings' CODEC(ZSTD(1)),
    series LowCardinality(String) COMMENT 'series; lines of different series are never merged' CODEC(ZSTD(1)),
    filing_id String COMMENT 'first 32 hex digits of the SHA-256 of the filing''s values and its ordinal among equals' CODEC(ZSTD(1)),
    leg_no Int64 COMMENT 'position of the leg in the filing''s text, from 1' CODEC(T64, ZSTD(1)),
    isin Nullable(String) COMMENT 'ISIN as filed; unreliable across splits, absent from the CSV download' CODEC(ZSTD(1)),
    company LowCardinality(String) COMMENT 'company name' CODEC(ZSTD(1)),
    face_value Nullable(Decimal(18, 6)) COMMENT 'face value as filed, rupees; sometimes before, sometimes after the action' CODEC(T64, ZSTD(1)),
    subject String COMMENT 'the filing''s text as published' CODEC(ZSTD(1)),
    leg_text String COMMENT 'the part of the text this leg was read from, normalised' CODEC(ZSTD(1)),
    action_type LowCardinality(String) COMMENT 'closed set, see the data contract' CODEC(ZSTD(1)),
    ex_date Nullable(Date) COMMENT 'ex-date; null while it is not fixed' CODEC(DoubleDelta, ZSTD(1)),
    record_date Nullable(Date) COMMENT 'record date' CODEC(DoubleDelta, ZSTD(1)),
    book_closure_start Nullable(Date) COMMENT 'book closure start' CODEC(DoubleDelta, ZSTD(1)),
    book_closure_end Nullable(Date) COMMENT 'book closure end' CODEC(DoubleDelta, ZSTD(1)),
    no_delivery_start Nullable(Date) COMMENT 'no-delivery start; API only' CODEC(DoubleDelta, ZSTD(1)),
    no_delivery_end Nullable(Date) COMMENT 'no-delivery end; API only' CODEC(DoubleDelta, ZSTD(1)),
    broadcast_at Nullable(String) COMMENT 'broadcast time as filed; API only, mostly null' CODEC(ZSTD(1)),
    ratio_new Nullable(Decimal(18, 6)) COMMENT 'split and consolidation: new face value; bonus and rights: shares received' CODEC(T64, ZSTD(1)),
    ratio_old Nullable(Decimal(18, 6)) COMMENT 'split and consolidation: old face value; bonus and rights: shares held' CODEC(T64, ZSTD(1)),
    amount Nullable(Decimal(18, 6)) COMMENT 'dividend or distribution, rupees a share; rights: premium, rupees' CODEC(T64, ZSTD(1)),
    percent Nullable(Decimal(18, 6)) COMMENT 'dividend in percent of the face value before the ex-date, where so announced' CODEC(T64, ZSTD(1)),
    needs_review Bool COMMENT 'whether a person must read the filing before prices are adjusted across it' CODEC(ZSTD(1)),
    review_reason LowCardinality(String) COMMENT 'why; empty where no review is needed' CODEC(ZSTD(1)),
    version UInt32 COMMENT 'version of the curated file; the highest one of a key is the row' CODEC(ZSTD(1)),
    is_deleted UInt8 COMMENT '1 when a corrected file no longer holds the key' CODEC(ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(trade_date)
ORDER BY (exchange, symbol, series, trade_date, filing_id, leg_no)
SETTINGS non_replicated_deduplication_window = 1000, replicated_deduplication_window = 10000;

-- on a cluster
CREATE TABLE IF NOT EXISTS ${database}.corporate_actions${on_cluster}
AS ${database}.corporate_actions${local}
ENGINE = Distributed('${cluster}', '${database}', 'corporate_actions${local}', cityHash64(symbol));
