//! The published rows, column by column, on their way to Arrow.
//!
//! Which values a row has is kept as one word a row; the columns hold plain values, and validity is worked out once at
//! the end. Appending a row costs one push a column of the file.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, PrimitiveArray, StringArray, new_null_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, Date32Type, Int64Type};
use champion_market_data::columnar::ColumnKind;

use super::header::Plan;
use super::row::Row;
use crate::columns::repeated;

/// Bytes a text value is expected to have, for the first allocation only.
const TEXT_BYTES: usize = 12;

/// The columns of published rows.
#[derive(Debug)]
pub(crate) struct Store {
    kinds: Vec<ColumnKind>,
    columns: Vec<Column>,
    /// Which slots have a value, a bit a slot, one word a row.
    present: Vec<u64>,
    rows: usize,
}

#[derive(Debug)]
enum Column {
    Number(Vec<i64>),
    Text { bytes: Vec<u8>, offsets: Vec<i32> },
}

impl Store {
    /// Creates columns of these kinds, with room for so many rows.
    pub(crate) fn new(kinds: Vec<ColumnKind>, rows: usize) -> Self {
        let column = |kind: &ColumnKind| match kind {
            ColumnKind::Text => Column::Text { bytes: Vec::new(), offsets: vec![0] },
            _ => Column::Number(Vec::new()),
        };
        let columns = kinds.iter().map(column).collect();
        Self { kinds, columns, present: Vec::with_capacity(rows), rows }
    }

    /// Tells whether a slot holds text.
    pub(crate) fn is_text(&self, slot: usize) -> bool {
        matches!(self.columns[slot], Column::Text { .. })
    }

    /// Appends a row.
    pub(crate) fn push(&mut self, row: &Row<'_>, plan: &Plan) {
        if self.present.is_empty() {
            self.reserve(plan);
        }
        self.present.push(row.present());
        for (column, _) in &plan.columns {
            match &mut self.columns[column.slot] {
                Column::Number(values) => values.push(row.required(column.slot)),
                Column::Text { bytes, offsets } => {
                    bytes.extend_from_slice(row.text(column.slot).unwrap_or_default().as_bytes());
                    offsets.push(bytes.len() as i32); // files are capped far below 2 GiB
                }
            }
        }
        let date = plan.layout.date().slot;
        if let Column::Number(values) = &mut self.columns[date] {
            values.push(row.required(date));
        }
    }

    fn reserve(&mut self, plan: &Plan) {
        for slot in plan.columns.iter().map(|(column, _)| column.slot).chain([plan.layout.date().slot]) {
            match &mut self.columns[slot] {
                Column::Number(values) => values.reserve_exact(self.rows),
                Column::Text { bytes, offsets } => {
                    bytes.reserve(self.rows * TEXT_BYTES);
                    offsets.reserve_exact(self.rows);
                }
            }
        }
    }

    /// Returns the columns as Arrow arrays, by slot. Columns that the file does not have are null, or the format's
    /// constant.
    pub(crate) fn finish(self, plan: &Plan) -> Vec<ArrayRef> {
        let Self { kinds, columns, present, .. } = self;
        let rows = present.len();
        let in_any = present.iter().fold(0, |any, word| any | word);
        let in_all = present.iter().fold(u64::MAX, |all, word| all & word);
        let array = |(slot, (kind, column)): (usize, (ColumnKind, Column))| -> ArrayRef {
            if let Some((_, text)) = plan.layout.constants.iter().find(|(constant, _)| *constant == slot) {
                return repeated(text, rows);
            }
            if in_any & (1 << slot) == 0 {
                return new_null_array(&kind.arrow(), rows);
            }
            let some_null = in_all & (1 << slot) == 0;
            let nulls = some_null
                .then(|| NullBuffer::new(BooleanBuffer::collect_bool(rows, |row| present[row] & (1 << slot) != 0)));
            match column {
                Column::Number(values) => numbers(kind, values, nulls),
                Column::Text { bytes, offsets } => {
                    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                    let array = StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls);
                    Arc::new(array.expect("whole values of UTF-8 text, one offset behind each"))
                }
            }
        };
        kinds.into_iter().zip(columns).enumerate().map(array).collect()
    }
}

fn numbers(kind: ColumnKind, values: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
    match kind {
        ColumnKind::Date => {
            let days = values.into_iter().map(|days| days as i32); // read as dates of 1990 to 2100
            primitive::<Date32Type>(days.collect(), nulls)
        }
        ColumnKind::Price | ColumnKind::Money | ColumnKind::Amount => {
            let values: Vec<i128> = values.into_iter().map(i128::from).collect();
            Arc::new(Decimal128Array::new(values.into(), nulls).with_data_type(kind.arrow()))
        }
        ColumnKind::Int64 | ColumnKind::Bool | ColumnKind::Text => primitive::<Int64Type>(values, nulls),
    }
}

fn primitive<T: ArrowPrimitiveType>(values: Vec<T::Native>, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), nulls))
}
