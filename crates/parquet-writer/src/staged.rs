//! Reading a staged artifact and checking that it is what its reference says.

use std::collections::HashSet;
use std::io::Cursor;

use arrow::array::{Array, AsArray};
use arrow::compute::concat_batches;
use arrow::datatypes::Date32Type;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use bytes::Bytes;
use champion_market_data::{Exchange, StagedArtifact, Table, TradeDate};
use thiserror::Error;

use crate::parquet_file;

/// First bytes of the IPC file format; the stream format has none.
const FILE_MAGIC: &[u8] = b"ARROW1";

/// Why staged bytes are not the table they claim to be. Nothing of them is published.
#[derive(Debug, Error)]
pub enum StagedError {
    /// The bytes are no Arrow IPC.
    #[error("not readable as Arrow IPC: {0}")]
    Format(#[from] ArrowError),
    /// The columns are not the table's.
    #[error("the columns are not those of the table: expected {expected}, found {found}")]
    Schema {
        /// The table's columns that are missing or differ.
        expected: String,
        /// The columns that stand there instead.
        found: String,
    },
    /// The number of rows is not that of the reference.
    #[error("expected {expected} rows, found {found}")]
    Rows {
        /// Rows of the reference.
        expected: u64,
        /// Rows in the bytes.
        found: u64,
    },
    /// A row belongs to another session.
    #[error("row {row}: expected the trade date {expected}, found {found}")]
    TradeDate {
        /// 0-based row.
        row: usize,
        /// Date of the reference.
        expected: TradeDate,
        /// Days since 1970-01-01 in the row, as a date where it is one.
        found: String,
    },
    /// A row belongs to another exchange.
    #[error("row {row}: expected the exchange {expected}, found {found:?}")]
    Exchange {
        /// 0-based row.
        row: usize,
        /// Code of the key's exchange.
        expected: &'static str,
        /// Code in the row, cut after 40 letters.
        found: String,
    },
    /// Two rows have the same natural key, so that the warehouse would keep one of them only.
    #[error("row {row} repeats the natural key of an earlier row")]
    DuplicateKey {
        /// 0-based row.
        row: usize,
    },
}

/// Reads staged bytes (IPC file or stream) as one batch that holds what the reference promises.
///
/// # Errors
/// [`StagedError`] when the columns, the number of rows, an exchange, a trade date or the uniqueness of the natural key is
/// wrong.
pub(crate) fn read(bytes: &Bytes, staged: &StagedArtifact) -> Result<RecordBatch, StagedError> {
    let rows = read_rows(bytes, staged.table, staged.exchange, staged.trade_date)?;
    if rows.num_rows() as u64 != staged.artifact.rows {
        return Err(StagedError::Rows { expected: staged.artifact.rows, found: rows.num_rows() as u64 });
    }
    Ok(rows)
}

/// Reads staged bytes of which no reference is at hand, only the session.
///
/// # Errors
/// [`StagedError`] when the columns, an exchange, a trade date or the uniqueness of the natural key is wrong.
pub(crate) fn read_rows(
    bytes: &Bytes,
    table: Table,
    exchange: Exchange,
    trade_date: TradeDate,
) -> Result<RecordBatch, StagedError> {
    let batches: Vec<RecordBatch> = if bytes.starts_with(FILE_MAGIC) {
        FileReader::try_new(Cursor::new(bytes), None)?.collect::<Result<_, _>>()?
    } else {
        StreamReader::try_new(Cursor::new(bytes), None)?.collect::<Result<_, _>>()?
    };
    for batch in &batches {
        check_schema(batch, table)?;
    }
    let rows = match batches.as_slice() {
        [] => parquet_file::empty(table),
        [batch] => batch.clone().with_schema(table.schema())?,
        _ => concat_batches(&table.schema(), &batches)?,
    };
    check_exchange(&rows, table, exchange)?;
    check_trade_date(&rows, table, trade_date)?;
    check_keys(&rows, table)?;
    Ok(rows)
}

fn check_schema(batch: &RecordBatch, table: Table) -> Result<(), StagedError> {
    let expected = table.schema();
    let found = batch.schema();
    if found.fields() == expected.fields() {
        return Ok(());
    }
    let describe = |these: &arrow::datatypes::Fields, others: &arrow::datatypes::Fields| {
        let differing: Vec<String> = these
            .iter()
            .enumerate()
            .filter(|(position, field)| others.get(*position) != Some(field))
            .map(|(_, field)| {
                let null = if field.is_nullable() { " null" } else { "" };
                format!("{} {}{null}", field.name(), field.data_type())
            })
            .collect();
        if differing.is_empty() { "no further column".to_owned() } else { differing.join(", ") }
    };
    Err(StagedError::Schema {
        expected: describe(expected.fields(), found.fields()),
        found: describe(found.fields(), expected.fields()),
    })
}

/// The exchange is the first column of every table's key.
fn check_exchange(rows: &RecordBatch, table: Table, exchange: Exchange) -> Result<(), StagedError> {
    let column = rows.column_by_name(table.spec().key[0]).expect("the schema was checked");
    let expected = exchange.code();
    match column.as_string::<i32>().iter().position(|code| code != Some(expected)) {
        None => Ok(()),
        Some(row) => {
            let found = column.as_string::<i32>().value(row).chars().take(40).collect();
            Err(StagedError::Exchange { row, expected, found })
        }
    }
}

fn check_trade_date(rows: &RecordBatch, table: Table, trade_date: TradeDate) -> Result<(), StagedError> {
    let column = rows.column_by_name(table.spec().date_column).expect("the schema was checked");
    let expected = trade_date.days_since_epoch();
    let days = column.as_primitive::<Date32Type>().values();
    match days.iter().position(|day| *day != expected) {
        None => Ok(()),
        Some(row) => Err(StagedError::TradeDate {
            row,
            expected: trade_date,
            found: TradeDate::from_days_since_epoch(days[row])
                .map_or_else(|| format!("day {}", days[row]), |date| date.to_string()),
        }),
    }
}

fn check_keys(rows: &RecordBatch, table: Table) -> Result<(), StagedError> {
    let columns: Vec<_> = table
        .spec()
        .key
        .iter()
        .map(|name| rows.column_by_name(name).cloned().expect("the schema was checked"))
        .collect();
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let keys = RowConverter::new(fields)?.convert_columns(&columns)?;
    let mut seen = HashSet::with_capacity(keys.num_rows());
    match keys.iter().position(|key| !seen.insert(key)) {
        None => Ok(()),
        Some(row) => Err(StagedError::DuplicateKey { row }),
    }
}
