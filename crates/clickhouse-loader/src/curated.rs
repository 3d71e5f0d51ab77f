//! Reading a curated file and checking that it is what its reference says.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::concat_batches;
use arrow::datatypes::Date32Type;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use champion_lake::Lake;
use champion_market_data::CuratedArtifact;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use thiserror::Error;
use tracing::{Span, info_span};

use crate::LoadError;
use crate::fingerprint::Fingerprint;

/// Why a curated file is not the session it claims to be. Nothing of it is loaded.
#[derive(Debug, Error)]
pub enum CuratedError {
    /// The bytes are no Parquet.
    #[error("not readable as Parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The batches cannot be joined.
    #[error("not readable as Arrow: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// The columns are not the table's.
    #[error("the columns are not those of the table")]
    Schema,
    /// The number of rows is not that of the reference.
    #[error("expected {expected} rows, found {found}")]
    Rows {
        /// Rows of the reference.
        expected: u64,
        /// Rows in the file.
        found: u64,
    },
    /// A row belongs to another session or exchange.
    #[error("row {row} is not of the file's exchange and trade date")]
    Foreign {
        /// 0-based row.
        row: usize,
    },
}

/// One session of one table, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) curated: CuratedArtifact,
    pub(crate) rows: RecordBatch,
    pub(crate) fingerprint: Fingerprint,
}

/// Reads a curated artifact, verified, and decodes it away from the async threads.
pub(crate) async fn read(lake: &Lake, curated: CuratedArtifact) -> Result<Session, LoadError> {
    let bytes = lake.get_verified(&curated.artifact).await?;
    let key = curated.artifact.key.clone();
    let span = Span::current();
    let decoding = tokio::task::spawn_blocking(move || {
        let _span = info_span!(parent: span, "decode parquet").entered();
        let rows = decode(bytes, &curated)?;
        let fingerprint = Fingerprint::of(curated.table, &rows);
        Ok(Session { curated, rows, fingerprint })
    });
    match decoding.await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(source)) => Err(LoadError::Curated { key, source }),
        Err(source) => Err(LoadError::CutOff { work: key, source }),
    }
}

fn decode(bytes: Bytes, curated: &CuratedArtifact) -> Result<RecordBatch, CuratedError> {
    let schema = curated.table.schema();
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    if builder.schema().fields() != schema.fields() {
        return Err(CuratedError::Schema);
    }
    let found = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    if found != curated.artifact.rows {
        return Err(CuratedError::Rows { expected: curated.artifact.rows, found });
    }
    let reader = builder.with_batch_size(usize::try_from(found).unwrap_or(usize::MAX).max(1)).build()?;
    let batches = reader.collect::<Result<Vec<RecordBatch>, _>>()?;
    let rows = match batches.as_slice() {
        [batch] => batch.clone().with_schema(Arc::clone(&schema))?,
        batches => concat_batches(&schema, batches)?,
    };
    check_session(&rows, curated)?;
    Ok(rows)
}

/// Every row is of the file's exchange and date: verification and tombstones reckon by them.
fn check_session(rows: &RecordBatch, curated: &CuratedArtifact) -> Result<(), CuratedError> {
    let spec = curated.table.spec();
    let column = |name: &str| rows.column_by_name(name).expect("the schema was checked");
    let day = curated.trade_date.days_since_epoch();
    let days = column(spec.date_column).as_primitive::<Date32Type>().values();
    let exchanges = column(spec.key[0]).as_string::<i32>();
    let code = curated.exchange.code();
    match (0..rows.num_rows()).find(|row| days[*row] != day || exchanges.value(*row) != code) {
        None => Ok(()),
        Some(row) => Err(CuratedError::Foreign { row }),
    }
}
