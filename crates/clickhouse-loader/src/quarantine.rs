//! Rows set aside on the way: from the lake's JSON lines into the table `quarantine`.

use bytes::Bytes;
use champion_lake::Lake;
use champion_market_data::QuarantineArtifact;
use champion_retry::Deadline;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing::{debug, info};

use crate::warehouse::{Statement, Warehouse};
use crate::{LoadError, Run};

/// Why a file of refused rows is not what its reference says. Nothing of it is loaded.
#[derive(Debug, Error)]
pub enum QuarantineError {
    /// A line is no refused row.
    #[error("line {line}: {source}")]
    Line {
        /// 1-based line of the file of refused rows.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The number of lines is not that of the reference.
    #[error("expected {expected} rows, found {found}")]
    Rows {
        /// Rows of the reference.
        expected: u64,
        /// Lines of the file.
        found: u64,
    },
    /// The key does not say which decoder refused the rows.
    #[error("the key does not end with the decoder's version, such as -d1.jsonl")]
    Decoder,
    /// The table does not hold what was sent.
    #[error("the warehouse holds {found} of its {expected} lines")]
    Incomplete {
        /// Distinct lines of the file.
        expected: u64,
        /// Distinct lines of the table.
        found: u64,
    },
}

/// One line of the file, as the parser writes it.
#[derive(Debug, Deserialize)]
struct Line {
    line: u64,
    code: String,
    reason: String,
    raw: String,
}

/// One row of the table, as `JSONEachRow`.
#[derive(Debug, Serialize)]
struct NewRow<'a> {
    dataset: &'static str,
    exchange: &'static str,
    trade_date: String,
    source_sha256: String,
    decoder_version: u32,
    line_no: u64,
    code: &'a str,
    reason: &'a str,
    raw: &'a str,
    lake_key: &'a str,
    run_id: &'a str,
    loaded_at: &'a str,
}

const TABLE: &str = "quarantine";

/// Loads the rows of one file, exactly once in effect: the table's key is the source's line, and the token of the insert
/// is the file's hash.
pub(crate) async fn load(
    lake: &Lake,
    warehouse: &Warehouse,
    artifact: &QuarantineArtifact,
    run: &Run,
    now: DateTime<Utc>,
    deadline: Deadline,
) -> Result<(), LoadError> {
    let key = &artifact.artifact.key;
    let bytes = lake.get_verified(&artifact.artifact).await?;
    let refused = |source| LoadError::Quarantine { key: key.clone(), source };
    let lines = parse(&bytes, artifact.artifact.rows).map_err(refused)?;
    let decoder = decoder_version(key).ok_or(QuarantineError::Decoder).map_err(refused)?;
    if lines.is_empty() {
        return Ok(());
    }
    let body = encode(&lines, artifact, decoder, run, now);
    let token = artifact.artifact.sha256.to_string();
    let expected = distinct(&lines);
    insert(warehouse, &body, lines.len(), &token, deadline).await?;
    if held(warehouse, artifact, decoder, deadline).await? < expected {
        // The token outlives rows that someone deleted. Rows replace each other, so sending anew is harmless.
        debug!(key, "sending anew under a fresh token");
        let again = format!("{token}-{:016x}", rand::random::<u64>());
        insert(warehouse, &body, lines.len(), &again, deadline).await?;
        let found = held(warehouse, artifact, decoder, deadline).await?;
        if found < expected {
            return Err(refused(QuarantineError::Incomplete { expected, found }));
        }
    }
    info!(key, rows = lines.len(), "refused rows loaded");
    Ok(())
}

fn parse(bytes: &[u8], expected: u64) -> Result<Vec<Line>, QuarantineError> {
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, text)| !text.is_empty())
        .map(|(position, text)| {
            serde_json::from_slice(text).map_err(|source| QuarantineError::Line { line: position + 1, source })
        })
        .collect::<Result<Vec<Line>, _>>()?;
    let found = lines.len() as u64;
    if found == expected { Ok(lines) } else { Err(QuarantineError::Rows { expected, found }) }
}

/// Reads the decoder's version out of `…-d<version>.jsonl`.
fn decoder_version(key: &str) -> Option<u32> {
    key.strip_suffix(".jsonl")?.rsplit_once("-d")?.1.parse().ok()
}

fn distinct(lines: &[Line]) -> u64 {
    let mut numbers: Vec<u64> = lines.iter().map(|line| line.line).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len() as u64
}

fn encode(lines: &[Line], artifact: &QuarantineArtifact, decoder: u32, run: &Run, now: DateTime<Utc>) -> Bytes {
    let loaded_at = now.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let mut body = Vec::new();
    for line in lines {
        let row = NewRow {
            dataset: artifact.dataset.as_str(),
            exchange: artifact.exchange.as_str(),
            trade_date: artifact.trade_date.to_string(),
            source_sha256: artifact.source_sha256.to_string(),
            decoder_version: decoder,
            line_no: line.line,
            code: &line.code,
            reason: &line.reason,
            raw: &line.raw,
            lake_key: &artifact.artifact.key,
            run_id: &run.run_id,
            loaded_at: &loaded_at,
        };
        serde_json::to_writer(&mut body, &row).expect("numbers and texts always serialise");
        body.push(b'\n');
    }
    Bytes::from(body)
}

async fn insert(
    warehouse: &Warehouse,
    body: &Bytes,
    rows: usize,
    token: &str,
    deadline: Deadline,
) -> Result<(), LoadError> {
    let sql = format!(
        "INSERT INTO {} (dataset, exchange, trade_date, source_sha256, decoder_version, line_no, code, reason, raw, \
         lake_key, run_id, loaded_at) FORMAT JSONEachRow",
        warehouse.qualified(TABLE)
    );
    let statement = Statement { operation: "INSERT", collection: TABLE.to_owned(), rows: Some(rows as u64), sql };
    Ok(warehouse.insert(&statement, body, token, deadline).await?)
}

/// Counts the distinct lines that the table holds of a source file under one version of the decoder.
async fn held(
    warehouse: &Warehouse,
    artifact: &QuarantineArtifact,
    decoder: u32,
    deadline: Deadline,
) -> Result<u64, LoadError> {
    let QuarantineArtifact { dataset, exchange, trade_date, source_sha256, .. } = artifact;
    let sql = format!(
        "SELECT uniqExact(line_no) AS lines FROM {} WHERE dataset = '{dataset}' AND exchange = '{exchange}' \
         AND trade_date = '{trade_date}' AND source_sha256 = '{source_sha256}' AND decoder_version = {decoder}",
        warehouse.qualified(TABLE),
    );
    let statement = Statement { operation: "SELECT", collection: TABLE.to_owned(), rows: None, sql };
    Ok(warehouse.fetch::<u64>(&statement, deadline).await?.first().copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"line":7,"code":"high_below_low","reason":"high 9 is below low 11","raw":"BBB, BE"}"#;

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let text = format!("{GOOD}\n{{\"line\":8}}\n");
        let error = parse(text.as_bytes(), 2).expect_err("the second line lacks its code");
        assert!(error.to_string().starts_with("line 2: missing field"), "{error}");
    }

    #[test]
    fn a_file_of_another_length_than_its_reference_is_refused() {
        let error = parse(GOOD.as_bytes(), 2).expect_err("one line");
        assert_eq!(error.to_string(), "expected 2 rows, found 1");
        assert_eq!(parse(GOOD.as_bytes(), 1).expect("one line")[0].line, 7);
    }

    #[test]
    fn the_key_names_the_decoder() {
        assert_eq!(decoder_version("quarantine/bhavcopy/nse/2025-02-24/ab-d12.jsonl"), Some(12));
        assert_eq!(decoder_version("quarantine/bhavcopy/nse/2025-02-24/ab.jsonl"), None);
    }
}
