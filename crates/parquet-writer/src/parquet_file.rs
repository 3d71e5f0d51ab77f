//! From the rows of one session to the bytes of its Parquet file: pure, and the same bytes every time.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use champion_market_data::Table;
use champion_market_data::columnar::{ColumnKind, SCHEMA_VERSION};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

/// Version of the encoding. Raise it when the same rows come out as other bytes: sessions are then published anew.
pub const WRITER_VERSION: u32 = 1;

/// Stands in every file. It names no crate's version, so that an upgrade of the library alone changes no byte here.
const CREATED_BY: &str = "champion-parquet-writer version 1";

/// Text in which hardly a value repeats within a session: a dictionary would be a detour.
const UNIQUE_TEXT: [&str; 11] = [
    "event_id",
    "filing_id",
    "symbol",
    "TckrSymb",
    "isin",
    "ISIN",
    "instrument_name",
    "FinInstrmNm",
    "company",
    "subject",
    "leg_text",
];

/// How files are encoded.
#[derive(Debug, Clone, Copy)]
pub struct Encoding {
    compression: Compression,
    row_group_rows: usize,
}

impl Encoding {
    /// Checks and takes the settings: zstd level 1–22, rows a row group.
    ///
    /// # Errors
    /// [`ParquetError`] when zstd has no such level or a row group would hold nothing.
    pub fn new(zstd_level: i32, row_group_rows: usize) -> Result<Self, ParquetError> {
        if row_group_rows == 0 {
            return Err(ParquetError::General("a row group holds at least one row".to_owned()));
        }
        Ok(Self { compression: Compression::ZSTD(ZstdLevel::try_new(zstd_level)?), row_group_rows })
    }

    /// Encodes the rows of one table and session.
    ///
    /// Nothing of the time, the machine or the run goes in: the same rows give the same bytes. Decimals of 18 digits
    /// become `INT64` with the logical type `DECIMAL`, dates `INT32` with `DATE`, text `BYTE_ARRAY` with `STRING`, so
    /// that any reader sees the exact types without the embedded Arrow schema, which is left out.
    ///
    /// # Errors
    /// [`ParquetError`] when the library refuses the batch.
    pub fn encode(&self, table: Table, rows: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
        let options = ArrowWriterOptions::new().with_properties(self.properties(table)).with_skip_arrow_metadata(true);
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), rows.schema(), options)?;
        writer.write(rows)?;
        writer.into_inner()
    }

    /// Puts published files of one table behind each other, a row group a file at least.
    ///
    /// # Errors
    /// [`ParquetError`] when a file cannot be read or the library refuses its rows.
    pub(crate) fn concatenate(&self, table: Table, files: Vec<Bytes>) -> Result<Vec<u8>, ParquetError> {
        let options = ArrowWriterOptions::new().with_properties(self.properties(table)).with_skip_arrow_metadata(true);
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), table.schema(), options)?;
        for file in files {
            for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
                writer.write(&batch?.with_schema(table.schema())?)?;
            }
            writer.flush()?;
        }
        writer.into_inner()
    }

    fn properties(&self, table: Table) -> WriterProperties {
        let mut properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(self.compression)
            .set_max_row_group_row_count(Some(self.row_group_rows))
            // One session is one row group and mostly one page a column: page indexes would repeat the chunk's statistics.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_key_value_metadata(Some(vec![
                KeyValue::new("champion.table".to_owned(), table.as_str().to_owned()),
                KeyValue::new("champion.schema_version".to_owned(), SCHEMA_VERSION.to_string()),
            ]));
        // A dictionary is for text that repeats. Prices and quantities of a session hardly do: plain and through zstd they
        // came out a fifth smaller and in two thirds of the time (measured on real sessions of every table).
        for column in table.spec().columns {
            let repeats = column.kind == ColumnKind::Text && !UNIQUE_TEXT.contains(&column.name);
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(column.name), repeats);
        }
        properties.build()
    }
}

/// Returns an empty batch of a table, for sessions without a row.
#[must_use]
pub(crate) fn empty(table: Table) -> RecordBatch {
    RecordBatch::new_empty(Arc::clone(&table.schema()))
}
