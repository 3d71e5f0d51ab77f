//! The operator's view of the hosts, and the operator's hand.

use champion_proto::scraper::v1::{ListSourcesRequest, ResetSourceRequest, SourceState};
use tonic::{Code, Status};

use crate::exchange::{file, status};
use crate::harness::{DATE, Hands, NOON, Scraper, full_bhavcopy, start_at, start_with};

const RESTRICTED: &str = "<html>your access is restricted. Please try after 10 minutes</html>";

async fn archive(scraper: &Scraper) -> SourceState {
    let sources = scraper.operator.clone().list_sources(ListSourcesRequest {}).await.expect("an answer");
    let mut sources = sources.into_inner().sources;
    assert_eq!(sources.len(), 2);
    sources.swap_remove(0)
}

async fn reset(scraper: &Scraper, source: &str) -> Result<SourceState, Status> {
    let request = ResetSourceRequest { source: source.to_owned(), operator: "meera\n@desk7".to_owned() };
    let answer = scraper.operator.clone().reset_source(request).await?.into_inner();
    Ok(answer.source.expect("a state"))
}

#[tokio::test]
async fn a_source_that_works_is_closed_and_shared() {
    let scraper = start_with(NOON, |config| config.pace.requests_per_second = 50.0).await;
    scraper.exchange.replies([file(full_bhavcopy("24-Feb-2025"))]);
    scraper.available("full_bhavcopy", DATE).await;
    let state = archive(&scraper).await;
    assert_eq!((state.source.as_str(), state.host.as_str()), ("nse_archive", "nsearchives.nseindia.com"));
    assert_eq!((state.breaker.as_str(), state.shared, state.requests_per_second), ("closed", true, 50.0));
    assert_eq!((state.window_calls, state.window_failures), (1, 0));
    assert!(state.last_success_at.starts_with("2025-03-20T12:00:0"), "{}", state.last_success_at);
    let silent = [state.opened_at, state.retry_at, state.blocked_until, state.not_before, state.last_failure_at];
    assert!(silent.iter().all(String::is_empty), "{silent:?}");
}

#[tokio::test]
async fn a_breaker_that_failures_opened_says_so_and_when_it_asks_again() {
    let scraper = start_with(NOON, |config| config.retry.max_attempts = 1).await;
    scraper.exchange.replies([status(503, "")]);
    for _ in 0..5 {
        scraper.fetch("bhavcopy", DATE).await.expect_err("no answer");
    }
    let state = archive(&scraper).await;
    assert_eq!((state.breaker.as_str(), state.window_calls, state.window_failures), ("open", 5, 5));
    assert!(state.opened_at.starts_with("2025-03-20T12:00:0"), "{}", state.opened_at);
    assert!(state.retry_at.starts_with("2025-03-20T12:01:0"), "{}", state.retry_at);
    assert!(!state.last_failure_at.is_empty() && state.blocked_until.is_empty());
}

#[tokio::test]
async fn promise_14_every_process_shows_the_block_and_one_reset_ends_it_for_all() {
    let hands = Hands::default();
    let first = start_at(hands.clock(), |_| {}).await;
    let second = first.beside(hands.clock(), |_| {}).await;
    first.exchange.replies([status(403, RESTRICTED), file(full_bhavcopy("24-Feb-2025"))]);
    first.refused("full_bhavcopy", DATE).await;
    for scraper in [&first, &second] {
        let state = archive(scraper).await;
        assert_eq!((state.breaker.as_str(), state.blocked_until.as_str()), ("open", "2025-03-20T12:10:00.000Z"));
        assert!(state.blocked_reason.contains("access is restricted"), "{}", state.blocked_reason);
    }
    hands.advance(5);
    let state = reset(&second, "nse_archive").await.expect("reset");
    assert_eq!((state.breaker.as_str(), state.blocked_until.as_str()), ("closed", ""));
    assert_eq!(
        (state.last_reset_at.as_str(), state.last_reset_by.as_str()),
        ("2025-03-20T12:00:05.000Z", "meera@desk7")
    );
    assert!(first.available("full_bhavcopy", DATE).await.downloaded, "the other process follows at its next look");
    first.assert_metric("circuit_breaker_state{source=\"nse_archive\"} 0");
    let closed =
        "circuit_breaker_state_transitions_total{from_state=\"open\",source=\"nse_archive\",to_state=\"closed\"} 1";
    first.assert_metric(closed);
}

#[tokio::test]
async fn a_source_that_is_none_is_named() {
    let scraper = start_with(NOON, |_| {}).await;
    let error = reset(&scraper, "nse_archives").await.expect_err("no such source");
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("nse_archives"), "{error}");
}
