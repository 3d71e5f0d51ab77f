//! The body of an insert: rows, their version, and tombstones for keys that vanished.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, StringArray, UInt8Array, UInt32Array,
    new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use champion_market_data::Table;
use champion_market_data::columnar::{Column, ColumnKind};

use crate::curated::Session;

/// A key that the warehouse holds and a corrected file does not; one text a part of the natural key.
pub(crate) type VanishedKey = Vec<String>;

/// A session and what it removes.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) session: Session,
    pub(crate) vanished: Vec<VanishedKey>,
}

/// Encodes deliveries of one table as one Arrow stream, in their order; returns it with its number of rows.
///
/// Arrow's stream format is read by the warehouse in the order of its bytes: the same deliveries are the same blocks,
/// which is what the deduplication token relies on. (Its parallel Parquet reader keeps no order unless it is told to.)
pub(crate) fn encode(table: Table, deliveries: &[Delivery]) -> Result<(Bytes, u64), ArrowError> {
    let schema = schema(table);
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    let mut rows = 0;
    for Delivery { session, vanished } in deliveries {
        let version = session.id.version;
        for (batch, is_deleted) in [(session.rows.clone(), 0), (tombstones(table, vanished)?, 1)] {
            if batch.num_rows() > 0 {
                rows += batch.num_rows() as u64;
                writer.write(&versioned(&schema, &batch, version, is_deleted)?)?;
            }
        }
    }
    Ok((Bytes::from(writer.into_inner()?), rows))
}

/// Returns the names of the columns of an insert.
pub(crate) fn column_names(table: Table) -> String {
    let names: Vec<&str> = table.spec().columns.iter().map(|column| column.name).collect();
    format!("{}, version, is_deleted", names.join(", "))
}

fn schema(table: Table) -> SchemaRef {
    let mut fields: Vec<_> = table.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("version", DataType::UInt32, false)));
    fields.push(Arc::new(Field::new("is_deleted", DataType::UInt8, false)));
    Arc::new(Schema::new(fields))
}

fn versioned(schema: &SchemaRef, rows: &RecordBatch, version: u32, is_deleted: u8) -> Result<RecordBatch, ArrowError> {
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(UInt32Array::from_value(version, rows.num_rows())));
    columns.push(Arc::new(UInt8Array::from_value(is_deleted, rows.num_rows())));
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// Rows with the vanished keys and nothing else: null where it is possible, otherwise empty or 0.
fn tombstones(table: Table, vanished: &[VanishedKey]) -> Result<RecordBatch, ArrowError> {
    let spec = table.spec();
    let columns = spec
        .columns
        .iter()
        .map(|column| match spec.key.iter().position(|name| *name == column.name) {
            Some(part) => key_column(column, vanished.iter().map(|key| key[part].as_str())),
            None => Ok(absent_column(column, vanished.len())),
        })
        .collect::<Result<Vec<_>, ArrowError>>()?;
    RecordBatch::try_new(table.schema(), columns)
}

fn key_column<'a>(column: &Column, texts: impl Iterator<Item = &'a str>) -> Result<ArrayRef, ArrowError> {
    let invalid = |error: std::num::ParseIntError| ArrowError::ParseError(format!("key {}: {error}", column.name));
    Ok(match column.kind {
        ColumnKind::Date => {
            let days = texts.map(|text| text.parse().map_err(invalid)).collect::<Result<Vec<i32>, _>>()?;
            Arc::new(Date32Array::from(days))
        }
        ColumnKind::Int64 => {
            let numbers = texts.map(|text| text.parse().map_err(invalid)).collect::<Result<Vec<i64>, _>>()?;
            Arc::new(Int64Array::from(numbers))
        }
        ColumnKind::Text | ColumnKind::Bool | ColumnKind::Price | ColumnKind::Money | ColumnKind::Amount => {
            Arc::new(StringArray::from_iter_values(texts))
        }
    })
}

fn absent_column(column: &Column, rows: usize) -> ArrayRef {
    if column.nullable {
        return new_null_array(&column.kind.arrow(), rows);
    }
    match column.kind {
        ColumnKind::Text => Arc::new(StringArray::from_iter_values(std::iter::repeat_n("", rows))),
        ColumnKind::Date => Arc::new(Date32Array::from_value(0, rows)),
        ColumnKind::Int64 => Arc::new(Int64Array::from_value(0, rows)),
        ColumnKind::Bool => Arc::new(BooleanArray::from(vec![false; rows])),
        ColumnKind::Price | ColumnKind::Money | ColumnKind::Amount => {
            Arc::new(Decimal128Array::from_value(0, rows).with_data_type(column.kind.arrow()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use arrow::array::AsArray;
    use arrow::datatypes::{UInt8Type, UInt32Type};
    use arrow::ipc::reader::StreamReader;
    use champion_market_data::{Exchange, Sha256};

    use super::*;
    use crate::curated::SessionVersion;
    use crate::fingerprint::Fingerprint;

    fn delivery(table: Table, vanished: Vec<VanishedKey>) -> Delivery {
        let rows = RecordBatch::new_empty(table.schema());
        let id = SessionVersion {
            table,
            exchange: Exchange::Nse,
            trade_date: "2025-02-24".parse().expect("a date"),
            version: 2,
            sha256: Sha256::of(b""),
        };
        let fingerprint = Fingerprint::of(table, &rows);
        Delivery { session: Session { id, rows, fingerprint }, vanished }
    }

    fn key(table: Table) -> VanishedKey {
        let part = |column: &Column| match column.kind {
            ColumnKind::Date => "20143".to_owned(),
            ColumnKind::Int64 => "-3".to_owned(),
            _ => format!("a {}", column.name),
        };
        crate::row_key::columns(table).map(part).collect()
    }

    #[test]
    fn a_vanished_key_becomes_a_row_with_its_key_and_the_mark() {
        for &table in Table::ALL {
            let (body, rows) = encode(table, &[delivery(table, vec![key(table)])]).expect("encoded");
            let batches: Vec<RecordBatch> = StreamReader::try_new(Cursor::new(body), None)
                .expect("a stream")
                .map(|b| b.expect("a batch"))
                .collect();
            let [batch] = batches.as_slice() else { panic!("{table}: {} batches", batches.len()) };
            assert_eq!((rows, batch.num_rows()), (1, 1));
            assert_eq!(batch["version"].as_primitive::<UInt32Type>().value(0), 2);
            assert_eq!(batch["is_deleted"].as_primitive::<UInt8Type>().value(0), 1);
            let mut text = String::new();
            crate::row_key::RowKeys::of(table, batch).write(0, &mut text);
            assert_eq!(text, key(table).join("\n"), "{table}");
        }
    }

    #[test]
    fn nothing_to_insert_is_no_row() {
        for &table in Table::ALL {
            assert_eq!(encode(table, &[delivery(table, Vec::new())]).expect("encoded").1, 0);
        }
    }

    #[test]
    fn a_key_that_cannot_be_read_is_an_error_and_no_panic() {
        let table = Table::CorporateActions;
        let mut broken = key(table);
        let last = broken.len() - 1;
        broken[last] = "not a number".to_owned();
        assert!(encode(table, &[delivery(table, vec![broken])]).is_err());
    }
}
