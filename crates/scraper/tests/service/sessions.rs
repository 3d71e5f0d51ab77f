//! The API behind cookies.

use crate::exchange::{Reply, file, status, with_header};
use crate::harness::{DATE, filings, start};

const CANARY: &str = "nsit=canary-4711; Path=/";

fn page() -> Reply {
    with_header(200, "set-cookie", CANARY)
}

#[tokio::test]
async fn the_page_is_visited_once_and_its_cookies_go_with_every_request() {
    let scraper = start().await;
    scraper.exchange.replies([page(), file(filings("24-Feb-2025")), file(filings("25-Feb-2025"))]);
    scraper.available("corporate_actions", DATE).await;
    scraper.available("corporate_actions", "2025-02-25").await;
    let seen = scraper.exchange.seen();
    let paths = scraper.exchange.paths();
    assert_eq!(paths[0], "/www.nseindia.com/companies-listing/corporate-filings-actions");
    assert!(paths[1].starts_with("/www.nseindia.com/api/corporates-corporateActions?index=equities"), "{paths:?}");
    assert_eq!(seen.len(), 3);
    assert!(seen[1..].iter().all(|seen| seen.headers["cookie"] == "nsit=canary-4711"));
    let facts = serde_json::to_string(&scraper.facts().await).expect("facts");
    assert!(!facts.contains("canary"), "no cookie is written down");
}

#[tokio::test]
async fn refused_cookies_are_renewed_once() {
    let scraper = start().await;
    scraper.exchange.replies([page(), status(401, ""), page(), file(filings("24-Feb-2025"))]);
    assert!(scraper.available("corporate_actions", DATE).await.downloaded);
    assert_eq!(scraper.exchange.seen().len(), 4);
}

#[tokio::test]
async fn cookies_refused_twice_are_a_block_and_the_source_is_left_alone() {
    let scraper = start().await;
    scraper.exchange.replies([page(), status(500, "Error"), page(), status(403, "<html>")]);
    let refused = scraper.refused("corporate_actions", DATE).await;
    assert_eq!((refused.class.as_str(), refused.retryable), ("blocked", true));
    let again = scraper.refused("corporate_actions", "2025-02-25").await;
    assert_eq!(again.class, "blocked");
    assert_eq!(scraper.exchange.seen().len(), 4, "the second call asked nobody");
    scraper.assert_metric("circuit_breaker_state{source=\"nse_api\"} 2");
    scraper.assert_metric("circuit_breaker_state{source=\"nse_archive\"} 0");
}

#[tokio::test]
async fn a_day_without_filings_is_a_good_answer() {
    let scraper = start().await;
    scraper.exchange.replies([page(), file("[]")]);
    assert!(scraper.available("corporate_actions", DATE).await.downloaded);
}
