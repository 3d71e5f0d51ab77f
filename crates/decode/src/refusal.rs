//! Why a whole file is refused.

use champion_market_data::plain::escaped;
use champion_market_data::{Era, RowCounts, TradeDate};
use thiserror::Error;

use crate::{RefusalCode, RefusedRow};

/// A whole file is refused: nothing of it is published. `counts` are conserved here too: what was read is quarantined.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The kind of reason.
    pub code: RefusalCode,
    /// The reason in words.
    pub reason: String,
    /// The format, where it was recognised.
    pub era: Option<Era>,
    /// The date of the content, where it was recognised.
    pub trade_date: Option<TradeDate>,
    /// The books: 0 rows where none was reached.
    pub counts: RowCounts,
    /// The rows that were refused one by one before the file was, for the quarantine: at most the first 10,000, none
    /// where the whole file is another one than asked for.
    pub rows: Vec<RefusedRow>,
}

impl Refusal {
    /// Creates a refusal of a file whose rows were not reached.
    pub(crate) fn new(code: RefusalCode, reason: impl Into<String>) -> Self {
        let (era, trade_date, counts, rows) = (None, None, RowCounts::default(), Vec::new());
        let reason = escaped(&reason.into()).into_owned();
        Self { code, reason, era, trade_date, counts, rows }
    }

    /// Names the format.
    pub(crate) fn of_era(mut self, era: Era) -> Self {
        self.era = Some(era);
        self
    }

    /// Names the date of the content.
    pub(crate) fn of_date(mut self, date: Option<TradeDate>) -> Self {
        self.trade_date = date;
        self
    }

    /// Books all rows read as quarantined.
    pub(crate) fn after_rows(mut self, rows_in: u64, rows: Vec<RefusedRow>) -> Self {
        self.counts = RowCounts { rows_in, published: 0, quarantined: rows_in, filtered: 0 };
        self.rows = rows;
        self
    }
}
