//! From a decoded file to the bytes that are written: pure, and the same every time.

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::ipc::writer::FileWriter;
use bytes::Bytes;
use champion_decode::{DECODER_VERSION, Decoded, Refusal, RefusedRow, Request, decode};
use champion_market_data::artifact::keys;
use champion_market_data::{ArtifactRef, Dataset, RawArtifact, Sha256, StagedArtifact};
use chrono::DateTime;
use serde::Serialize;

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
            // The report is a function of the bytes; the answer to a call says since when they are known.
            observed_at: DateTime::UNIX_EPOCH,
        });
        artifacts.push(artifact);
    }
    let mut quarantine = None;
    if !decoded.quarantined.is_empty() {
        let artifact = set_aside(raw, None, &decoded.quarantined);
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

/// One JSON line about a whole file, in the form of a refused row.
#[derive(Serialize)]
struct WholeFile<'a> {
    line: u64,
    code: &'a str,
    reason: &'a str,
    raw: &'a str,
}

/// Makes the quarantine's file: the rows set aside, behind a line 0 when the whole file is refused.
pub(crate) fn set_aside(raw: &RawArtifact, whole: Option<&Refusal>, rows: &[RefusedRow]) -> Artifact {
    let RawArtifact { dataset, exchange, trade_date, artifact: source, .. } = raw;
    let mut lines = Vec::new();
    if let Some(Refusal { code, reason, .. }) = whole {
        push_line(&mut lines, &WholeFile { line: 0, code: code.as_str(), reason, raw: "" });
    }
    rows.iter().for_each(|row| push_line(&mut lines, row));
    let count = rows.len() as u64 + u64::from(whole.is_some());
    let key = keys::quarantine(*dataset, *exchange, *trade_date, &source.sha256, DECODER_VERSION);
    artifact(key, lines, count)
}

fn push_line(lines: &mut Vec<u8>, row: &impl Serialize) {
    serde_json::to_writer(&mut *lines, row).expect("a refused row is plain data and memory takes it");
    lines.push(b'\n');
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
