//! `champion quarantine`: the rows and files that were set aside, why, and trying them again.
//!
//! Rows, and files that the parser refused whole, stand in the warehouse's table `quarantine`. Files that the scraper refused
//! before they were raw stand in the lake alone; the scraper reads them there whenever it is asked.

mod set_aside;

use anyhow::{Context, bail};
use champion_market_data::{Dataset, TradeDate};
use champion_proto::scraper::v1::SetAsideFile;
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::args::{How, Place};
use crate::exit::Exit;
use crate::export::print_csv;
use crate::render::{Cell, complain, count, harmless, plain, say, say_json, shown, table};
use crate::replayed;
use crate::run::{self, Mode};

/// One file with rows that were set aside, or refused whole by the parser, as the warehouse knows it.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
struct QuarantinedFile {
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
    /// Why the whole file is refused; empty where it is not.
    reason: String,
    lake_key: String,
}

/// One file, wherever it stands.
#[derive(Debug, Clone, PartialEq)]
struct RefusedFile {
    dataset: String,
    exchange: String,
    trade_date: String,
    source_sha256: String,
    rows: u64,
    /// What of the session is published: `the rest`, `another file` or `nothing`.
    published: String,
    codes: Vec<String>,
    reason: String,
    lake_key: String,
    /// What the scraper says of it, where the scraper set it aside.
    set_aside: Option<SetAsideFile>,
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
    max(source_sha256 IN (SELECT source_sha256 FROM load_ledger)) AS published, \
    arraySort(groupUniqArray(toString(code))) AS codes, anyIf(reason, line_no = 0) AS reason, any(lake_key) AS lake_key \
    FROM quarantine_current";
const BY_FILE: &str = "GROUP BY dataset, exchange, trade_date, source_sha256 ORDER BY trade_date DESC, dataset";

/// Digits of a hash that people are shown; enough to name a file.
const SHORT_HASH: usize = 12;
/// Most lines that are drawn; the rest is counted.
const MOST_LINES: usize = 200;
/// Characters of a raw line and of a file's reason that are drawn.
const RAW_WIDTH: usize = 100;

const FILE_COLUMNS: [&str; 8] = ["dataset", "exchange", "date", "file", "rows", "published", "rules broken", "why"];
const LINE_COLUMNS: [&str; 4] = ["line", "rule", "why", "as published"];

/// Lists the files with rows that were set aside and those that were refused whole, newest first.
///
/// Ends with [`Exit::Incomplete`] when the scraper does not answer: files that it set aside may be missing then.
///
/// # Errors
/// Fails when the warehouse cannot be reached.
pub(crate) async fn list(place: &Place, dataset: Option<Dataset>, limit: u32, csv: bool) -> anyhow::Result<Exit> {
    let sql = format!("{FILES} WHERE ? = '' OR dataset = ? {BY_FILE} LIMIT ?");
    let name = dataset.map_or("", Dataset::as_str);
    let query = place.warehouse()?.query(&sql).bind(name).bind(name).bind(limit);
    let mut files: Vec<RefusedFile> =
        query.fetch_all::<QuarantinedFile>().await?.into_iter().map(RefusedFile::from).collect();
    let mut exit = Exit::Done;
    match set_aside::ask(place, dataset, "", limit).await {
        Ok(aside) => files.extend(aside.into_iter().map(set_aside::listed)),
        Err(error) => {
            complain(format!(
                "champion: files that the scraper set aside are not listed: it does not answer ({error:#})"
            ));
            exit = Exit::Incomplete;
        }
    }
    files.sort_by(|left, right| (&right.trade_date, &left.dataset).cmp(&(&left.trade_date, &right.dataset)));
    files.truncate(limit as usize);
    if csv {
        print_csv(&FILE_COLUMNS, plain(files.iter().map(file_row)))?;
    } else if place.json {
        say_json(json!({ "files": files.iter().map(as_json).collect::<Vec<_>>() }));
    } else if files.is_empty() {
        say("nothing is set aside");
    } else {
        let rows = shown(files.iter().map(|file| {
            let mut row = file_row(file);
            row[3] = short(&file.source_sha256).into();
            row[7] = harmless(&file.reason).chars().take(RAW_WIDTH).collect::<String>().into();
            row
        }));
        say(table(&FILE_COLUMNS, &["rows"], rows));
        say("look closer: champion quarantine show FILE");
    }
    Ok(exit)
}

impl From<QuarantinedFile> for RefusedFile {
    fn from(file: QuarantinedFile) -> Self {
        let published = if file.published == 1 { "the rest" } else { "nothing" };
        let QuarantinedFile { dataset, exchange, trade_date, source_sha256, rows, codes, reason, lake_key, .. } = file;
        let (published, set_aside) = (published.to_owned(), None);
        Self { dataset, exchange, trade_date, source_sha256, rows, published, codes, reason, lake_key, set_aside }
    }
}

fn short(sha256: &str) -> &str {
    sha256.get(..SHORT_HASH).unwrap_or(sha256)
}

fn as_json(file: &RefusedFile) -> Value {
    json!({
        "dataset": file.dataset, "exchange": file.exchange, "trade_date": file.trade_date,
        "source_sha256": file.source_sha256, "rows": file.rows, "published": u8::from(file.published == "the rest"),
        "codes": file.codes, "reason": file.reason, "lake_key": file.lake_key,
        "set_aside": file.set_aside.as_ref().map(set_aside::as_json),
    })
}

fn file_row(file: &RefusedFile) -> Vec<Cell> {
    vec![
        file.dataset.as_str().into(),
        file.exchange.as_str().into(),
        file.trade_date.as_str().into(),
        file.source_sha256.as_str().into(),
        file.rows.into(),
        file.published.as_str().into(),
        file.codes.join(", ").into(),
        file.reason.as_str().into(),
    ]
}

/// Shows the rows of one file, or why it was refused whole.
///
/// # Errors
/// Fails when the warehouse or the scraper cannot be reached or the hash names no file, or several.
pub(crate) async fn show(place: &Place, file: &str, csv: bool) -> anyhow::Result<Exit> {
    let found = find(place, file).await?;
    if let Some(aside) = &found.set_aside {
        if csv {
            print_csv(&FILE_COLUMNS, plain([file_row(&found)]))?;
        } else if place.json {
            say_json(json!({ "file": as_json(&found), "lines": [] }));
        } else {
            head(&found);
            set_aside::lines(aside).iter().for_each(|line| say(harmless(line)));
        }
        return Ok(Exit::Done);
    }
    let sql = "SELECT line_no, toString(code) AS code, reason, raw FROM quarantine_current \
               WHERE source_sha256 = ? ORDER BY line_no";
    let lines = place.warehouse()?.query(sql).bind(&found.source_sha256).fetch_all::<RefusedLine>().await?;
    if csv {
        print_csv(&LINE_COLUMNS, plain(lines.iter().map(line_row)))?;
        return Ok(Exit::Done);
    }
    if place.json {
        say_json(json!({ "file": as_json(&found), "lines": lines }));
        return Ok(Exit::Done);
    }
    head(&found);
    if let Some(whole) = lines.iter().find(|line| line.line_no == 0) {
        say(format!("the whole file is refused ({}): {}", whole.code, harmless(&whole.reason)));
    }
    let rows = shown(lines.iter().filter(|line| line.line_no > 0).take(MOST_LINES).map(|line| {
        let mut row = line_row(line);
        row[3] = harmless(&line.raw).chars().take(RAW_WIDTH).collect::<String>().into();
        row
    }));
    if !rows.is_empty() {
        say(table(&LINE_COLUMNS, &["line"], rows));
    }
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 0 {
        say(format!("{} more not shown; --json has them", count(more as u64)));
    }
    say(format!("try again: champion quarantine replay {}", short(&found.source_sha256)));
    Ok(Exit::Done)
}

fn head(file: &RefusedFile) {
    say(format!("{} of {}, file {}", file.dataset, file.trade_date, file.source_sha256));
    say(format!("in the lake: {}", file.lake_key));
}

fn line_row(line: &RefusedLine) -> Vec<Cell> {
    vec![line.line_no.into(), line.code.as_str().into(), line.reason.as_str().into(), line.raw.as_str().into()]
}

/// Decodes the session of a file anew and publishes what is good now. A file that was set aside before it was raw has
/// nothing to decode: the exchange is asked again for its session.
///
/// # Errors
/// Fails when warehouse, scraper or orchestrator cannot be reached or the hash names no file, or several.
pub(crate) async fn replay(place: &Place, file: &str) -> anyhow::Result<Exit> {
    let found = find(place, file).await?;
    let dataset: Dataset = found.dataset.parse().context("the quarantine names a dataset of a later version")?;
    let date: TradeDate = found.trade_date.parse().context("the quarantine's date")?;
    let mode = if found.set_aside.is_some() { Mode::Recheck } else { How { recheck: false, replay: true }.into() };
    let ran = run::day(place, dataset, date, mode).await?;
    replayed::look(place, &found.source_sha256, (dataset, date), ran).await
}

/// Finds the file that a hash or the beginning of one names.
async fn find(place: &Place, file: &str) -> anyhow::Result<RefusedFile> {
    let prefix = file.to_ascii_lowercase();
    if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("{file:?} is no SHA-256: `champion quarantine list` shows the files");
    }
    let sql = format!("{FILES} WHERE startsWith(source_sha256, ?) {BY_FILE} LIMIT 2");
    let quarantined = place.warehouse()?.query(&sql).bind(&prefix).fetch_all::<QuarantinedFile>().await?;
    let aside = set_aside::ask(place, None, &prefix, 2).await;
    // A file of the warehouse is found without the scraper; that there is none is known from both only.
    let aside = if quarantined.is_empty() { aside? } else { aside.unwrap_or_default() };
    let mut found: Vec<RefusedFile> = quarantined.into_iter().map(RefusedFile::from).collect();
    found.extend(aside.into_iter().map(set_aside::listed));
    match (found.pop(), found.is_empty()) {
        (None, _) => bail!("no file {prefix}… was set aside: see `champion quarantine list`"),
        (Some(file), true) => Ok(file),
        (Some(_), false) => bail!("{prefix} names several files; give more of it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_file_says_that_nothing_of_it_is_published_and_why() {
        let mut file = QuarantinedFile {
            dataset: "bhavcopy".to_owned(),
            exchange: "nse".to_owned(),
            trade_date: "2025-02-24".to_owned(),
            source_sha256: "ab".repeat(32),
            rows: 1_234,
            published: 0,
            codes: vec!["bad_number".to_owned(), "missing_value".to_owned()],
            reason: "6 of 40 rows are refused".to_owned(),
            lake_key: "k".to_owned(),
        };
        let row = shown([file_row(&file.clone().into())]).remove(0);
        assert_eq!(row[4..], ["1,234", "nothing", "bad_number, missing_value", "6 of 40 rows are refused"]);
        file.published = 1;
        assert_eq!(plain([file_row(&file.into())])[0][4..6], ["1234", "the rest"]);
    }

    #[test]
    fn a_file_that_was_set_aside_is_listed_with_its_class_and_reason() {
        let file = SetAsideFile {
            dataset: "full_bhavcopy".to_owned(),
            trade_date: "2025-02-24".to_owned(),
            sha256: "cd".repeat(32),
            class: "copied_session".to_owned(),
            reason: "91 % of the rows are those of 2025-02-21\u{1b}[2J".to_owned(),
            ..SetAsideFile::default()
        };
        let row = shown([file_row(&set_aside::listed(file.clone()))]).remove(0);
        assert_eq!(row[5..7], ["nothing", "copied_session"]);
        assert!(table(&FILE_COLUMNS, &[], vec![row]).to_string().contains(r"2025-02-21\u{1b}[2J"));
        let damaged = SetAsideFile { problem: "the record is damaged".to_owned(), superseded: true, ..file };
        let row = shown([file_row(&set_aside::listed(damaged))]).remove(0);
        assert_eq!(row[5], "another file");
        assert!(row[7].starts_with("the record is damaged; 91 %"), "{}", row[7]);
    }
}
