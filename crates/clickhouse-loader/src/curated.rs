//! Reading a curated file and checking that it is what its reference says.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::concat_batches;
use arrow::datatypes::Date32Type;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use champion_lake::{Lake, LakeErrorKind};
use champion_market_data::artifact::keys;
use champion_market_data::{ArtifactRef, CuratedArtifact, Exchange, Sha256, Table, TradeDate};
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

/// One version of a session of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionVersion {
    pub(crate) table: Table,
    pub(crate) exchange: Exchange,
    pub(crate) trade_date: TradeDate,
    pub(crate) version: u32,
    /// Hash of the curated file.
    pub(crate) sha256: Sha256,
}

impl SessionVersion {
    /// Returns the key under which the version lies once a correction took its place.
    pub(crate) fn history_key(&self) -> String {
        keys::history(self.table, self.exchange, self.trade_date, self.version, &self.sha256)
    }
}

impl From<&CuratedArtifact> for SessionVersion {
    fn from(curated: &CuratedArtifact) -> Self {
        let CuratedArtifact { table, exchange, trade_date, version, .. } = *curated;
        Self { table, exchange, trade_date, version, sha256: curated.artifact.sha256 }
    }
}

/// The rows of one version of a session, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: SessionVersion,
    pub(crate) rows: RecordBatch,
    pub(crate) fingerprint: Fingerprint,
}

/// Reads a curated artifact, verified, and decodes it away from the async threads.
///
/// Where a correction took the file's place in the meantime, its bytes are read from the history.
pub(crate) async fn read(lake: &Lake, curated: CuratedArtifact) -> Result<Session, LoadError> {
    let id = SessionVersion::from(&curated);
    let CuratedArtifact { artifact, .. } = curated;
    let bytes = match lake.get_verified(&artifact).await {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), LakeErrorKind::NotFound | LakeErrorKind::Corrupt) => {
            let kept = ArtifactRef { key: id.history_key(), ..artifact.clone() };
            lake.get_verified(&kept).await.map_err(|_| error)?
        }
        Err(error) => return Err(error.into()),
    };
    session(bytes, artifact.key, id, Some(artifact.rows)).await
}

/// Decodes the bytes of a version away from the async threads; `rows` is their number, where it is known.
pub(crate) async fn session(
    bytes: Bytes,
    key: String,
    id: SessionVersion,
    rows: Option<u64>,
) -> Result<Session, LoadError> {
    let span = Span::current();
    let decoding = tokio::task::spawn_blocking(move || {
        let _span = info_span!(parent: span, "decode parquet").entered();
        let rows = decode(bytes, &id, rows)?;
        let fingerprint = Fingerprint::of(id.table, &rows);
        Ok(Session { id, rows, fingerprint })
    });
    match decoding.await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(source)) => Err(LoadError::Curated { key, source }),
        Err(source) => Err(LoadError::CutOff { work: key, source }),
    }
}

fn decode(bytes: Bytes, id: &SessionVersion, expected: Option<u64>) -> Result<RecordBatch, CuratedError> {
    let schema = id.table.schema();
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    if builder.schema().fields() != schema.fields() {
        return Err(CuratedError::Schema);
    }
    let found = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(CuratedError::Rows { expected, found });
    }
    let reader = builder.with_batch_size(usize::try_from(found).unwrap_or(usize::MAX).max(1)).build()?;
    let batches = reader.collect::<Result<Vec<RecordBatch>, _>>()?;
    let rows = match batches.as_slice() {
        [batch] => batch.clone().with_schema(Arc::clone(&schema))?,
        batches => concat_batches(&schema, batches)?,
    };
    check_session(&rows, id)?;
    Ok(rows)
}

/// Every row is of the file's exchange and date: verification and tombstones reckon by them.
fn check_session(rows: &RecordBatch, id: &SessionVersion) -> Result<(), CuratedError> {
    let spec = id.table.spec();
    let column = |name: &str| rows.column_by_name(name).expect("the schema was checked");
    let day = id.trade_date.days_since_epoch();
    let days = column(spec.date_column).as_primitive::<Date32Type>().values();
    let exchanges = column(spec.key[0]).as_string::<i32>();
    let code = id.exchange.code();
    match (0..rows.num_rows()).find(|row| days[*row] != day || exchanges.value(*row) != code) {
        None => Ok(()),
        Some(row) => Err(CuratedError::Foreign { row }),
    }
}
