//! The previous session under today's date.

use std::fmt::Write as _;

use crate::exchange::file;
use crate::harness::{Scraper, full_bhavcopy, start};

const FRIDAY: &str = "2025-02-21";
const MONDAY: &str = "2025-02-24";
const DATASET: &str = "full_bhavcopy";

/// A session of 100 lines under a date (`24-Feb-2025`); the first `new` lines have a volume of their own.
fn session(date: &str, new: usize) -> String {
    let header = full_bhavcopy(date).lines().next().expect("a header").to_owned();
    let mut text = format!("{header}\n");
    for line in 0..100 {
        let volume = if line < new { 5_000 + line } else { 1_000 + line };
        writeln!(
            text,
            "SYM{line}, EQ, {date}, 100.00, 101.00, 103.00, 99.00, 102.00, 102.50, 101.50, {volume}, 1.02, 50, 400, 40.00"
        )
        .expect("a string takes every text");
    }
    text
}

async fn with_friday() -> Scraper {
    let scraper = start().await;
    scraper.exchange.replies([file(session("21-Feb-2025", 0))]);
    scraper.available(DATASET, FRIDAY).await;
    scraper
}

#[tokio::test]
async fn promise_11_the_previous_session_under_the_right_date_is_set_aside_and_never_raw() {
    let scraper = with_friday().await;
    let copy = session("24-Feb-2025", 9);
    scraper.exchange.replies([file(copy.clone())]);
    let refused = scraper.refused(DATASET, MONDAY).await;
    assert_eq!((refused.class.as_str(), refused.retryable), ("copied_session", false), "{}", refused.reason);
    assert!(refused.reason.contains("91 % of the rows are those of 2025-02-21"), "{}", refused.reason);
    assert!(scraper.raw_keys().await.iter().all(|key| key.contains(FRIDAY)), "{:?}", scraper.raw_keys().await);
    scraper.assert_metric("nse_scraper_files_downloaded_total{scraper=\"full_bhavcopy\"} 1");

    let keys = scraper.lake.list("quarantine/raw/full_bhavcopy/nse/2025-02-24").await.expect("a readable lake");
    let [bytes, reason] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!(std::fs::read(scraper.path(bytes)).expect("kept"), copy.as_bytes());
    assert!(refused.reason.contains(bytes.as_str()), "{}", refused.reason);
    let reason = std::fs::read(scraper.path(reason)).expect("kept");
    let reason: serde_json::Value = serde_json::from_slice(&reason).expect("JSON");
    assert_eq!((&reason["class"], &reason["facts"]["rows"]), (&"copied_session".into(), &100.into()));

    // Once the exchange publishes the session itself, it is taken.
    scraper.exchange.replies([file(session("24-Feb-2025", 10))]);
    assert!(scraper.available(DATASET, MONDAY).await.downloaded);
}

#[tokio::test]
async fn promise_11_without_the_previous_session_in_the_lake_nothing_is_refused() {
    let scraper = start().await;
    scraper.exchange.replies([file(session("24-Feb-2025", 0))]);
    assert!(scraper.available(DATASET, MONDAY).await.downloaded);
}

#[tokio::test]
async fn promise_11_a_recheck_that_brings_a_copied_session_leaves_what_is_there() {
    let scraper = with_friday().await;
    scraper.exchange.replies([file(session("24-Feb-2025", 100))]);
    let first = scraper.available(DATASET, MONDAY).await;
    scraper.exchange.replies([file(session("24-Feb-2025", 0))]);
    let answer = scraper.recheck(DATASET, MONDAY).await.expect("an answer");
    assert!(answer.warning.starts_with("copied_session"), "{}", answer.warning);
    assert_eq!((answer.downloaded, answer.raw), (false, first.raw));
}
