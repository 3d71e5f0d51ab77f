//! The parser as its callers see it: real gRPC over a real lake in a temporary folder.

mod believed;
mod disk_faults;
mod fencing;
mod files;
mod harness;

use champion_market_data::{ArtifactRef, Sha256};
use champion_proto::parser::v1::Parsed;
use tonic::Code;

use crate::files::{bhavcopy_with, full_bhavcopy, udiff_bhavcopy};
use crate::harness::{DATE, OBSERVED, read_table, start};

#[tokio::test]
async fn a_file_becomes_one_staged_table_each_and_its_books_balance() {
    let parser = start().await;
    let raw = parser.raw("bhavcopy", DATE, "csv", &udiff_bhavcopy(DATE)).await;
    let parsed = parser.parsed(&raw).await;
    assert!(!parsed.reused);
    let tables: Vec<&str> = parsed.staged.iter().map(|staged| staged.table.as_str()).collect();
    assert_eq!(tables, ["raw_equity_ohlc", "normalized_equity_ohlc"]);
    for staged in &parsed.staged {
        let artifact = staged.artifact.as_ref().expect("a reference");
        let bytes = parser.read(&artifact.key);
        assert_eq!((Sha256::of(&bytes).to_string(), bytes.len() as u64), (artifact.sha256.clone(), artifact.bytes));
        assert_eq!(read_table(&bytes).num_rows() as u64, artifact.rows);
        assert!(raw.contains(&staged.source_sha256), "{raw}");
        assert_eq!(staged.observed_at, OBSERVED, "as the facts say");
        let counts = staged.counts.expect("the books");
        assert_eq!((counts.rows_in, counts.published, counts.quarantined, counts.filtered), (3, 3, 0, 0));
    }
    let report = parsed.report.expect("a report");
    assert_eq!(report.era, "udiff");
    assert!(report.quarantine.is_none());
    parser.assert_metric("nse_scraper_rows_parsed_total{scraper=\"bhavcopy\",status=\"success\"} 3");
    parser.assert_metric("champion_validation_total{table=\"normalized_equity_ohlc\"} 3");
    parser.assert_metric("champion_validation_failure_rate{table=\"raw_equity_ohlc\"} 0");
    parser.stop().await;
}

#[tokio::test]
async fn parsing_the_same_file_twice_works_once_and_counts_once() {
    let parser = start().await;
    let raw = parser.raw("full_bhavcopy", DATE, "csv", &full_bhavcopy("24-Feb-2025")).await;
    let first = parser.parsed(&raw).await;
    let second = parser.parsed(&raw).await;
    assert!(!first.reused && second.reused);
    assert_eq!((first.staged, first.report), (second.staged, second.report));
    parser.assert_metric("nse_scraper_rows_parsed_total{scraper=\"full_bhavcopy\",status=\"success\"} 2");
}

#[tokio::test]
async fn the_same_bytes_give_byte_identical_artifacts_in_every_lake() {
    let mut lakes = Vec::new();
    for _ in 0..2 {
        let parser = start().await;
        let raw = parser.raw("bhavcopy", DATE, "csv", &bhavcopy_with_one_bad_row()).await;
        parser.parsed(&raw).await;
        lakes.push(parser.everything_staged().await);
    }
    assert_eq!(lakes[0], lakes[1]);
    assert_eq!(lakes[0].len(), 4, "two tables, the quarantine and the report: {:?}", lakes[0].keys());
}

#[tokio::test]
async fn a_staged_file_that_was_collected_or_cut_off_is_made_again() {
    let parser = start().await;
    let raw = parser.raw("full_bhavcopy", DATE, "csv", &full_bhavcopy("24-Feb-2025")).await;
    let key = staged_key(&parser.parsed(&raw).await);
    let bytes = parser.read(&key);
    for damage in [None, Some(&bytes[..100])] {
        match damage {
            None => std::fs::remove_file(parser.path(&key)).expect("the file is ours"),
            Some(half) => std::fs::write(parser.path(&key), half).expect("the file is ours"),
        }
        assert!(!parser.parsed(&raw).await.reused);
        assert_eq!(parser.read(&key), bytes);
    }
}

#[tokio::test]
async fn a_bad_row_is_set_aside_with_its_line_and_the_others_are_published() {
    let parser = start().await;
    let raw = parser.raw("bhavcopy", DATE, "csv", &bhavcopy_with_one_bad_row()).await;
    let report = parser.parsed(&raw).await.report.expect("a report");
    let counts = report.counts.expect("the books");
    assert_eq!((counts.rows_in, counts.published, counts.quarantined), (4, 3, 1));
    assert_eq!(report.failures.get("high_below_low"), Some(&1));
    let quarantine = report.quarantine.expect("a reference");
    assert!(quarantine.key.starts_with("quarantine/bhavcopy/nse/2025-02-24/"), "{}", quarantine.key);
    let lines = String::from_utf8(parser.read(&quarantine.key)).expect("text");
    let row: serde_json::Value = serde_json::from_str(lines.trim_end()).expect("one JSON object");
    assert_eq!((&row["line"], &row["code"]), (&5.into(), &"high_below_low".into()));
    assert!(row["raw"].as_str().is_some_and(|raw| raw.contains("BROKEN")), "{row}");
    let failed = "champion_validation_failures_total{failure_type=\"high_below_low\",table=\"raw_equity_ohlc\"} 1";
    parser.assert_metric(failed);
    parser.assert_metric("champion_validation_failure_rate{table=\"normalized_equity_ohlc\"} 0.25");
    parser.assert_metric("nse_scraper_rows_parsed_total{scraper=\"bhavcopy\",status=\"failed\"} 1");
}

#[tokio::test]
async fn a_refused_file_publishes_nothing_and_says_why() {
    let parser = start().await;
    for (text, code) in [
        ("<!DOCTYPE html><html><body>no file</body></html>".to_owned(), "html"),
        (full_bhavcopy("21-Feb-2025"), "stale_content"),
        (full_bhavcopy("24-Feb-2025").replace("CLOSE_PRICE", "CLOSING"), "missing_column"),
        ("PK\u{3}\u{4} and then nothing".to_owned(), "truncated"),
    ] {
        let raw = parser.raw("full_bhavcopy", DATE, "csv", &text).await;
        let refused = parser.refused(&raw).await;
        assert_eq!(refused.code, code, "{}", refused.reason);
        let counts = refused.counts.expect("the books");
        assert_eq!((counts.published, counts.rows_in), (0, counts.quarantined + counts.filtered));
        let reference = refused.quarantine.expect("what speaks against the file");
        let lines = std::fs::read_to_string(parser.path(&reference.key)).expect("it is in the lake");
        let first: serde_json::Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
        assert_eq!((first["line"].as_u64(), first["code"].as_str()), (Some(0), Some(code)));
        assert_eq!(lines.lines().count() as u64, reference.rows);
    }
    assert!(parser.everything_staged().await.keys().all(|key| key.starts_with("quarantine/")));
    parser.assert_metric("nse_scraper_rows_parsed_total{scraper=\"full_bhavcopy\",status=\"success\"} 0");
    parser.assert_metric("champion_validation_failure_rate{table=\"equity_delivery\"} 1");
}

#[tokio::test]
async fn raw_bytes_that_are_not_there_are_not_found() {
    let parser = start().await;
    let raw = parser.raw("bhavcopy", DATE, "csv", &udiff_bhavcopy(DATE)).await;
    std::fs::remove_file(parser.path(&raw)).expect("the file is ours");
    assert_eq!(parser.failed(&raw).await.code(), Code::NotFound);
}

#[tokio::test]
async fn a_flipped_bit_in_the_raw_bytes_is_data_loss_and_nothing_is_staged() {
    let parser = start().await;
    let raw = parser.raw("bhavcopy", DATE, "csv", &udiff_bhavcopy(DATE)).await;
    let path = parser.path(&raw);
    let mut bytes = std::fs::read(&path).expect("stored");
    bytes[300] ^= 1;
    std::fs::write(&path, bytes).expect("the file is ours");
    assert_eq!(parser.failed(&raw).await.code(), Code::DataLoss);
    assert!(parser.everything_staged().await.is_empty());
}

#[tokio::test]
async fn more_files_than_workers_are_all_parsed() {
    let parser = start().await;
    let mut calls = tokio::task::JoinSet::new();
    for day in [3, 4, 5, 6, 7, 10, 11, 12, 13, 14] {
        let date = format!("2025-02-{day:02}");
        let raw = parser.raw("bhavcopy", &date, "csv", &udiff_bhavcopy(&date)).await;
        let client = parser.client.clone();
        calls.spawn(harness::parse(client, raw));
    }
    while let Some(call) = calls.join_next().await {
        call.expect("no panic").expect("parsed");
    }
    assert_eq!(parser.everything_staged().await.len(), 30, "two tables and a report a day");
    let metrics = parser.metrics();
    let dates = metrics.lines().filter(|line| line.starts_with("champion_stocks_ingested_total"));
    assert_eq!(dates.filter(|line| line.contains("\"bhavcopy\"")).count(), 5, "the date label is bounded");
}

fn bhavcopy_with_one_bad_row() -> String {
    bhavcopy_with(DATE, "BROKEN", "99.00", "105.00")
}

fn staged_key(parsed: &Parsed) -> String {
    let artifact: ArtifactRef = parsed.staged[0].artifact.clone().expect("a reference").try_into().expect("valid");
    artifact.key
}
