//! From a decoded file to the bytes that are written: pure, and the same every time.

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::ipc::writer::FileWriter;
use bytes::Bytes;
use champion_decode::{DECODER_VERSION, Decoded, Refusal, RefusedRow, Request, decode};
use champion_market_data::artifact::keys;
use champion_market_data::{ArtifactRef, Dataset, RawArtifact, Sha256, StagedArtifact};

use crate::ParseError;
use crate::report::Report;

/// A file to be written.
#[derive(Debug, Clone)]
pub(crate) struct Artifact {
    pub(crate) reference: ArtifactRef,
    pub(crate) bytes: Bytes,
}

/// Everything to be written for one raw file, in order; the report goes last.
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) report: Report,
    /// Distinct symbols among the published rows.
    pub(crate) stocks: u64,
}

/// Decodes raw bytes and encodes the tables, or says why the whole file is refused.
pub(crate) fn stage(
    raw: &RawArtifact,
    bytes: &[u8],
    request: &Request,
) -> Result<Result<Staging, Refusal>, ParseError> {
    let decoded = match decode(bytes, request) {
        Ok(decoded) => decoded,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut artifacts = Vec::new();
    let mut staged = Vec::new();
    for (table, batch) in &decoded.tables {
        let key = keys::staged(*table, raw.exchange, raw.trade_date, &raw.artifact.sha256, DECODER_VERSION);
        let bytes = arrow_ipc(batch).map_err(|source| ParseError::Encode { table: *table, source })?;
        let artifact = artifact(key, bytes, batch.num_rows() as u64);
        staged.push(StagedArtifact {
            artifact: artifact.reference.clone(),
            table: *table,
            exchange: raw.exchange,
            trade_date: raw.trade_date,
            source_sha256: raw.artifact.sha256,
            counts: decoded.counts,
            observed_at: raw.observed_at,
        });
        artifacts.push(artifact);
    }
    let mut quarantine = None;
    if !decoded.quarantined.is_empty() {
        let RawArtifact { dataset, exchange, trade_date, artifact: source, .. } = raw;
        let key = keys::quarantine(*dataset, *exchange, *trade_date, &source.sha256, DECODER_VERSION);
        let artifact = artifact(key, json_lines(&decoded.quarantined), decoded.quarantined.len() as u64);
        quarantine = Some(artifact.reference.clone());
        artifacts.push(artifact);
    }
    let report = Report::new(raw, &decoded, staged, quarantine);
    Ok(Ok(Staging { artifacts, report, stocks: stocks(&decoded, raw.dataset) }))
}

fn artifact(key: String, bytes: Vec<u8>, rows: u64) -> Artifact {
    let reference = ArtifactRef { key, sha256: Sha256::of(&bytes), bytes: bytes.len() as u64, rows };
    Artifact { reference, bytes: Bytes::from(bytes) }
}

fn arrow_ipc(batch: &RecordBatch) -> Result<Vec<u8>, arrow::error::ArrowError> {
    let mut writer = FileWriter::try_new(Vec::with_capacity(batch.get_array_memory_size()), &batch.schema())?;
    writer.write(batch)?;
    writer.into_inner()
}

fn json_lines(rows: &[RefusedRow]) -> Vec<u8> {
    let mut lines = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut lines, row).expect("a refused row is plain data and memory takes it");
        lines.push(b'\n');
    }
    lines
}

/// Counts the distinct symbols of the table whose rows are the dataset's rows.
fn stocks(decoded: &Decoded, dataset: Dataset) -> u64 {
    let table = decoded.tables.iter().find(|(table, _)| *table == dataset.principal_table());
    let column = table.and_then(|(_, batch)| batch.column_by_name("symbol"));
    let Some(symbols) = column.and_then(|column| column.as_any().downcast_ref::<StringArray>()) else { return 0 };
    let mut distinct: Vec<&str> = symbols.iter().flatten().collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct.len() as u64
}
