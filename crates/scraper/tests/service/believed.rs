//! What the scraper believes of the facts in the raw store.

use bytes::Bytes;
use tonic::Code;

use crate::exchange::tagged;
use crate::harness::{DATE, Scraper, full_bhavcopy, start};

const DATASET: &str = "full_bhavcopy";

/// A scraper that holds a session, whose facts say another thing.
async fn with_facts_that_say(from: &str, to: &str) -> (Scraper, String) {
    let scraper = start().await;
    scraper.exchange.replies([tagged("\"v1\"", full_bhavcopy("24-Feb-2025"))]);
    let _ = scraper.available(DATASET, DATE).await;
    let key = scraper.raw_keys().await.into_iter().find(|key| key.ends_with(".facts.json")).expect("facts");
    let text = std::fs::read_to_string(scraper.path(&key)).expect("text");
    assert!(text.contains(from), "{from} is not in {text}");
    scraper.lake.publish(&key, Bytes::from(text.replace(from, to))).await.expect("spoilt");
    (scraper, key)
}

#[tokio::test]
async fn promise_41_facts_from_the_future_are_refused_by_name_and_hold_up_no_other_day() {
    let (scraper, key) = with_facts_that_say("\"observed_at\": \"2025-", "\"observed_at\": \"9999-").await;
    for recheck in [false, true] {
        let status = scraper.ask(DATASET, DATE, recheck).await.expect_err("no correction could be newer");
        assert_eq!(status.code(), Code::DataLoss);
        let text = status.message();
        assert!(text.contains(&key) && text.contains("observed at 9999") && text.contains("verify --repair"), "{text}");
    }
    scraper.exchange.replies([tagged("\"v1\"", full_bhavcopy("25-Feb-2025"))]);
    assert!(scraper.available(DATASET, "2025-02-25").await.downloaded, "the session after it is fetched");
    // As `champion verify --repair` and the next run do it.
    scraper.lake.set_aside(&key).await.expect("moved");
    scraper.exchange.replies([tagged("\"v2\"", full_bhavcopy("24-Feb-2025").replace("102.50", "102.55"))]);
    assert!(scraper.available(DATASET, DATE).await.downloaded, "the correction is what is known");
}

#[tokio::test]
async fn promise_41_facts_older_than_their_session_or_of_other_bytes_are_as_good_as_none() {
    for (from, to) in [
        ("\"observed_at\": \"2025-", "\"observed_at\": \"1990-"),
        ("\"exchange\": \"nse\"", "\"exchange\": \"bse\""),
        ("\"trade_date\": \"2025-02-24\"", "\"trade_date\": \"2025-02-21\""),
    ] {
        let (scraper, _) = with_facts_that_say(from, to).await;
        scraper.exchange.replies([tagged("\"v1\"", full_bhavcopy("24-Feb-2025"))]);
        let again = scraper.available(DATASET, DATE).await;
        assert!(again.downloaded, "asked again");
        assert_eq!(scraper.available(DATASET, DATE).await.raw, again.raw, "and known from then on");
    }
}
