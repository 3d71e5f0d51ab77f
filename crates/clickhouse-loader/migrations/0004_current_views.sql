-- What people and dashboards read: the newest version of each row, without the rows that a correction removed.

CREATE VIEW IF NOT EXISTS ${database}.raw_equity_ohlc_current${on_cluster} AS
SELECT
    TradDt, BizDt, Sgmt, Src, FinInstrmTp, FinInstrmId, ISIN, TckrSymb, SctySrs, XpryDt, FininstrmActlXpryDt,
    StrkPric, OptnTp, FinInstrmNm, OpnPric, HghPric, LwPric, ClsPric, LastPric, PrvsClsgPric, UndrlygPric,
    SttlmPric, OpnIntrst, ChngInOpnIntrst, TtlTradgVol, TtlTrfVal, TtlNbOfTxsExctd, SsnId, NewBrdLotQty, Rmks,
    Rsvd1, Rsvd2, Rsvd3, Rsvd4, version
FROM ${database}.raw_equity_ohlc FINAL;

CREATE VIEW IF NOT EXISTS ${database}.normalized_equity_ohlc_current${on_cluster} AS
SELECT
    event_id, source, schema_version, source_sha256, exchange, trade_date, symbol, series, isin, instrument_id,
    instrument_name, open, high, low, close, last, prev_close, settlement, volume, turnover, trades, session_id,
    board_lot, warnings, version
FROM ${database}.normalized_equity_ohlc FINAL;

CREATE VIEW IF NOT EXISTS ${database}.equity_delivery_current${on_cluster} AS
SELECT
    event_id, source, schema_version, source_sha256, exchange, trade_date, symbol, series, prev_close, open, high,
    low, last, close, vwap, volume, turnover_lacs, turnover, trades, delivery_qty, delivery_pct, warnings, version
FROM ${database}.equity_delivery FINAL;

CREATE VIEW IF NOT EXISTS ${database}.corporate_actions_current${on_cluster} AS
SELECT
    event_id, source, schema_version, source_sha256, exchange, trade_date, symbol, series, filing_id, leg_no, isin,
    company, face_value, subject, leg_text, action_type, ex_date, record_date, book_closure_start,
    book_closure_end, no_delivery_start, no_delivery_end, broadcast_at, ratio_new, ratio_old, amount, percent,
    needs_review, review_reason, version
FROM ${database}.corporate_actions FINAL;

-- Prices with the delivery of the same line and day. Delivery may come days later: until then it is null and
-- has_delivery is false, which tells such a line from one for which the exchange prints no delivery.
CREATE VIEW IF NOT EXISTS ${database}.equity_daily_current${on_cluster} AS
SELECT
    source, exchange, trade_date, symbol, series, isin, instrument_id, instrument_name, open, high, low, close,
    last, prev_close, settlement, volume, turnover, trades, session_id, board_lot, warnings,
    vwap, delivery_qty, delivery_pct, has_delivery
FROM ${database}.normalized_equity_ohlc_current AS prices
${global}LEFT JOIN
(
    SELECT exchange, symbol, series, trade_date, vwap, delivery_qty, delivery_pct, true AS has_delivery
    FROM ${database}.equity_delivery_current
) AS delivery USING (exchange, symbol, series, trade_date)
SETTINGS join_use_nulls = 0;
