//! The columns of each era, by name.

use champion_market_data::{Dataset, Era};

use crate::dates::DateForm;
use crate::shape::Content::{self, Date, Int64, Money, Price, Text};
use crate::shape::{CODE, ISIN, NAME, NSE_SYMBOL, REMARK, SERIES, UDIFF_SYMBOL};

/// One column of a file, and the slot of the row its value goes to.
#[derive(Debug)]
pub(crate) struct InputColumn {
    /// Name in the header; compared without regard to letter case and blanks.
    pub(crate) name: &'static str,
    /// Another spelling that occurs.
    pub(crate) alias: Option<&'static str>,
    /// Where the value goes.
    pub(crate) slot: usize,
    /// What the value is; of a text also which shape it has in this era.
    pub(crate) content: Content,
    /// What a row without a value means.
    pub(crate) value: Value,
    /// Whether a file without the column is refused.
    pub(crate) required: bool,
}

/// What a row without a value in a column means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    /// Part of the natural key: an empty one costs the row, and `NA` is a name like any other.
    Key,
    /// Costs the row.
    Required,
    /// Null.
    Optional,
}

/// The format of one era.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The era.
    pub(crate) era: Era,
    /// The report the format belongs to.
    pub(crate) dataset: Dataset,
    /// How the format prints dates.
    pub(crate) dates: DateForm,
    /// The columns; the first is the trade date.
    pub(crate) columns: &'static [InputColumn],
    /// Values the file does not print because it holds nothing else: slot and text.
    pub(crate) constants: &'static [(usize, &'static str)],
}

impl Layout {
    /// Returns the column of the trade date.
    pub(crate) fn date(&self) -> &'static InputColumn {
        &self.columns[0]
    }
}

const fn column(name: &'static str, slot: usize, content: Content, value: Value) -> InputColumn {
    InputColumn { name, alias: None, slot, content, value, required: true }
}

/// A column that is empty in every cash-market file; a file may come without it.
const fn idle(name: &'static str, alias: Option<&'static str>, slot: usize, content: Content) -> InputColumn {
    InputColumn { name, alias, slot, content, value: Value::Optional, required: false }
}

/// Slots of a bhavcopy row: the position in the raw table, which has the 34 UDiFF columns in their order.
pub(crate) mod ohlc {
    pub(crate) const TRADE_DATE: usize = 0;
    pub(crate) const BUSINESS_DATE: usize = 1;
    pub(crate) const SEGMENT: usize = 2;
    pub(crate) const SOURCE: usize = 3;
    pub(crate) const INSTRUMENT_ID: usize = 5;
    pub(crate) const ISIN: usize = 6;
    pub(crate) const SYMBOL: usize = 7;
    pub(crate) const SERIES: usize = 8;
    pub(crate) const NAME: usize = 13;
    pub(crate) const OPEN: usize = 14;
    pub(crate) const HIGH: usize = 15;
    pub(crate) const LOW: usize = 16;
    pub(crate) const CLOSE: usize = 17;
    pub(crate) const LAST: usize = 18;
    pub(crate) const PREV_CLOSE: usize = 19;
    pub(crate) const SETTLEMENT: usize = 21;
    pub(crate) const VOLUME: usize = 24;
    pub(crate) const TURNOVER: usize = 25;
    pub(crate) const TRADES: usize = 26;
    pub(crate) const SESSION: usize = 27;
    pub(crate) const BOARD_LOT: usize = 28;
    pub(crate) const COUNT: usize = 34;
}

/// Slots of a full-bhavcopy row.
pub(crate) mod delivery {
    pub(crate) const TRADE_DATE: usize = 0;
    pub(crate) const SYMBOL: usize = 1;
    pub(crate) const SERIES: usize = 2;
    pub(crate) const PREV_CLOSE: usize = 3;
    pub(crate) const OPEN: usize = 4;
    pub(crate) const HIGH: usize = 5;
    pub(crate) const LOW: usize = 6;
    pub(crate) const LAST: usize = 7;
    pub(crate) const CLOSE: usize = 8;
    pub(crate) const VWAP: usize = 9;
    pub(crate) const VOLUME: usize = 10;
    pub(crate) const TURNOVER_LACS: usize = 11;
    pub(crate) const TRADES: usize = 12;
    pub(crate) const DELIVERY_QTY: usize = 13;
    pub(crate) const DELIVERY_PCT: usize = 14;
    pub(crate) const COUNT: usize = 15;
}

/// Unified Distilled File Format, from 2024-01-01.
pub(crate) static UDIFF: Layout = Layout {
    era: Era::Udiff,
    dataset: Dataset::Bhavcopy,
    dates: DateForm::Iso,
    constants: &[],
    columns: &[
        column("TradDt", ohlc::TRADE_DATE, Date, Value::Required),
        column("Sgmt", ohlc::SEGMENT, Text(&CODE), Value::Required),
        column("Src", ohlc::SOURCE, Text(&CODE), Value::Required),
        column("BizDt", ohlc::BUSINESS_DATE, Date, Value::Optional),
        column("FinInstrmTp", 4, Text(&CODE), Value::Optional),
        column("FinInstrmId", ohlc::INSTRUMENT_ID, Int64, Value::Optional),
        column("ISIN", ohlc::ISIN, Text(&ISIN), Value::Optional),
        column("TckrSymb", ohlc::SYMBOL, Text(&UDIFF_SYMBOL), Value::Key),
        column("SctySrs", ohlc::SERIES, Text(&SERIES), Value::Key),
        idle("XpryDt", None, 9, Date),
        idle("FininstrmActlXpryDt", None, 10, Date),
        idle("StrkPric", None, 11, Price),
        idle("OptnTp", None, 12, Text(&CODE)),
        column("FinInstrmNm", ohlc::NAME, Text(&NAME), Value::Optional),
        column("OpnPric", ohlc::OPEN, Price, Value::Required),
        column("HghPric", ohlc::HIGH, Price, Value::Required),
        column("LwPric", ohlc::LOW, Price, Value::Required),
        column("ClsPric", ohlc::CLOSE, Price, Value::Required),
        column("LastPric", ohlc::LAST, Price, Value::Optional),
        column("PrvsClsgPric", ohlc::PREV_CLOSE, Price, Value::Optional),
        idle("UndrlygPric", None, 20, Price),
        column("SttlmPric", ohlc::SETTLEMENT, Price, Value::Optional),
        idle("OpnIntrst", None, 22, Int64),
        idle("ChngInOpnIntrst", None, 23, Int64),
        column("TtlTradgVol", ohlc::VOLUME, Int64, Value::Required),
        column("TtlTrfVal", ohlc::TURNOVER, Money, Value::Required),
        column("TtlNbOfTxsExctd", ohlc::TRADES, Int64, Value::Optional),
        column("SsnId", ohlc::SESSION, Text(&CODE), Value::Optional),
        column("NewBrdLotQty", ohlc::BOARD_LOT, Int64, Value::Optional),
        idle("Rmks", None, 29, Text(&REMARK)),
        idle("Rsvd1", Some("Rsvd01"), 30, Text(&REMARK)),
        idle("Rsvd2", Some("Rsvd02"), 31, Text(&REMARK)),
        idle("Rsvd3", Some("Rsvd03"), 32, Text(&REMARK)),
        idle("Rsvd4", Some("Rsvd04"), 33, Text(&REMARK)),
    ],
};

/// What a legacy file does not print: it holds NSE's cash market and nothing else.
const LEGACY_CONSTANTS: &[(usize, &str)] = &[(ohlc::SEGMENT, "CM"), (ohlc::SOURCE, "NSE")];

/// The columns of L1; L2 adds two.
const LEGACY: [InputColumn; 11] = [
    column("TIMESTAMP", ohlc::TRADE_DATE, Date, Value::Required),
    column("SYMBOL", ohlc::SYMBOL, Text(&NSE_SYMBOL), Value::Key),
    column("SERIES", ohlc::SERIES, Text(&SERIES), Value::Key),
    column("OPEN", ohlc::OPEN, Price, Value::Required),
    column("HIGH", ohlc::HIGH, Price, Value::Required),
    column("LOW", ohlc::LOW, Price, Value::Required),
    column("CLOSE", ohlc::CLOSE, Price, Value::Required),
    column("LAST", ohlc::LAST, Price, Value::Optional),
    column("PREVCLOSE", ohlc::PREV_CLOSE, Price, Value::Optional),
    column("TOTTRDQTY", ohlc::VOLUME, Int64, Value::Required),
    column("TOTTRDVAL", ohlc::TURNOVER, Money, Value::Required),
];
const TRADES: InputColumn = column("TOTALTRADES", ohlc::TRADES, Int64, Value::Optional);
const ISIN_OF_L2: InputColumn = column("ISIN", ohlc::ISIN, Text(&ISIN), Value::Optional);

/// Legacy, 1994-11-03 to 2011-06-21.
pub(crate) static LEGACY_L1: Layout = Layout {
    era: Era::LegacyL1,
    dataset: Dataset::Bhavcopy,
    dates: DateForm::DayMonthAnyYear,
    constants: LEGACY_CONSTANTS,
    columns: &LEGACY,
};

/// Legacy with trades and ISIN, 2011-06-22 to 2024-07-05.
pub(crate) static LEGACY_L2: Layout = Layout {
    era: Era::LegacyL2,
    dataset: Dataset::Bhavcopy,
    dates: DateForm::DayMonthAnyYear,
    constants: LEGACY_CONSTANTS,
    columns: &{
        let [date, symbol, series, open, high, low, close, last, prev_close, volume, turnover] = LEGACY;
        [date, symbol, series, open, high, low, close, last, prev_close, volume, turnover, TRADES, ISIN_OF_L2]
    },
};

/// `sec_bhavdata_full`, from 2019-09-30.
pub(crate) static FULL: Layout = Layout {
    era: Era::Full,
    dataset: Dataset::FullBhavcopy,
    dates: DateForm::DayMonthYear,
    constants: &[],
    columns: &[
        column("DATE1", delivery::TRADE_DATE, Date, Value::Required),
        column("SYMBOL", delivery::SYMBOL, Text(&NSE_SYMBOL), Value::Key),
        column("SERIES", delivery::SERIES, Text(&SERIES), Value::Key),
        column("PREV_CLOSE", delivery::PREV_CLOSE, Price, Value::Optional),
        column("OPEN_PRICE", delivery::OPEN, Price, Value::Required),
        column("HIGH_PRICE", delivery::HIGH, Price, Value::Required),
        column("LOW_PRICE", delivery::LOW, Price, Value::Required),
        column("LAST_PRICE", delivery::LAST, Price, Value::Optional),
        column("CLOSE_PRICE", delivery::CLOSE, Price, Value::Required),
        column("AVG_PRICE", delivery::VWAP, Price, Value::Optional),
        column("TTL_TRD_QNTY", delivery::VOLUME, Int64, Value::Required),
        column("TURNOVER_LACS", delivery::TURNOVER_LACS, Money, Value::Required),
        column("NO_OF_TRADES", delivery::TRADES, Int64, Value::Optional),
        column("DELIV_QTY", delivery::DELIVERY_QTY, Int64, Value::Optional),
        column("DELIV_PER", delivery::DELIVERY_PCT, Money, Value::Optional),
    ],
};

/// Every format this module reads; a header is recognised by the format it shares most names with.
pub(crate) static LAYOUTS: [&Layout; 4] = [&UDIFF, &LEGACY_L2, &LEGACY_L1, &FULL];

#[cfg(test)]
mod tests {
    use champion_market_data::Table;

    use super::*;

    #[test]
    fn bhavcopy_slots_are_the_raw_tables_columns_by_name_and_type() {
        let columns = Table::RawEquityOhlc.spec().columns;
        assert_eq!((columns.len(), UDIFF.columns.len()), (ohlc::COUNT, ohlc::COUNT));
        for column in UDIFF.columns {
            assert_eq!((columns[column.slot].name, columns[column.slot].kind), (column.name, column.content.kind()));
        }
    }

    #[test]
    fn no_layout_fills_a_slot_twice_and_the_first_column_is_the_date() {
        for layout in LAYOUTS {
            assert!(matches!(layout.date().content, Date));
            let mut slots: Vec<usize> = layout.columns.iter().map(|column| column.slot).collect();
            slots.extend(layout.constants.iter().map(|(slot, _)| *slot));
            slots.sort_unstable();
            let count = slots.len();
            slots.dedup();
            assert_eq!(slots.len(), count, "{:?}", layout.era);
        }
    }
}
