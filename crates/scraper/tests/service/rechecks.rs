//! Corrections: what is there is asked for again, and nothing that is there is ever lost by it.

use std::collections::BTreeSet;

use champion_market_data::Sha256;
use champion_proto::artifact::v1::RawArtifact;
use tonic::Code;

use crate::exchange::{file, status, tagged};
use crate::harness::{DATE, Scraper, full_bhavcopy, start, start_with};

const DATASET: &str = "full_bhavcopy";

fn first_version() -> String {
    full_bhavcopy("24-Feb-2025")
}

fn correction() -> String {
    first_version().replace("102.50", "102.55")
}

fn sha256(raw: &RawArtifact) -> &str {
    &raw.artifact.as_ref().expect("a reference").sha256
}

/// A scraper that holds the first version of a session.
async fn with_first_version() -> (Scraper, RawArtifact) {
    let scraper = start().await;
    scraper.exchange.replies([tagged("\"v1\"", first_version())]);
    let raw = scraper.available(DATASET, DATE).await.raw.expect("raw");
    (scraper, raw)
}

#[tokio::test]
async fn promise_21_an_identical_republication_is_no_new_raw_version() {
    let (scraper, first) = with_first_version().await;
    let before = scraper.raw_keys().await;

    let unchanged = scraper.recheck(DATASET, DATE).await.expect("an answer");
    assert_eq!((unchanged.downloaded, unchanged.rechecked, unchanged.warning.as_str()), (false, true, ""));
    assert_eq!(unchanged.raw.as_ref(), Some(&first));
    let asked = scraper.exchange.seen().remove(1).headers;
    assert_eq!(asked["if-none-match"], "\"v1\"");
    assert_eq!(asked["if-modified-since"], "Mon, 24 Feb 2025 12:05:00 GMT");

    // A server that forgot the tag sends the same bytes again.
    scraper.exchange.replies([tagged("\"other\"", first_version())]);
    let republished = scraper.recheck(DATASET, DATE).await.expect("an answer");
    assert_eq!((republished.downloaded, republished.rechecked), (false, true));
    assert_eq!(republished.raw.as_ref(), Some(&first));
    assert_eq!(scraper.raw_keys().await, before, "nothing was written");
    scraper.assert_metric("nse_scraper_files_downloaded_total{scraper=\"full_bhavcopy\"} 1");
}

#[tokio::test]
async fn promise_21_a_correction_is_kept_beside_the_first_version() {
    let (scraper, first) = with_first_version().await;
    scraper.exchange.replies([tagged("\"v2\"", correction())]);
    let corrected = scraper.recheck(DATASET, DATE).await.expect("an answer");
    assert_eq!((corrected.downloaded, corrected.rechecked), (true, true));
    let raw = corrected.raw.expect("raw");
    assert_eq!(sha256(&raw), Sha256::of(correction().as_bytes()).to_string());
    assert_ne!(raw.observed_at, first.observed_at);
    assert_eq!(scraper.available(DATASET, DATE).await.raw, Some(raw), "it is what is there from now on");
    let key = &first.artifact.expect("a reference").key;
    assert_eq!(std::fs::read(scraper.path(key)).expect("still there"), first_version().as_bytes());
}

#[tokio::test]
async fn promise_21_a_correction_that_is_taken_back_is_the_latest_again_without_rewriting_bytes() {
    let (scraper, first) = with_first_version().await;
    let mut observed = BTreeSet::from([first.observed_at.clone()]);
    for (etag, body) in [("\"v2\"", correction()), ("\"v3\"", first_version()), ("\"v4\"", correction())] {
        scraper.exchange.replies([tagged(etag, body.clone())]);
        let raw = scraper.recheck(DATASET, DATE).await.expect("an answer").raw.expect("raw");
        assert_eq!(sha256(&raw), Sha256::of(body.as_bytes()).to_string());
        assert_eq!(scraper.available(DATASET, DATE).await.raw.as_ref(), Some(&raw));
        observed.insert(raw.observed_at);
    }
    assert_eq!(observed.len(), 4, "each observation has its own time");
    let keys = scraper.raw_keys().await;
    let facts = keys.iter().filter(|key| key.ends_with(".facts.json")).count();
    assert_eq!((facts, keys.len() - facts), (4, 2), "four observations of two files: {keys:?}");
}

#[tokio::test]
async fn a_recheck_that_meets_trouble_answers_with_what_is_there_and_a_warning() {
    for (trouble, class) in [
        (status(404, "<html>gone</html>"), "not_found"),
        (status(200, "<!DOCTYPE html><title>NSE</title>"), "soft_block"),
        (file(full_bhavcopy("21-Feb-2025")), "stale_content"),
        (file("SYMBOL, SERIES, DATE1\nALPHA, EQ, 24-Feb-2025\n"), "malformed"),
        (status(403, "<html>your access is restricted</html>"), "blocked"),
    ] {
        let (scraper, first) = with_first_version().await;
        let before = scraper.raw_keys().await;
        scraper.exchange.replies([trouble]);
        let answer = scraper.recheck(DATASET, DATE).await.expect("an answer");
        assert!(answer.warning.starts_with(class), "{class}: {}", answer.warning);
        assert_eq!((answer.downloaded, answer.rechecked), (false, false), "{class}");
        assert_eq!(answer.raw, Some(first), "{class}");
        assert_eq!(scraper.raw_keys().await, before, "{class}");
    }
}

#[tokio::test]
async fn a_republication_that_lost_a_tenth_of_its_rows_does_not_replace_what_is_there() {
    let scraper = start_with("2025-03-20T12:00:00Z", |config| config.min_rows.full = 1).await;
    scraper.exchange.replies([tagged("\"v1\"", first_version())]);
    let first = scraper.available(DATASET, DATE).await.raw;
    let shorter: String = first_version().lines().take(2).map(|line| format!("{line}\n")).collect();
    scraper.exchange.replies([tagged("\"v2\"", shorter)]);
    let answer = scraper.recheck(DATASET, DATE).await.expect("an answer");
    assert!(answer.warning.starts_with("too_few_rows") && answer.warning.contains("2 rows"), "{}", answer.warning);
    assert_eq!((answer.downloaded, answer.raw), (false, first));
}

#[tokio::test]
async fn a_recheck_without_any_answer_is_an_error_and_loses_nothing() {
    let (scraper, first) = with_first_version().await;
    scraper.exchange.replies([status(503, "")]);
    let error = scraper.recheck(DATASET, DATE).await.expect_err("no answer");
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(scraper.available(DATASET, DATE).await.raw, Some(first));
}

#[tokio::test]
async fn a_recheck_of_nothing_is_a_fetch() {
    let scraper = start_with("2025-03-20T12:00:00Z", |_| {}).await;
    scraper.exchange.replies([tagged("\"v1\"", first_version())]);
    let answer = scraper.recheck(DATASET, DATE).await.expect("an answer");
    assert_eq!((answer.downloaded, answer.rechecked), (true, false));
    assert!(!scraper.exchange.seen().remove(0).headers.contains_key("if-none-match"));
}
