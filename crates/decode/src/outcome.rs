//! What decoding gives: tables, refused rows and the books.

use std::collections::BTreeMap;
use std::fmt;

use arrow::array::RecordBatch;
use champion_market_data::{Era, RowCounts, Sha256, Table, TradeDate};
use serde::Serialize;

use crate::RuleCode;

/// A file turned into tables. `counts` are conserved: `rows_in = published + quarantined + filtered`.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The format, as recognised from the content.
    pub era: Era,
    /// The business date of the rows; `None` when they are of several dates (CSV download of corporate actions).
    pub trade_date: Option<TradeDate>,
    /// Hash of the bytes as received.
    pub sha256: Sha256,
    /// The books.
    pub counts: RowCounts,
    /// The tables of the dataset; each batch has the table's schema.
    pub tables: Vec<(Table, RecordBatch)>,
    /// The rows set aside, in the order of the file.
    pub quarantined: Vec<RefusedRow>,
    /// Published rows flagged, by [`RuleCode`].
    pub warnings: BTreeMap<&'static str, u64>,
    /// Rows set aside, by [`RuleCode`].
    pub failures: BTreeMap<&'static str, u64>,
    /// Legs of corporate actions, by [`champion_market_data::corporate_action::ActionType`]; empty for other datasets.
    pub actions: BTreeMap<&'static str, u64>,
    /// Columns of the file that no table has, in the file's order.
    pub unknown_columns: Vec<String>,
}

/// A row set aside, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRow {
    /// Line in the file, the first being 1; in JSON files the ordinal of the object, the first being 1.
    pub line: u64,
    /// The rule it broke.
    pub code: RuleCode,
    /// The reason in words, naming column and value.
    pub reason: String,
    /// The row as it stands in the file, cut after 4,096 bytes, with replacement characters for what is not UTF-8.
    pub raw: String,
}

impl fmt::Display for RefusedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// What a cheap look into a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspection {
    /// The format, as recognised from the content.
    pub era: Era,
    /// The date most rows carry, where rows carry one.
    pub content_date: Option<TradeDate>,
    /// Data rows.
    pub rows: u64,
}
