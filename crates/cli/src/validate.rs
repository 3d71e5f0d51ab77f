//! `champion validate`: decodes and checks a file as the parser would, without any service.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use champion_decode::{RefusedRow, Request, decode};
use champion_market_data::{Dataset, Exchange, RowCounts, Sha256, TradeDate};
use champion_service::{read_at_most, read_named_file};
use serde::Serialize;

use crate::exit::Exit;
use crate::render::{count, harmless, say, table};

/// More than any report of an exchange; a larger file is somebody's mistake.
const MOST_BYTES: u64 = 64 << 20;
/// The path that means standard input.
const STANDARD_INPUT: &str = "-";

/// What `--json` prints, one object.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The dataset asked for.
    pub dataset: Dataset,
    /// The format, as recognised from the content; null where it was not.
    pub era: Option<&'static str>,
    /// The business date of the rows; null where they are of several dates or it was not recognised.
    pub trade_date: Option<TradeDate>,
    /// Hash of the file.
    pub sha256: Sha256,
    /// The books.
    #[serde(flatten)]
    pub counts: RowCounts,
    /// Null, or why the whole file was refused.
    pub refused: Option<String>,
    /// The kind of that reason, from a closed set; null where the file was not refused.
    pub refused_code: Option<&'static str>,
    /// The refused lines.
    pub rows: Vec<RefusedRow>,
    /// Published rows that bend a rule, by the rule's code.
    pub warnings: std::collections::BTreeMap<&'static str, u64>,
    /// Legs of corporate actions by type.
    pub actions: std::collections::BTreeMap<&'static str, u64>,
    /// Columns no table has.
    pub unknown_columns: Vec<String>,
}

/// Reads, decodes and checks a file; `-` is standard input.
///
/// # Errors
/// Fails when the path names no regular file or the file cannot be read; whatever is inside is a verdict.
pub fn examine(path: &Path, dataset: Dataset, date: Option<TradeDate>) -> anyhow::Result<Verdict> {
    let bytes = read(path)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let date = date.or_else(|| date_in_name(&name, dataset));
    Ok(match decode(&bytes, &Request::new(dataset, Exchange::Nse, date)) {
        Ok(decoded) => Verdict {
            dataset,
            era: Some(decoded.era.as_str()),
            trade_date: decoded.trade_date,
            sha256: decoded.sha256,
            counts: decoded.counts,
            refused: None,
            refused_code: None,
            rows: decoded.quarantined,
            warnings: decoded.warnings,
            actions: decoded.actions,
            unknown_columns: decoded.unknown_columns,
        },
        Err(refusal) => Verdict {
            dataset,
            era: refusal.era.map(champion_market_data::Era::as_str),
            trade_date: refusal.trade_date,
            sha256: Sha256::of(&bytes),
            counts: refusal.counts,
            refused: Some(refusal.reason),
            refused_code: Some(refusal.code.as_str()),
            rows: refusal.rows,
            warnings: std::collections::BTreeMap::new(),
            actions: std::collections::BTreeMap::new(),
            unknown_columns: Vec::new(),
        },
    })
}

/// Reads a regular file, or standard input for `-`; no report of an exchange is larger than the cap.
fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new(STANDARD_INPUT) {
        return read_at_most(std::io::stdin().lock(), MOST_BYTES).context("cannot read standard input");
    }
    read_named_file(path, MOST_BYTES).map_err(|error| {
        let pipe = if error.kind() == ErrorKind::InvalidInput { "; give - to read standard input" } else { "" };
        anyhow::anyhow!("cannot read {}: {error}{pipe}", path.display())
    })
}

/// Reads the date out of a file name that follows the exchange's pattern, so that another day's content is seen.
fn date_in_name(name: &str, dataset: Dataset) -> Option<TradeDate> {
    let bare = name.to_ascii_lowercase();
    let read = |text: Option<&str>, pattern: &str| -> Option<TradeDate> {
        let date = chrono::NaiveDate::parse_from_str(text?, pattern).ok()?;
        TradeDate::try_from(date).ok()
    };
    match dataset {
        Dataset::Bhavcopy => {
            let udiff = bare.strip_prefix("bhavcopy_nse_cm_0_0_0_").and_then(|rest| rest.get(..8));
            let legacy = bare.strip_prefix("cm").and_then(|rest| rest.get(..9));
            read(udiff, "%Y%m%d").or_else(|| read(legacy, "%d%b%Y"))
        }
        Dataset::FullBhavcopy => read(bare.strip_prefix("sec_bhavdata_full_").and_then(|rest| rest.get(..8)), "%d%m%Y"),
        Dataset::CorporateActions => None,
    }
}

/// Prints a verdict for a person.
pub fn print(path: &Path, verdict: &Verdict) {
    let date = verdict.trade_date.map_or_else(|| "–".to_owned(), |date| date.to_string());
    say(format!(
        "{}: {}, format {}, trade date {date}",
        path.display(),
        verdict.dataset,
        verdict.era.unwrap_or("unknown")
    ));
    say(format!("sha256 {}", verdict.sha256));
    let RowCounts { rows_in, published, quarantined, filtered } = verdict.counts;
    let row = [rows_in, published, quarantined, filtered].map(count).to_vec();
    let headers = ["rows in", "published", "quarantined", "filtered"];
    say(table(&headers, &headers, vec![row]));
    for (title, counts) in [("warnings", &verdict.warnings), ("legs", &verdict.actions)] {
        if !counts.is_empty() {
            let list: Vec<String> = counts.iter().map(|(code, number)| format!("{code} {}", count(*number))).collect();
            say(format!("{title}: {}", list.join(", ")));
        }
    }
    if !verdict.unknown_columns.is_empty() {
        say(format!("columns no table has: {}", harmless(&verdict.unknown_columns.join(", "))));
    }
    for row in &verdict.rows {
        say(format!("line {}: {} [{}]\n    {}", row.line, harmless(&row.reason), row.code, harmless(&row.raw)));
    }
    match &verdict.refused {
        Some(reason) => say(format!("REFUSED, nothing would be published: {}", harmless(reason))),
        None if verdict.rows.is_empty() => say("good: every row would be published"),
        None => say(format!("usable: {} refused rows would be quarantined", count(verdict.rows.len() as u64))),
    }
}

impl Verdict {
    /// Returns how the command ends: a refused file is a failure, single refused rows are not.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        if self.refused.is_some() { Exit::Failed } else { Exit::Done }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str =
        "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, CLOSE_PRICE, \
AVG_PRICE, TTL_TRD_QNTY, TURNOVER_LACS, NO_OF_TRADES, DELIV_QTY, DELIV_PER
AAA, EQ, 25-Jan-2024, 10.00, 10.00, 11.00, 9.00, 10.50, 10.50, 10.00, 100000, 10.00, 100, 50000, 50.00
BBB, BE, 25-Jan-2024, 10.00, 10.00, 9.00, 11.00, 10.50, 10.50, 10.00, 100000, 10.00, 100, -, -
";

    fn verdict(name: &str, text: &str) -> (Verdict, serde_json::Value) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        let verdict = examine(&path, Dataset::FullBhavcopy, None).expect("readable");
        let json = serde_json::to_value(&verdict).expect("serialisable");
        (verdict, json)
    }

    #[test]
    fn the_json_has_the_documented_keys_and_the_books_balance() {
        let (verdict, json) = verdict("any.csv", FULL);
        for key in [
            "dataset",
            "era",
            "trade_date",
            "sha256",
            "rows_in",
            "published",
            "quarantined",
            "filtered",
            "refused",
            "rows",
        ] {
            assert!(json.get(key).is_some(), "{key} is missing in {json}");
        }
        assert_eq!(
            (json["rows_in"].as_u64(), json["published"].as_u64(), json["quarantined"].as_u64()),
            (Some(2), Some(1), Some(1))
        );
        assert_eq!(json["trade_date"], "2024-01-25");
        assert_eq!(json["rows"][0]["line"], 3);
        assert!(json["rows"][0]["raw"].as_str().is_some_and(|raw| raw.starts_with("BBB")));
        assert!(json["refused"].is_null());
        assert_eq!(verdict.exit(), Exit::Done);
    }

    #[test]
    fn a_file_named_after_a_holiday_that_holds_the_day_before_is_refused_as_stale() {
        let (verdict, json) = verdict("sec_bhavdata_full_26012024.csv", FULL);
        assert_eq!(json["refused_code"], "stale_content");
        assert_eq!(json["published"], 0);
        assert_eq!(verdict.exit(), Exit::Failed);
    }

    #[test]
    fn dates_are_read_from_the_names_the_exchange_gives() {
        let date = |name, dataset| date_in_name(name, dataset).map(|date| date.to_string());
        assert_eq!(date("cm05JUL2024bhav.csv.zip", Dataset::Bhavcopy).as_deref(), Some("2024-07-05"));
        let udiff = "BhavCopy_NSE_CM_0_0_0_20250224_F_0000.csv.zip";
        assert_eq!(date(udiff, Dataset::Bhavcopy).as_deref(), Some("2025-02-24"));
        assert_eq!(date("sec_bhavdata_full_24022025.csv", Dataset::FullBhavcopy).as_deref(), Some("2025-02-24"));
        assert_eq!(date("download.csv", Dataset::Bhavcopy), None);
        assert_eq!(date("cmé5JUL2024", Dataset::Bhavcopy), None);
    }
}
