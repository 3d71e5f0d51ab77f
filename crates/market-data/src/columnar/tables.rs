//! The tables, column by column. A change here is a change of the data contract: raise `SCHEMA_VERSION`.

use super::ColumnKind::{Amount, Bool, Date, Int64, Money, Price, Text};
use super::{Column, ColumnKind, TableSpec};
use crate::Table;

const fn required(name: &'static str, kind: ColumnKind, doc: &'static str) -> Column {
    Column { name, kind, nullable: false, doc }
}

const fn optional(name: &'static str, kind: ColumnKind, doc: &'static str) -> Column {
    Column { name, kind, nullable: true, doc }
}

pub(super) static RAW_EQUITY_OHLC: TableSpec = TableSpec {
    table: Table::RawEquityOhlc,
    key: &["Src", "TckrSymb", "SctySrs", "TradDt"],
    date_column: "TradDt",
    columns: &[
        required("TradDt", Date, "trade date"),
        optional("BizDt", Date, "business date; null in legacy files, which do not print it"),
        required("Sgmt", Text, "segment; CM, also for legacy files, which hold nothing else"),
        required("Src", Text, "exchange code; NSE, also for legacy files, which come from nobody else"),
        optional("FinInstrmTp", Text, "instrument type; STK in the cash market, ETFs and bonds included"),
        optional("FinInstrmId", Int64, "NSE token"),
        optional("ISIN", Text, "ISIN; may be blank on a listing day"),
        required("TckrSymb", Text, "symbol"),
        required("SctySrs", Text, "series"),
        optional("XpryDt", Date, "expiry; empty in the cash market"),
        optional("FininstrmActlXpryDt", Date, "actual expiry; empty in the cash market"),
        optional("StrkPric", Price, "strike; empty in the cash market"),
        optional("OptnTp", Text, "option type; empty in the cash market"),
        optional("FinInstrmNm", Text, "instrument name"),
        optional("OpnPric", Price, "open, rupees"),
        optional("HghPric", Price, "high, rupees"),
        optional("LwPric", Price, "low, rupees"),
        optional("ClsPric", Price, "official close, rupees; not the last trade"),
        optional("LastPric", Price, "last traded price, rupees"),
        optional("PrvsClsgPric", Price, "previous close, rupees, not adjusted"),
        optional("UndrlygPric", Price, "underlying; empty in the cash market"),
        optional("SttlmPric", Price, "settlement price, rupees; never to be used as close"),
        optional("OpnIntrst", Int64, "open interest; empty in the cash market"),
        optional("ChngInOpnIntrst", Int64, "change in open interest; empty in the cash market"),
        optional("TtlTradgVol", Int64, "shares traded"),
        optional("TtlTrfVal", Money, "turnover, rupees"),
        optional("TtlNbOfTxsExctd", Int64, "trades; null in L1 files"),
        optional("SsnId", Text, "session"),
        optional("NewBrdLotQty", Int64, "board lot"),
        optional("Rmks", Text, "remarks; empty"),
        optional("Rsvd1", Text, "reserved"),
        optional("Rsvd2", Text, "reserved"),
        optional("Rsvd3", Text, "reserved"),
        optional("Rsvd4", Text, "reserved"),
    ],
};

const EVENT_ID: Column =
    required("event_id", Text, "first 32 hex digits of the SHA-256 of the row's own values; a function of the row");
const SOURCE: Column = required("source", Text, "exchange and era of the file, such as nse_udiff");
const SCHEMA: Column = required("schema_version", Int64, "version of this table's columns and rules");
const SOURCE_SHA256: Column = required("source_sha256", Text, "SHA-256 of the file as received");
const EXCHANGE: Column = required("exchange", Text, "exchange code: NSE or BSE");
const TRADE_DATE: Column = required("trade_date", Date, "business date of the session, IST");
const SYMBOL: Column = required("symbol", Text, "symbol of that day");
const SERIES: Column = required("series", Text, "series; lines of different series are never merged");
const WARNINGS: Column = required(
    "warnings",
    Text,
    "codes of the rules the row bends without breaking, comma separated, sorted; mostly empty",
);

pub(super) static NORMALIZED_EQUITY_OHLC: TableSpec = TableSpec {
    table: Table::NormalizedEquityOhlc,
    key: &["exchange", "symbol", "series", "trade_date"],
    date_column: "trade_date",
    columns: &[
        EVENT_ID,
        SOURCE,
        SCHEMA,
        SOURCE_SHA256,
        EXCHANGE,
        TRADE_DATE,
        SYMBOL,
        SERIES,
        optional("isin", Text, "ISIN; null before 2011-06-22 and sometimes on a listing day"),
        optional("instrument_id", Int64, "NSE token; UDiFF only"),
        optional("instrument_name", Text, "instrument name; UDiFF only"),
        required("open", Price, "open, rupees"),
        required("high", Price, "high, rupees"),
        required("low", Price, "low, rupees"),
        required("close", Price, "official close, rupees; may differ from last and lie outside low..high (T0)"),
        optional("last", Price, "last traded price, rupees"),
        optional("prev_close", Price, "previous close, rupees, on the scale of the day before: not adjusted"),
        optional("settlement", Price, "settlement price, rupees; UDiFF only"),
        required("volume", Int64, "shares traded"),
        required("turnover", Money, "turnover, rupees"),
        optional("trades", Int64, "trades; null in L1 files"),
        optional("session_id", Text, "session; UDiFF only"),
        optional("board_lot", Int64, "board lot; UDiFF only"),
        WARNINGS,
    ],
};

pub(super) static EQUITY_DELIVERY: TableSpec = TableSpec {
    table: Table::EquityDelivery,
    key: &["exchange", "symbol", "series", "trade_date"],
    date_column: "trade_date",
    columns: &[
        EVENT_ID,
        SOURCE,
        SCHEMA,
        SOURCE_SHA256,
        EXCHANGE,
        TRADE_DATE,
        SYMBOL,
        SERIES,
        optional("prev_close", Price, "previous close, rupees, not adjusted"),
        required("open", Price, "open, rupees"),
        required("high", Price, "high, rupees"),
        required("low", Price, "low, rupees"),
        optional("last", Price, "last traded price, rupees"),
        required("close", Price, "official close, rupees"),
        optional("vwap", Price, "volume-weighted average price of the day, rupees"),
        required("volume", Int64, "shares traded"),
        required("turnover_lacs", Money, "turnover in lakh rupees as printed; lossy, the bhavcopy's turnover is exact"),
        required("turnover", Money, "turnover_lacs in rupees, exact to 1,000 rupees (two printed decimals of a lakh)"),
        optional("trades", Int64, "trades"),
        optional("delivery_qty", Int64, "shares marked for delivery; null where the file prints -"),
        optional("delivery_pct", Money, "delivery_qty in percent of volume; null where the file prints -"),
        WARNINGS,
    ],
};

pub(super) static CORPORATE_ACTIONS: TableSpec = TableSpec {
    table: Table::CorporateActions,
    key: &["exchange", "symbol", "series", "trade_date", "filing_id", "leg_no"],
    date_column: "trade_date",
    columns: &[
        EVENT_ID,
        SOURCE,
        SCHEMA,
        SOURCE_SHA256,
        EXCHANGE,
        required("trade_date", Date, "the ex-date the filing was asked for"),
        required("symbol", Text, "today's symbol, also on old filings"),
        SERIES,
        required(
            "filing_id",
            Text,
            "first 32 hex digits of the SHA-256 of the filing's values and its ordinal among equals",
        ),
        required("leg_no", Int64, "position of the leg in the filing's text, from 1"),
        optional("isin", Text, "ISIN as filed; unreliable across splits, absent from the CSV download"),
        required("company", Text, "company name"),
        optional("face_value", Amount, "face value as filed, rupees; sometimes before, sometimes after the action"),
        required("subject", Text, "the filing's text as published"),
        required("leg_text", Text, "the part of the text this leg was read from, normalised"),
        required("action_type", Text, "closed set, see the data contract"),
        optional("ex_date", Date, "ex-date; null while it is not fixed"),
        optional("record_date", Date, "record date"),
        optional("book_closure_start", Date, "book closure start"),
        optional("book_closure_end", Date, "book closure end"),
        optional("no_delivery_start", Date, "no-delivery start; API only"),
        optional("no_delivery_end", Date, "no-delivery end; API only"),
        optional("broadcast_at", Text, "broadcast time as filed; API only, mostly null"),
        optional("ratio_new", Amount, "split and consolidation: new face value; bonus and rights: shares received"),
        optional("ratio_old", Amount, "split and consolidation: old face value; bonus and rights: shares held"),
        optional("amount", Amount, "dividend or distribution, rupees a share; rights: premium, rupees"),
        optional("percent", Amount, "dividend in percent of the face value before the ex-date, where so announced"),
        required("needs_review", Bool, "whether a person must read the filing before prices are adjusted across it"),
        required("review_reason", Text, "why; empty where no review is needed"),
    ],
};
