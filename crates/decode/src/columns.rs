//! Building Arrow columns and batches of the tables.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Array, Date32Builder, Decimal128Builder, GenericByteArray, Int64Array,
    Int64Builder, RecordBatch, StringBuilder,
};
use arrow::datatypes::Utf8Type;
use champion_market_data::columnar::{ColumnKind, SCHEMA_VERSION};
use champion_market_data::{Era, Exchange, Sha256, Table, TradeDate};

/// Bytes a text value is expected to have, for the first allocation only.
const TEXT_BYTES: usize = 12;

/// A column that grows value by value.
#[derive(Debug)]
pub(crate) enum ColumnBuilder {
    Text(StringBuilder),
    Date(Date32Builder),
    Int64(Int64Builder),
    Bool(BooleanBuilder),
    Decimal(Decimal128Builder),
}

impl ColumnBuilder {
    pub(crate) fn new(kind: ColumnKind, rows: usize) -> Self {
        match kind {
            ColumnKind::Text => Self::Text(StringBuilder::with_capacity(rows, rows * TEXT_BYTES)),
            ColumnKind::Date => Self::Date(Date32Builder::with_capacity(rows)),
            ColumnKind::Int64 => Self::Int64(Int64Builder::with_capacity(rows)),
            ColumnKind::Bool => Self::Bool(BooleanBuilder::with_capacity(rows)),
            ColumnKind::Price | ColumnKind::Money | ColumnKind::Amount => {
                Self::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(kind.arrow()))
            }
        }
    }

    /// Appends a text; null in a column of another kind.
    pub(crate) fn push_text(&mut self, value: Option<&str>) {
        match self {
            Self::Text(builder) => builder.append_option(value),
            Self::Date(_) | Self::Int64(_) | Self::Bool(_) | Self::Decimal(_) => self.push_number(None),
        }
    }

    /// Appends a number: whole, scaled as the column's kind says, days since 1970-01-01, or a truth value.
    pub(crate) fn push_number(&mut self, value: Option<i64>) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_option(value.and_then(|days| i32::try_from(days).ok())),
            Self::Int64(builder) => builder.append_option(value),
            Self::Bool(builder) => builder.append_option(value.map(|value| value != 0)),
            Self::Decimal(builder) => builder.append_option(value.map(i128::from)),
        }
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        match &mut self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder) => Arc::new(builder.finish()),
        }
    }
}

/// What all rows of a file have in common, and the columns of the normalised tables that say so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope {
    pub(crate) exchange: Exchange,
    pub(crate) era: Era,
    pub(crate) sha256: Sha256,
}

impl Envelope {
    /// Returns exchange and era as the column `source` has them, such as `nse_udiff`.
    pub(crate) fn source(&self) -> String {
        format!("{}_{}", self.exchange, self.era)
    }

    /// Returns the columns `source`, `schema_version`, `source_sha256` and `exchange`.
    pub(crate) fn columns(&self, rows: usize) -> [ArrayRef; 4] {
        [
            repeated(&self.source(), rows),
            Arc::new(Int64Array::from(vec![SCHEMA_VERSION; rows])),
            repeated(&self.sha256.to_string(), rows),
            repeated(self.exchange.code(), rows),
        ]
    }
}

/// Returns a text column of one value.
pub(crate) fn repeated(value: &str, rows: usize) -> ArrayRef {
    Arc::new(GenericByteArray::<Utf8Type>::new_repeated(value, rows))
}

/// Returns a date column of one value.
pub(crate) fn repeated_date(date: TradeDate, rows: usize) -> ArrayRef {
    Arc::new(Date32Array::from(vec![date.days_since_epoch(); rows]))
}

/// Puts columns together; they must be the table's, in its order.
pub(crate) fn batch(table: Table, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(table.schema(), columns)
        .expect("columns are built from the table's own specification, and required values are checked a row")
}
