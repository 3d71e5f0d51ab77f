//! Rows set aside on the way: from the lake's JSON lines into the table `quarantine`.

use bytes::Bytes;
use champion_lake::{Lake, LakeError};
use champion_market_data::Sha256;
use champion_market_data::artifact::{QuarantineKey, RawSource};
use champion_retry::Deadline;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing::{debug, info};

use crate::warehouse::{Statement, Warehouse};
use crate::{LoadError, Run};

/// Which file of refused rows is meant; what it is of, its key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetAside {
    /// The key.
    pub key: QuarantineKey,
    /// Hash of the file.
    pub sha256: Sha256,
}

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
    /// The bytes are not those of the reference.
    #[error("expected sha256 {expected}, found {found}")]
    Hash {
        /// Hash of the reference.
        expected: Sha256,
        /// Hash of the bytes.
        found: Sha256,
    },
    /// The parser's report does not name the rows, and no line says that the whole file is refused.
    #[error(
        "the parser's report does not name these rows; have the session parsed again (`champion quarantine replay`)"
    )]
    NotInReport,
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

/// Line about a whole file that is refused.
const WHOLE_FILE: u64 = 0;

/// Loads the rows of one file, exactly once in effect: the table's key is the source's line, and the token of the insert
/// is the file's hash.
///
/// The raw bytes that the rows come from have to be in the lake with their facts, and the parser's report, where there is
/// one, to name the file; of a file that is refused whole there is none.
pub(crate) async fn load(
    lake: &Lake,
    warehouse: &Warehouse,
    file: &SetAside,
    run: &Run,
    now: DateTime<Utc>,
    deadline: Deadline,
) -> Result<(), LoadError> {
    let SetAside { key: QuarantineKey { source, decoder }, sha256 } = file;
    let key = file.key.to_string();
    let refused = |source| LoadError::Quarantine { key: key.clone(), source };
    let _facts = lake.raw_facts(source, now).await?;
    let bytes = lake.get(&key).await?.ok_or_else(|| LakeError::NotFound { key: key.clone() })?;
    let found = Sha256::of(&bytes);
    if found != *sha256 {
        return Err(refused(QuarantineError::Hash { expected: *sha256, found }));
    }
    let lines = parse(&bytes).map_err(refused)?;
    if !lines.iter().any(|line| line.line == WHOLE_FILE)
        && let Some(books) = lake.parse_books(source, *decoder).await?
        && books.quarantine(&file.key).is_none_or(|named| named.sha256 != *sha256)
    {
        return Err(refused(QuarantineError::NotInReport));
    }
    if lines.is_empty() {
        return Ok(());
    }
    let body = encode(&lines, &file.key, run, now);
    let token = sha256.to_string();
    let expected = distinct(&lines);
    insert(warehouse, &body, lines.len(), &token, deadline).await?;
    if held(warehouse, &file.key, deadline).await? < expected {
        // The token outlives rows that someone deleted. Rows replace each other, so sending anew is harmless.
        debug!(key, "sending anew under a fresh token");
        let again = format!("{token}-{:016x}", rand::random::<u64>());
        insert(warehouse, &body, lines.len(), &again, deadline).await?;
        let found = held(warehouse, &file.key, deadline).await?;
        if found < expected {
            return Err(refused(QuarantineError::Incomplete { expected, found }));
        }
    }
    info!(key, rows = lines.len(), "refused rows loaded");
    Ok(())
}

fn parse(bytes: &[u8]) -> Result<Vec<Line>, QuarantineError> {
    bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, text)| !text.is_empty())
        .map(|(position, text)| {
            serde_json::from_slice(text).map_err(|source| QuarantineError::Line { line: position + 1, source })
        })
        .collect()
}

fn distinct(lines: &[Line]) -> u64 {
    let mut numbers: Vec<u64> = lines.iter().map(|line| line.line).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len() as u64
}

fn encode(lines: &[Line], key: &QuarantineKey, run: &Run, now: DateTime<Utc>) -> Bytes {
    let QuarantineKey { source, decoder } = key;
    let lake_key = key.to_string();
    let loaded_at = now.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let mut body = Vec::new();
    for line in lines {
        let row = NewRow {
            dataset: source.dataset.as_str(),
            exchange: source.exchange.as_str(),
            trade_date: source.trade_date.to_string(),
            source_sha256: source.sha256.to_string(),
            decoder_version: *decoder,
            line_no: line.line,
            code: &line.code,
            reason: &line.reason,
            raw: &line.raw,
            lake_key: &lake_key,
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
async fn held(warehouse: &Warehouse, key: &QuarantineKey, deadline: Deadline) -> Result<u64, LoadError> {
    let QuarantineKey { source, decoder } = key;
    let RawSource { exchange, dataset, trade_date, sha256 } = source;
    let sql = format!(
        "SELECT uniqExact(line_no) AS lines FROM {} WHERE dataset = '{dataset}' AND exchange = '{exchange}' \
         AND trade_date = '{trade_date}' AND source_sha256 = '{sha256}' AND decoder_version = {decoder}",
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
        let error = parse(text.as_bytes()).expect_err("the second line lacks its code");
        assert!(error.to_string().starts_with("line 2: missing field"), "{error}");
    }
}
