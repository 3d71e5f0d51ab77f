-- What was known when. A correction takes the place of the rows before it; those go to the table's history first, and the
-- ledger says since when each version was known. `<table>_as_of(at = '2025-02-24 14:30:00')` (UTC) shows each session as its
-- newest version of that instant, and no session that was first seen later.

ALTER TABLE ${database}.load_ledger${local}${on_cluster}
ADD COLUMN IF NOT EXISTS observed_at DateTime64(6, 'UTC') DEFAULT loaded_at
COMMENT 'since when the file as received is what is known of the session' AFTER checksum;

-- on a cluster
ALTER TABLE ${database}.load_ledger${on_cluster}
ADD COLUMN IF NOT EXISTS observed_at DateTime64(6, 'UTC') DEFAULT loaded_at
COMMENT 'since when the file as received is what is known of the session' AFTER checksum;

-- A ledger row that is sent again after a lost reply is recognised like any other insert.
ALTER TABLE ${database}.load_ledger${local}${on_cluster} MODIFY SETTING non_replicated_deduplication_window = 1000;

CREATE OR REPLACE VIEW ${database}.load_ledger_current${on_cluster} AS
SELECT
    dataset, table, exchange, trade_date, version, sha256, source_sha256, rows, checksum, run_id, trace_id, loaded_at,
    observed_at
FROM ${database}.load_ledger FINAL
ORDER BY table, exchange, trade_date, version DESC
LIMIT 1 BY table, exchange, trade_date;

-- Which versions the history tables hold, verified. From then on a version is read from the history.
CREATE TABLE IF NOT EXISTS ${database}.history_ledger${local}${on_cluster}
(
    table LowCardinality(String) COMMENT 'table whose history it is',
    exchange LowCardinality(String) COMMENT 'exchange, as in the lake: nse or bse',
    trade_date Date COMMENT 'business date of the session, IST',
    version UInt32 COMMENT 'version of the curated file',
    sha256 String COMMENT 'SHA-256 of the curated file',
    rows UInt64 COMMENT 'rows of the curated file, and distinct keys in the history',
    checksum String COMMENT 'content checksum, equal in file and history; see the loader''s documentation',
    run_id String COMMENT 'run that kept it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'when it was verified'
)
ENGINE = ${replicated}ReplacingMergeTree(loaded_at)
ORDER BY (table, exchange, trade_date, version)
SETTINGS non_replicated_deduplication_window = 1000, replicated_deduplication_window = 10000;

-- on a cluster
CREATE TABLE IF NOT EXISTS ${database}.history_ledger${on_cluster}
AS ${database}.history_ledger${local}
ENGINE = Distributed('${cluster}', '${database}', 'history_ledger${local}', cityHash64(table));

CREATE TABLE IF NOT EXISTS ${database}.raw_equity_ohlc_history${local}${on_cluster}
AS ${database}.raw_equity_ohlc${local}
ENGINE = ${replicated}ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(TradDt)
ORDER BY (Src, TckrSymb, SctySrs, TradDt, version)
SETTINGS non_replicated_deduplication_window = 1000, replicated_deduplication_window = 10000;

-- on a cluster
CREATE TABLE IF NOT EXISTS ${database}.raw_equity_ohlc_history${on_cluster}
AS ${database}.raw_equity_ohlc_history${local}
ENGINE = Distributed('${cluster}', '${database}', 'raw_equity_ohlc_history${local}', cityHash64(TckrSymb));

CREATE TABLE IF NOT EXISTS ${database}.normalized_equity_ohlc_history${local}${on_cluster}
AS ${database}.normalized_equity_ohlc${local}
ENGINE = ${replicated}ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(trade_date)
ORDER BY (exchange, symbol, series, trade_date, version)
SETTINGS non_replicated_deduplication_window = 1000, replicated_deduplication_window = 10000;

-- on a cluster
CREATE TABLE IF NOT EXISTS ${database}.normalized_equity_ohlc_history${on_cluster}
AS ${database}.normalized_equity_ohlc_history${local}
ENGINE = Distributed('${cluster}', '${database}', 'normalized_equity_ohlc_history${local}', cityHash64(symbol));

CREATE TABLE IF NOT EXISTS ${database}.equity_delivery_history${local}${on_cluster}
AS ${database}.equity_delivery${local}
ENGINE = ${replicated}ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(trade_date)
ORDER BY (exchange, symbol, series, trade_date, version)
SETTINGS non_replicated_deduplication_window = 1000, replicated_deduplication_window = 10000;

-- on a cluster
CREATE TABLE IF NOT EXISTS ${database}.equity_delivery_history${on_cluster}
AS ${database}.equity_delivery_history${local}
ENGINE = Distributed('${cluster}', '${database}', 'equity_delivery_history${local}', cityHash64(symbol));

CREATE TABLE IF NOT EXISTS ${database}.corporate_actions_history${local}${on_cluster}
AS ${database}.corporate_actions${local}
ENGINE = ${replicated}ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(trade_date)
ORDER BY (exchange, symbol, series, trade_date, filing_id, leg_no, version)
SETTINGS non_replicated_deduplication_window = 1000, replicated_deduplication_window = 10000;

-- on a cluster
CREATE TABLE IF NOT EXISTS ${database}.corporate_actions_history${on_cluster}
AS ${database}.corporate_actions_history${local}
ENGINE = Distributed('${cluster}', '${database}', 'corporate_actions_history${local}', cityHash64(symbol));

CREATE VIEW IF NOT EXISTS ${database}.raw_equity_ohlc_as_of${on_cluster} AS
SELECT
    TradDt, BizDt, Sgmt, Src, FinInstrmTp, FinInstrmId, ISIN, TckrSymb, SctySrs, XpryDt, FininstrmActlXpryDt,
    StrkPric, OptnTp, FinInstrmNm, OpnPric, HghPric, LwPric, ClsPric, LastPric, PrvsClsgPric, UndrlygPric,
    SttlmPric, OpnIntrst, ChngInOpnIntrst, TtlTradgVol, TtlTrfVal, TtlNbOfTxsExctd, SsnId, NewBrdLotQty, Rmks,
    Rsvd1, Rsvd2, Rsvd3, Rsvd4, version
FROM ${database}.raw_equity_ohlc FINAL
WHERE (lower(Src), TradDt, version) ${global}IN
(
    SELECT exchange, trade_date, max(version) FROM ${database}.load_ledger FINAL
    WHERE table = 'raw_equity_ohlc' AND observed_at <= {at:DateTime64(6, 'UTC')}
    GROUP BY exchange, trade_date
)
AND (lower(Src), TradDt, version) ${global}NOT IN
(
    SELECT exchange, trade_date, version FROM ${database}.history_ledger FINAL WHERE table = 'raw_equity_ohlc'
)
UNION ALL
SELECT
    TradDt, BizDt, Sgmt, Src, FinInstrmTp, FinInstrmId, ISIN, TckrSymb, SctySrs, XpryDt, FininstrmActlXpryDt,
    StrkPric, OptnTp, FinInstrmNm, OpnPric, HghPric, LwPric, ClsPric, LastPric, PrvsClsgPric, UndrlygPric,
    SttlmPric, OpnIntrst, ChngInOpnIntrst, TtlTradgVol, TtlTrfVal, TtlNbOfTxsExctd, SsnId, NewBrdLotQty, Rmks,
    Rsvd1, Rsvd2, Rsvd3, Rsvd4, version
FROM ${database}.raw_equity_ohlc_history FINAL
WHERE (lower(Src), TradDt, version) ${global}IN
(
    SELECT exchange, trade_date, max(version) FROM ${database}.load_ledger FINAL
    WHERE table = 'raw_equity_ohlc' AND observed_at <= {at:DateTime64(6, 'UTC')}
    GROUP BY exchange, trade_date
)
AND (lower(Src), TradDt, version) ${global}IN
(
    SELECT exchange, trade_date, version FROM ${database}.history_ledger FINAL WHERE table = 'raw_equity_ohlc'
);

CREATE VIEW IF NOT EXISTS ${database}.normalized_equity_ohlc_as_of${on_cluster} AS
SELECT
    event_id, source, schema_version, source_sha256, exchange, trade_date, symbol, series, isin, instrument_id,
    instrument_name, open, high, low, close, last, prev_close, settlement, volume, turnover, trades, session_id,
    board_lot, warnings, version
FROM ${database}.normalized_equity_ohlc FINAL
WHERE (lower(exchange), trade_date, version) ${global}IN
(
    SELECT exchange, trade_date, max(version) FROM ${database}.load_ledger FINAL
    WHERE table = 'normalized_equity_ohlc' AND observed_at <= {at:DateTime64(6, 'UTC')}
    GROUP BY exchange, trade_date
)
AND (lower(exchange), trade_date, version) ${global}NOT IN
(
    SELECT exchange, trade_date, version FROM ${database}.history_ledger FINAL WHERE table = 'normalized_equity_ohlc'
)
UNION ALL
SELECT
    event_id, source, schema_version, source_sha256, exchange, trade_date, symbol, series, isin, instrument_id,
    instrument_name, open, high, low, close, last, prev_close, settlement, volume, turnover, trades, session_id,
    board_lot, warnings, version
FROM ${database}.normalized_equity_ohlc_history FINAL
WHERE (lower(exchange), trade_date, version) ${global}IN
(
    SELECT exchange, trade_date, max(version) FROM ${database}.load_ledger FINAL
    WHERE table = 'normalized_equity_ohlc' AND observed_at <= {at:DateTime64(6, 'UTC')}
    GROUP BY exchange, trade_date
)
AND (lower(exchange), trade_date, version) ${global}IN
(
    SELECT exchange, trade_date, version FROM ${database}.history_ledger FINAL WHERE table = 'normalized_equity_ohlc'
);

CREATE VIEW IF NOT EXISTS ${database}.equity_delivery_as_of${on_cluster} AS
SELECT
    event_id, source, schema_version, source_sha256, exchange, trade_date, symbol, series, prev_close, open, high,
    low, last, close, vwap, volume, turnover_lacs, turnover, trades, delivery_qty, delivery_pct, warnings, version
FROM ${database}.equity_delivery FINAL
WHERE (lower(exchange), trade_date, version) ${global}IN
(
    SELECT exchange, trade_date, max(version) FROM ${database}.load_ledger FINAL
    WHERE table = 'equity_delivery' AND observed_at <= {at:DateTime64(6, 'UTC')}
    GROUP BY exchange, trade_date
)
AND (lower(exchange), trade_date, version) ${global}NOT IN
(
    SELECT exchange, trade_date, version FROM ${database}.history_ledger FINAL WHERE table = 'equity_delivery'
)
UNION ALL
SELECT
    event_id, source, schema_version, source_sha256, exchange, trade_date, symbol, series, prev_close, open, high,
    low, last, close, vwap, volume, turnover_lacs, turnover, trades, delivery_qty, delivery_pct, warnings, version
FROM ${database}.equity_delivery_history FINAL
WHERE (lower(exchange), trade_date, version) ${global}IN
(
    SELECT exchange, trade_date, max(version) FROM ${database}.load_ledger FINAL
    WHERE table = 'equity_delivery' AND observed_at <= {at:DateTime64(6, 'UTC')}
    GROUP BY exchange, trade_date
)
AND (lower(exchange), trade_date, version) ${global}IN
(
    SELECT exchange, trade_date, version FROM ${database}.history_ledger FINAL WHERE table = 'equity_delivery'
);

CREATE VIEW IF NOT EXISTS ${database}.corporate_actions_as_of${on_cluster} AS
SELECT
    event_id, source, schema_version, source_sha256, exchange, trade_date, symbol, series, filing_id, leg_no, isin,
    company, face_value, subject, leg_text, action_type, ex_date, record_date, book_closure_start,
    book_closure_end, no_delivery_start, no_delivery_end, broadcast_at, ratio_new, ratio_old, amount, percent,
    needs_review, review_reason, version
FROM ${database}.corporate_actions FINAL
WHERE (lower(exchange), trade_date, version) ${global}IN
(
    SELECT exchange, trade_date, max(version) FROM ${database}.load_ledger FINAL
    WHERE table = 'corporate_actions' AND observed_at <= {at:DateTime64(6, 'UTC')}
    GROUP BY exchange, trade_date
)
AND (lower(exchange), trade_date, version) ${global}NOT IN
(
    SELECT exchange, trade_date, version FROM ${database}.history_ledger FINAL WHERE table = 'corporate_actions'
)
UNION ALL
SELECT
    event_id, source, schema_version, source_sha256, exchange, trade_date, symbol, series, filing_id, leg_no, isin,
    company, face_value, subject, leg_text, action_type, ex_date, record_date, book_closure_start,
    book_closure_end, no_delivery_start, no_delivery_end, broadcast_at, ratio_new, ratio_old, amount, percent,
    needs_review, review_reason, version
FROM ${database}.corporate_actions_history FINAL
WHERE (lower(exchange), trade_date, version) ${global}IN
(
    SELECT exchange, trade_date, max(version) FROM ${database}.load_ledger FINAL
    WHERE table = 'corporate_actions' AND observed_at <= {at:DateTime64(6, 'UTC')}
    GROUP BY exchange, trade_date
)
AND (lower(exchange), trade_date, version) ${global}IN
(
    SELECT exchange, trade_date, version FROM ${database}.history_ledger FINAL WHERE table = 'corporate_actions'
);

-- Prices with delivery, both as of the instant.
CREATE VIEW IF NOT EXISTS ${database}.equity_daily_as_of${on_cluster} AS
SELECT
    source, exchange, trade_date, symbol, series, isin, instrument_id, instrument_name, open, high, low, close,
    last, prev_close, settlement, volume, turnover, trades, session_id, board_lot, warnings,
    vwap, delivery_qty, delivery_pct, has_delivery
FROM ${database}.normalized_equity_ohlc_as_of(at = {at:DateTime64(6, 'UTC')}) AS prices
${global}LEFT JOIN
(
    SELECT exchange, symbol, series, trade_date, vwap, delivery_qty, delivery_pct, true AS has_delivery
    FROM ${database}.equity_delivery_as_of(at = {at:DateTime64(6, 'UTC')})
) AS delivery USING (exchange, symbol, series, trade_date)
SETTINGS join_use_nulls = 0;
