//! `champion quarantine`: the rows and files that were set aside, why, and trying them again.

use anyhow::{Context, bail};
use champion_market_data::{Dataset, TradeDate};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::args::{How, Place};
use crate::exit::Exit;
use crate::render::{count, harmless, table};
use crate::run;

/// One file with rows that were set aside.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
struct SetAside {
    dataset: String,
    exchange: String,
    trade_date: String,
    source_sha256: String,
    /// Rows set aside.
    rows: u64,
    /// Whether the other rows of the file were published.
    published: u8,
    /// The rules that were broken.
    codes: Vec<String>,
    lake_key: String,
}

/// One row that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
struct RefusedLine {
    /// 0 for the whole file.
    line_no: u64,
    code: String,
    reason: String,
    raw: String,
}

const FILES: &str = "SELECT toString(dataset) AS dataset, toString(exchange) AS exchange, \
    toString(trade_date) AS trade_date, toString(source_sha256) AS source_sha256, countIf(line_no > 0) AS rows, \
    max(source_sha256 IN (SELECT source_sha256 FROM load_ledger)) AS published, arraySort(groupUniqArray(toString(code))) AS codes, any(lake_key) AS lake_key \
    FROM quarantine_current";
const BY_FILE: &str = "GROUP BY dataset, exchange, trade_date, source_sha256 ORDER BY trade_date DESC, dataset";

/// Digits of a hash that people are shown; enough to name a file.
const SHORT_HASH: usize = 12;
/// Most lines that are drawn; the rest is counted.
const MOST_LINES: usize = 200;
/// Characters of a raw line that are drawn.
const RAW_WIDTH: usize = 100;

/// Lists the files with rows that were set aside, newest first.
///
/// # Errors
/// Fails when the warehouse cannot be reached.
pub(crate) async fn list(place: &Place, dataset: Option<Dataset>, limit: u32) -> anyhow::Result<Exit> {
    let sql = format!("{FILES} WHERE ? = '' OR dataset = ? {BY_FILE} LIMIT ?");
    let name = dataset.map_or("", Dataset::as_str);
    let query = place.warehouse()?.query(&sql).bind(name).bind(name).bind(limit);
    let files = query.fetch_all::<SetAside>().await?;
    if place.json {
        print(&json!({ "files": files }).to_string());
    } else if files.is_empty() {
        print("nothing is set aside");
    } else {
        let headers = ["dataset", "date", "file", "rows", "published", "rules broken"];
        print(&table(&headers, &["rows"], files.iter().map(file_row).collect()).to_string());
        print("look closer: champion quarantine show FILE");
    }
    Ok(Exit::Done)
}

fn file_row(file: &SetAside) -> Vec<String> {
    let published = if file.published == 1 { "the rest" } else { "nothing" };
    let file_name = file.source_sha256.chars().take(SHORT_HASH).collect();
    let codes = harmless(&file.codes.join(", "));
    vec![file.dataset.clone(), file.trade_date.clone(), file_name, count(file.rows), published.to_owned(), codes]
}

/// Shows the rows of one file.
///
/// # Errors
/// Fails when the warehouse cannot be reached or the hash names no file, or several.
pub(crate) async fn show(place: &Place, file: &str) -> anyhow::Result<Exit> {
    let found = find(place, file).await?;
    let sql = "SELECT line_no, toString(code) AS code, reason, raw FROM quarantine_current \
               WHERE source_sha256 = ? ORDER BY line_no";
    let lines = place.warehouse()?.query(sql).bind(&found.source_sha256).fetch_all::<RefusedLine>().await?;
    if place.json {
        print(&json!({ "file": found, "lines": lines }).to_string());
        return Ok(Exit::Done);
    }
    print(&format!("{} of {}, file {}", found.dataset, found.trade_date, found.source_sha256));
    print(&format!("in the lake: {}", found.lake_key));
    if let Some(whole) = lines.iter().find(|line| line.line_no == 0) {
        print(&format!("the whole file is refused ({}): {}", whole.code, harmless(&whole.reason)));
    }
    let rows: Vec<Vec<String>> = lines.iter().filter(|line| line.line_no > 0).take(MOST_LINES).map(line_row).collect();
    if !rows.is_empty() {
        print(&table(&["line", "rule", "why", "as published"], &["line"], rows).to_string());
    }
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 0 {
        print(&format!("{} more not shown; --json has them", count(more as u64)));
    }
    print(&format!("try again: champion quarantine replay {}", &found.source_sha256[..SHORT_HASH]));
    Ok(Exit::Done)
}

fn line_row(line: &RefusedLine) -> Vec<String> {
    let raw: String = harmless(&line.raw).chars().take(RAW_WIDTH).collect();
    vec![count(line.line_no), line.code.clone(), harmless(&line.reason), raw]
}

/// Decodes the session of a file anew and publishes what is good now.
///
/// # Errors
/// Fails when warehouse or orchestrator cannot be reached or the hash names no file, or several.
pub(crate) async fn replay(place: &Place, file: &str) -> anyhow::Result<Exit> {
    let found = find(place, file).await?;
    let dataset: Dataset = found.dataset.parse().context("the quarantine names a dataset of a later version")?;
    let date: TradeDate = found.trade_date.parse().context("the quarantine's date")?;
    run::day(place, dataset, date, How { recheck: false, replay: true }.into()).await
}

/// Finds the file that a hash or the beginning of one names.
async fn find(place: &Place, file: &str) -> anyhow::Result<SetAside> {
    let prefix = file.to_ascii_lowercase();
    if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("{file:?} is no SHA-256: `champion quarantine list` shows the files");
    }
    let sql = format!("{FILES} WHERE startsWith(source_sha256, ?) {BY_FILE} LIMIT 2");
    let mut found = place.warehouse()?.query(&sql).bind(&prefix).fetch_all::<SetAside>().await?;
    match (found.pop(), found.is_empty()) {
        (None, _) => bail!("no file {prefix}… has rows that were set aside: see `champion quarantine list`"),
        (Some(file), true) => Ok(file),
        (Some(_), false) => bail!("{prefix} names several files; give more of it"),
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn print(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_file_says_that_nothing_of_it_is_published() {
        let mut file = SetAside {
            dataset: "bhavcopy".to_owned(),
            exchange: "nse".to_owned(),
            trade_date: "2025-02-24".to_owned(),
            source_sha256: "ab".repeat(32),
            rows: 1_234,
            published: 0,
            codes: vec!["bad_number".to_owned(), "missing_value".to_owned()],
            lake_key: "k".to_owned(),
        };
        let row = file_row(&file);
        assert_eq!(row[2..], ["abababababab", "1,234", "nothing", "bad_number, missing_value"]);
        file.published = 1;
        assert_eq!(file_row(&file)[4], "the rest");
    }

    #[test]
    fn a_raw_line_never_steers_the_terminal() {
        let line =
            RefusedLine { line_no: 7, code: "x".to_owned(), reason: "y".to_owned(), raw: "a\u{1b}[2J".to_owned() };
        assert_eq!(line_row(&line)[3], "a [2J");
    }
}
