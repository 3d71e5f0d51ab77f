-- Prices and delivery. Sorted by the natural key, so that ReplacingMergeTree keeps one row of it; by month, so that a
-- backfill inserts a partition at a time. Nothing expires. The window lets a re-sent insert be recognised.

CREATE TABLE IF NOT EXISTS ${database}.raw_equity_ohlc${local}${on_cluster}
(
    TradDt Date COMMENT 'trade date' CODEC(DoubleDelta, ZSTD(1)),
    BizDt Nullable(Date) COMMENT 'business date; null in legacy files, which do not print it' CODEC(DoubleDelta, ZSTD(1)),
    Sgmt LowCardinality(String) COMMENT 'segment; CM, also for legacy files, which hold nothing else' CODEC(ZSTD(1)),
    Src LowCardinality(String) COMMENT 'exchange code; NSE, also for legacy files, which come from nobody else' CODEC(ZSTD(1)),
    FinInstrmTp LowCardinality(Nullable(String)) COMMENT 'instrument type; STK in the cash market, ETFs and bonds included' CODEC(ZSTD(1)),
    FinInstrmId Nullable(Int64) COMMENT 'NSE token' CODEC(T64, ZSTD(1)),
    ISIN Nullable(String) COMMENT 'ISIN; may be blank on a listing day' CODEC(ZSTD(1)),
    TckrSymb LowCardinality(String) COMMENT 'symbol' CODEC(ZSTD(1)),
    SctySrs LowCardinality(String) COMMENT 'series' CODEC(ZSTD(1)),
    XpryDt Nullable(Date) COMMENT 'expiry; empty in the cash market' CODEC(DoubleDelta, ZSTD(1)),
    FininstrmActlXpryDt Nullable(Date) COMMENT 'actual expiry; empty in the cash market' CODEC(DoubleDelta, ZSTD(1)),
    StrkPric Nullable(Decimal(18, 4)) COMMENT 'strike; empty in the cash market' CODEC(T64, ZSTD(1)),
    OptnTp LowCardinality(Nullable(String)) COMMENT 'option type; empty in the cash market' CODEC(ZSTD(1)),
    FinInstrmNm Nullable(String) COMMENT 'instrument name' CODEC(ZSTD(1)),
    OpnPric Nullable(Decimal(18, 4)) COMMENT 'open, rupees' CODEC(T64, ZSTD(1)),
    HghPric Nullable(Decimal(18, 4)) COMMENT 'high, rupees' CODEC(T64, ZSTD(1)),
    LwPric Nullable(Decimal(18, 4)) COMMENT 'low, rupees' CODEC(T64, ZSTD(1)),
    ClsPric Nullable(Decimal(18, 4)) COMMENT 'official close, rupees; not the last trade' CODEC(T64, ZSTD(1)),
    LastPric Nullable(Decimal(18, 4)) COMMENT 'last traded price, rupees' CODEC(T64, ZSTD(1)),
    PrvsClsgPric Nullable(Decimal(18, 4)) COMMENT 'previous close, rupees, not adjusted' CODEC(T64, ZSTD(1)),
    UndrlygPric Nullable(Decimal(18, 4)) COMMENT 'underlying; empty in the cash market' CODEC(T64, ZSTD(1)),
    SttlmPric Nullable(Decimal(18, 4)) COMMENT 'settlement price, rupees; never to be used as close' CODEC(T64, ZSTD(1)),
    OpnIntrst Nullable(Int64) COMMENT 'open interest; empty in the cash market' CODEC(T64, ZSTD(1)),
    ChngInOpnIntrst Nullable(Int64) COMMENT 'change in open interest; empty in the cash market' CODEC(T64, ZSTD(1)),
    TtlTradgVol Nullable(Int64) COMMENT 'shares traded' CODEC(T64, ZSTD(1)),
    TtlTrfVal Nullable(Decimal(18, 2)) COMMENT 'turnover, rupees' CODEC(T64, ZSTD(1)),
    TtlNbOfTxsExctd Nullable(Int64) COMMENT 'trades; null in L1 files' CODEC(T64, ZSTD(1)),
    SsnId LowCardinality(Nullable(String)) COMMENT 'session' CODEC(ZSTD(1)),
    NewBrdLotQty Nullable(Int64) COMMENT 'board lot' CODEC(T64, ZSTD(1)),
    Rmks LowCardinality(Nullable(String)) COMMENT 'remarks; empty' CODEC(ZSTD(1)),
    Rsvd1 LowCardinality(Nullable(String)) COMMENT 'reserved' CODEC(ZSTD(1)),
    Rsvd2 LowCardinality(Nullable(String)) COMMENT 'reserved' CODEC(ZSTD(1)),
    Rsvd3 LowCardinality(Nullable(String)) COMMENT 'reserved' CODEC(ZSTD(1)),
    Rsvd4 LowCardinality(Nullable(String)) COMMENT 'reserved' CODEC(ZSTD(1)),
    version UInt32 COMMENT 'version of the curated file; the highest one of a key is the row' CODEC(ZSTD(1)),
    is_deleted UInt8 COMMENT '1 when a corrected file no longer holds the key' CODEC(ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(TradDt)
ORDER BY (Src, TckrSymb, SctySrs, TradDt)
SETTINGS non_replicated_deduplication_window = 1000, replicated_deduplication_window = 10000;

-- on a cluster
CREATE TABLE IF NOT EXISTS ${database}.raw_equity_ohlc${on_cluster}
AS ${database}.raw_equity_ohlc${local}
ENGINE = Distributed('${cluster}', '${database}', 'raw_equity_ohlc${local}', cityHash64(TckrSymb));

CREATE TABLE IF NOT EXISTS ${database}.normalized_equity_ohlc${local}${on_cluster}
(
    event_id String COMMENT 'first 32 hex digits of the SHA-256 of the row''s own values; a function of the row' CODEC(ZSTD(1)),
    source LowCardinality(String) COMMENT 'exchange and era of the file, such as nse_udiff' CODEC(ZSTD(1)),
    schema_version Int64 COMMENT 'version of this table''s columns and rules' CODEC(T64, ZSTD(1)),
    source_sha256 LowCardinality(String) COMMENT 'SHA-256 of the file as received' CODEC(ZSTD(1)),
    exchange LowCardinality(String) COMMENT 'exchange code: NSE or BSE' CODEC(ZSTD(1)),
    trade_date Date COMMENT 'business date of the session, IST' CODEC(DoubleDelta, ZSTD(1)),
    symbol LowCardinality(String) COMMENT 'symbol of that day' CODEC(ZSTD(1)),
    series LowCardinality(String) COMMENT 'series; lines of different series are never merged' CODEC(ZSTD(1)),
    isin Nullable(String) COMMENT 'ISIN; null before 2011-06-22 and sometimes on a listing day' CODEC(ZSTD(1)),
    instrument_id Nullable(Int64) COMMENT 'NSE token; UDiFF only' CODEC(T64, ZSTD(1)),
    instrument_name Nullable(String) COMMENT 'instrument name; UDiFF only' CODEC(ZSTD(1)),
    open Decimal(18, 4) COMMENT 'open, rupees' CODEC(T64, ZSTD(1)),
    high Decimal(18, 4) COMMENT 'high, rupees' CODEC(T64, ZSTD(1)),
    low Decimal(18, 4) COMMENT 'low, rupees' CODEC(T64, ZSTD(1)),
    close Decimal(18, 4) COMMENT 'official close, rupees; may differ from last and lie outside low..high (T0)' CODEC(T64, ZSTD(1)),
    last Nullable(Decimal(18, 4)) COMMENT 'last traded price, rupees' CODEC(T64, ZSTD(1)),
    prev_close Nullable(Decimal(18, 4)) COMMENT 'previous close, rupees, on the scale of the day before: not adjusted' CODEC(T64, ZSTD(1)),
    settlement Nullable(Decimal(18, 4)) COMMENT 'settlement price, rupees; UDiFF only' CODEC(T64, ZSTD(1)),
    volume Int64 COMMENT 'shares traded' CODEC(T64, ZSTD(1)),
    turnover Decimal(18, 2) COMMENT 'turnover, rupees' CODEC(T64, ZSTD(1)),
    trades Nullable(Int64) COMMENT 'trades; null in L1 files' CODEC(T64, ZSTD(1)),
    session_id LowCardinality(Nullable(String)) COMMENT 'session; UDiFF only' CODEC(ZSTD(1)),
    board_lot Nullable(Int64) COMMENT 'board lot; UDiFF only' CODEC(T64, ZSTD(1)),
    warnings LowCardinality(String) COMMENT 'codes of the rules the row bends without breaking, comma separated, sorted; mostly empty' CODEC(ZSTD(1)),
    version UInt32 COMMENT 'version of the curated file; the highest one of a key is the row' CODEC(ZSTD(1)),
    is_deleted UInt8 COMMENT '1 when a corrected file no longer holds the key' CODEC(ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(trade_date)
ORDER BY (exchange, symbol, series, trade_date)
SETTINGS non_replicated_deduplication_window = 1000, replicated_deduplication_window = 10000;

-- on a cluster
CREATE TABLE IF NOT EXISTS ${database}.normalized_equity_ohlc${on_cluster}
AS ${database}.normalized_equity_ohlc${local}
ENGINE = Distributed('${cluster}', '${database}', 'normalized_equity_ohlc${local}', cityHash64(symbol));

CREATE TABLE IF NOT EXISTS ${database}.equity_delivery${local}${on_cluster}
(
    event_id String COMMENT 'first 32 hex digits of the SHA-256 of the row''s own values; a function of the row' CODEC(ZSTD(1)),
    source LowCardinality(String) COMMENT 'exchange and era of the file, such as nse_udiff' CODEC(ZSTD(1)),
    schema_version Int64 COMMENT 'version of this table''s columns and rules' CODEC(T64, ZSTD(1)),
    source_sha256 LowCardinality(String) COMMENT 'SHA-256 of the file as received' CODEC(ZSTD(1)),
    exchange LowCardinality(String) COMMENT 'exchange code: NSE or BSE' CODEC(ZSTD(1)),
    trade_date Date COMMENT 'business date of the session, IST' CODEC(DoubleDelta, ZSTD(1)),
    symbol LowCardinality(String) COMMENT 'symbol of that day' CODEC(ZSTD(1)),
    series LowCardinality(String) COMMENT 'series; lines of different series are never merged' CODEC(ZSTD(1)),
    prev_close Nullable(Decimal(18, 4)) COMMENT 'previous close, rupees, not adjusted' CODEC(T64, ZSTD(1)),
    open Decimal(18, 4) COMMENT 'open, rupees' CODEC(T64, ZSTD(1)),
    high Decimal(18, 4) COMMENT 'high, rupees' CODEC(T64, ZSTD(1)),
    low Decimal(18, 4) COMMENT 'low, rupees' CODEC(T64, ZSTD(1)),
    last Nullable(Decimal(18, 4)) COMMENT 'last traded price, rupees' CODEC(T64, ZSTD(1)),
    close Decimal(18, 4) COMMENT 'official close, rupees' CODEC(T64, ZSTD(1)),
    vwap Nullable(Decimal(18, 4)) COMMENT 'volume-weighted average price of the day, rupees' CODEC(T64, ZSTD(1)),
    volume Int64 COMMENT 'shares traded' CODEC(T64, ZSTD(1)),
    turnover_lacs Decimal(18, 2) COMMENT 'turnover in lakh rupees as printed; lossy, the bhavcopy''s turnover is exact' CODEC(T64, ZSTD(1)),
    turnover Decimal(18, 2) COMMENT 'turnover_lacs in rupees, exact to 1,000 rupees (two printed decimals of a lakh)' CODEC(T64, ZSTD(1)),
    trades Nullable(Int64) COMMENT 'trades' CODEC(T64, ZSTD(1)),
    delivery_qty Nullable(Int64) COMMENT 'shares marked for delivery; null where the file prints -' CODEC(T64, ZSTD(1)),
    delivery_pct Nullable(Decimal(18, 2)) COMMENT 'delivery_qty in percent of volume; null where the file prints -' CODEC(T64, ZSTD(1)),
    warnings LowCardinality(String) COMMENT 'codes of the rules the row bends without breaking, comma separated, sorted; mostly empty' CODEC(ZSTD(1)),
    version UInt32 COMMENT 'version of the curated file; the highest one of a key is the row' CODEC(ZSTD(1)),
    is_deleted UInt8 COMMENT '1 when a corrected file no longer holds the key' CODEC(ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(trade_date)
ORDER BY (exchange, symbol, series, trade_date)
SETTINGS non_replicated_deduplication_window = 1000, replicated_deduplication_window = 10000;

-- on a cluster
CREATE TABLE IF NOT EXISTS ${database}.equity_delivery${on_cluster}
AS ${database}.equity_delivery${local}
ENGINE = Distributed('${cluster}', '${database}', 'equity_delivery${local}', cityHash64(symbol));
