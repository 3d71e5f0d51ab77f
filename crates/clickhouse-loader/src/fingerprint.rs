//! The content checksum of a session: computed from the file here and from the table in the warehouse, in one query.
//!
//! For each column one sum modulo 2⁶⁴, `Σ (v + C) · w`, over the values that are not null, where
//!
//! * `w = (2·CRC32(key) + 1) · 0x9E3779B97F4A7C15` is the row's weight; the key is the natural key's parts joined by line
//!   feeds. It is odd, so a change of any value changes the sum, and it ties each value to its row: two rows that
//!   exchange a value are seen, while the order of the rows makes no difference.
//! * `v` is the value as 64 bits: a decimal's unscaled integer, a whole number, days since 1970-01-01, 0 or 1, and the
//!   CRC32 of a text.
//! * `C = 0xD1B5_4A32_D192_ED03` makes a null, which adds nothing, differ from every value: the one value that adds nothing,
//!   `-C`, has 19 digits, and no decimal, quantity, date or CRC32 is as large.
//!
//! No float, no formatting and no ordering takes part. Together with the number of distinct keys it finds lost, doubled,
//! changed and exchanged values; it is a guard against accidents, not against an attacker.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type};
use arrow::record_batch::RecordBatch;
use champion_market_data::columnar::ColumnKind;
use champion_market_data::{Sha256, Table};

use crate::row_key::{self, RowKeys};

/// 2⁶⁴ divided by the golden ratio, odd: spreads 33 bits of key hash over 64.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Added to each value, so that 0, false and the empty text count.
const OFFSET: u64 = 0xD1B5_4A32_D192_ED03;

/// The number of rows and one sum a column, in the table's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    table: Table,
    rows: u64,
    sums: Vec<u64>,
}

impl Fingerprint {
    /// Computes the fingerprint of rows that have the table's schema.
    #[must_use]
    pub fn of(table: Table, rows: &RecordBatch) -> Self {
        let weights = weights(table, rows);
        let sums = table
            .spec()
            .columns
            .iter()
            .zip(rows.columns())
            .map(|(column, values)| sum(column.kind, values, &weights))
            .collect();
        Self { table, rows: rows.num_rows() as u64, sums }
    }

    /// Takes a fingerprint that the warehouse computed.
    pub(crate) const fn computed(table: Table, rows: u64, sums: Vec<u64>) -> Self {
        Self { table, rows, sums }
    }

    /// Returns the fingerprint of no rows.
    pub(crate) fn empty(table: Table) -> Self {
        Self { table, rows: 0, sums: vec![0; table.spec().columns.len()] }
    }

    /// Returns the number of rows.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns the text that stands in the ledger: 32 hex digits over the number of rows and all sums.
    #[must_use]
    pub fn checksum(&self) -> String {
        let bytes: Vec<u8> = std::iter::once(&self.rows).chain(&self.sums).flat_map(|sum| sum.to_be_bytes()).collect();
        Sha256::of(&bytes).to_string()[..32].to_owned()
    }

    /// Returns the names of the columns whose sums differ.
    pub(crate) fn differing_columns(&self, other: &Self) -> Vec<&'static str> {
        let names = self.table.spec().columns.iter().map(|column| column.name);
        let pairs = self.sums.iter().zip(&other.sums);
        names.zip(pairs).filter(|(_, (ours, theirs))| ours != theirs).map(|(name, _)| name).collect()
    }

    /// Returns the SQL of a row's weight; [`Fingerprint::sql_sums`] knows it as `row_weight`.
    pub(crate) fn sql_weight(table: Table) -> String {
        let key = row_key::sql_parts(table).join(", '\\n', ");
        format!("(toUInt64(CRC32(concat({key}))) * 2 + 1) * {SPREAD}")
    }

    /// Returns the SQL of the sums as one array.
    pub(crate) fn sql_sums(table: Table) -> String {
        let sums: Vec<String> = table
            .spec()
            .columns
            .iter()
            .map(|column| {
                let name = column.name;
                let value = match column.kind {
                    ColumnKind::Text => format!("toUInt64(CRC32({name}))"),
                    ColumnKind::Date => format!("toUInt64(toUInt16({name}))"),
                    ColumnKind::Bool => format!("toUInt64({name})"),
                    ColumnKind::Int64 | ColumnKind::Price | ColumnKind::Money | ColumnKind::Amount => {
                        format!("reinterpret({name}, 'UInt64')")
                    }
                };
                format!("ifNull(sum(({value} + {OFFSET}) * row_weight), 0)")
            })
            .collect();
        format!("[{}]", sums.join(", "))
    }
}

fn weights(table: Table, rows: &RecordBatch) -> Vec<u64> {
    let keys = RowKeys::of(table, rows);
    let mut key = String::new();
    (0..rows.num_rows())
        .map(|row| {
            keys.write(row, &mut key);
            (u64::from(crc32fast::hash(key.as_bytes())) * 2 + 1).wrapping_mul(SPREAD)
        })
        .collect()
}

fn sum(kind: ColumnKind, values: &ArrayRef, weights: &[u64]) -> u64 {
    match kind {
        ColumnKind::Text => {
            let texts = values.as_string::<i32>();
            weighted(texts.iter().map(|text| text.map(|text| u64::from(crc32fast::hash(text.as_bytes())))), weights)
        }
        ColumnKind::Date => {
            weighted(values.as_primitive::<Date32Type>().iter().map(|days| days.map(|days| days as u64)), weights)
        }
        ColumnKind::Bool => weighted(values.as_boolean().iter().map(|value| value.map(u64::from)), weights),
        ColumnKind::Int64 => {
            weighted(values.as_primitive::<Int64Type>().iter().map(|value| value.map(|value| value as u64)), weights)
        }
        // 18 digits fit into 64 bits, so the lower half is the whole value in two's complement, as the warehouse has it.
        ColumnKind::Price | ColumnKind::Money | ColumnKind::Amount => weighted(
            values.as_primitive::<Decimal128Type>().iter().map(|value| value.map(|value| value as u64)),
            weights,
        ),
    }
}

fn weighted(values: impl Iterator<Item = Option<u64>>, weights: &[u64]) -> u64 {
    let terms = values.zip(weights).map(|(value, weight)| match value {
        Some(value) => value.wrapping_add(OFFSET).wrapping_mul(*weight),
        None => 0,
    });
    terms.fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray, UInt32Array};
    use arrow::compute::take_record_batch;
    use arrow::datatypes::DataType;

    use super::*;

    const TABLE: Table = Table::EquityDelivery;

    /// Rows with the given symbols and delivery quantities; everything else is the same in each row.
    fn rows(lines: &[(&str, Option<i64>)]) -> RecordBatch {
        let columns = TABLE.spec().columns.iter().map(|column| -> ArrayRef {
            match column.name {
                "symbol" => Arc::new(StringArray::from_iter_values(lines.iter().map(|line| line.0))),
                "delivery_qty" => Arc::new(lines.iter().map(|line| line.1).collect::<Int64Array>()),
                _ => {
                    let one = match column.kind {
                        ColumnKind::Text => Arc::new(StringArray::from(vec!["x"])) as ArrayRef,
                        kind => arrow::compute::cast(&Int64Array::from(vec![7]), &DataType::Int32)
                            .and_then(|seven| arrow::compute::cast(&seven, &kind.arrow()))
                            .expect("7 is a value of every other kind"),
                    };
                    let repeat = UInt32Array::from_value(0, lines.len());
                    arrow::compute::take(&one, &repeat, None).expect("the row exists")
                }
            }
        });
        RecordBatch::try_new(TABLE.schema(), columns.collect()).expect("the columns are the table's")
    }

    fn of(lines: &[(&str, Option<i64>)]) -> Fingerprint {
        Fingerprint::of(TABLE, &rows(lines))
    }

    #[test]
    fn the_order_of_the_rows_makes_no_difference() {
        let batch = rows(&[("A", Some(1)), ("B", Some(2)), ("C", None)]);
        let turned = take_record_batch(&batch, &UInt32Array::from(vec![2, 0, 1])).expect("the rows exist");
        assert_eq!(Fingerprint::of(TABLE, &batch), Fingerprint::of(TABLE, &turned));
    }

    #[test]
    fn a_lost_a_doubled_a_changed_and_an_exchanged_value_are_seen() {
        let whole = of(&[("A", Some(1)), ("B", Some(2))]);
        let exchanged = of(&[("A", Some(2)), ("B", Some(1))]);
        assert_eq!(whole.differing_columns(&exchanged), ["delivery_qty"]);
        assert_eq!(whole.differing_columns(&of(&[("A", Some(1)), ("B", Some(3))])), ["delivery_qty"]);
        assert_ne!(whole, of(&[("A", Some(1))]));
        assert_ne!(whole, of(&[("A", Some(1)), ("B", Some(2)), ("B", Some(2))]));
        assert_ne!(whole.checksum(), exchanged.checksum());
    }

    #[test]
    fn null_zero_and_the_ends_of_the_range_all_differ() {
        let sums: Vec<String> = [None, Some(0), Some(-1), Some(i64::MIN), Some(i64::MAX)]
            .map(|value| of(&[("A", value)]).checksum())
            .to_vec();
        for (position, sum) in sums.iter().enumerate() {
            assert!(!sums[position + 1..].contains(sum), "{position}: {sums:?}");
        }
    }

    #[test]
    fn the_text_in_the_ledger_does_not_change_between_releases() {
        assert_eq!(of(&[("A", Some(1)), ("B", None)]).checksum(), "7c8d8dea3c48d87c9ffa9958e34bea30");
        assert_eq!(Fingerprint::empty(TABLE), of(&[]));
    }
}
