//! The natural key of a row as text: the same text in a file and in the warehouse.

use std::fmt::Write as _;

use arrow::array::{AsArray, Date32Array, Int64Array, StringArray};
use arrow::datatypes::{Date32Type, Int64Type};
use arrow::record_batch::RecordBatch;
use champion_market_data::Table;
use champion_market_data::columnar::{Column, ColumnKind};

/// Stands between the parts of a key; no symbol, series or id holds a line feed.
pub(crate) const SEPARATOR: char = '\n';

/// Returns the columns of the natural key, in its order.
pub(crate) fn columns(table: Table) -> impl Iterator<Item = &'static Column> {
    let spec = table.spec();
    spec.key.iter().map(|name| {
        spec.columns.iter().find(|column| column.name == *name).expect("the key names columns of the table")
    })
}

/// Returns the SQL of each part of the key: text as it is, dates as days since 1970-01-01, numbers in decimal.
pub(crate) fn sql_parts(table: Table) -> Vec<String> {
    columns(table)
        .map(|column| match column.kind {
            ColumnKind::Date => format!("toString(toUInt16({}))", column.name),
            _ => format!("toString({})", column.name),
        })
        .collect()
}

/// Reads the keys of a batch.
pub(crate) struct RowKeys<'a> {
    parts: Vec<Part<'a>>,
}

enum Part<'a> {
    Text(&'a StringArray),
    Date(&'a Date32Array),
    Number(&'a Int64Array),
}

impl<'a> RowKeys<'a> {
    /// Takes the key columns of a batch that has the table's schema.
    pub(crate) fn of(table: Table, rows: &'a RecordBatch) -> Self {
        let parts = columns(table)
            .map(|column| {
                let array = rows.column_by_name(column.name).expect("the schema was checked");
                match column.kind {
                    ColumnKind::Text => Part::Text(array.as_string::<i32>()),
                    ColumnKind::Date => Part::Date(array.as_primitive::<Date32Type>()),
                    ColumnKind::Int64 => Part::Number(array.as_primitive::<Int64Type>()),
                    ColumnKind::Bool | ColumnKind::Price | ColumnKind::Money | ColumnKind::Amount => {
                        unreachable!("no natural key holds a truth value or an amount; a test reads every table")
                    }
                }
            })
            .collect();
        Self { parts }
    }

    /// Writes the key of a row over what the buffer held.
    pub(crate) fn write(&self, row: usize, buffer: &mut String) {
        buffer.clear();
        for (position, part) in self.parts.iter().enumerate() {
            if position > 0 {
                buffer.push(SEPARATOR);
            }
            match part {
                Part::Text(texts) => buffer.push_str(texts.value(row)),
                Part::Date(days) => write!(buffer, "{}", days.value(row)).expect("a String takes everything"),
                Part::Number(numbers) => write!(buffer, "{}", numbers.value(row)).expect("a String takes everything"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_begins_with_the_exchange_and_holds_the_date_and_simple_types_only() {
        for &table in Table::ALL {
            let kinds: Vec<ColumnKind> = columns(table).map(|column| column.kind).collect();
            assert_eq!(kinds[0], ColumnKind::Text, "{table}");
            assert!(table.spec().key.contains(&table.spec().date_column), "{table}");
            let simple = [ColumnKind::Text, ColumnKind::Date, ColumnKind::Int64];
            assert!(kinds.iter().all(|kind| simple.contains(kind)), "{table}");
            assert_eq!(RowKeys::of(table, &RecordBatch::new_empty(table.schema())).parts.len(), kinds.len());
        }
    }
}
