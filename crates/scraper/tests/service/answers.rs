//! What comes back for good files, absent files and closed days.

use champion_market_data::Sha256;
use champion_proto::scraper::v1::fetch_response::Outcome;
use tonic::Code;

use crate::exchange::{file, status};
use crate::harness::{DATE, full_bhavcopy, start, start_with, udiff_zip};

#[tokio::test]
async fn a_file_is_stored_with_its_facts_and_the_second_call_asks_nobody() {
    let scraper = start().await;
    let body = full_bhavcopy("24-Feb-2025");
    scraper.exchange.replies([file(body.clone())]);

    let first = scraper.available("full_bhavcopy", DATE).await;
    assert!(first.downloaded);
    let artifact = first.raw.clone().expect("raw").artifact.expect("a reference");
    let sha256 = Sha256::of(body.as_bytes());
    assert_eq!(artifact.key, format!("raw/nse/full_bhavcopy/{DATE}/{sha256}.csv"));
    assert_eq!((artifact.sha256, artifact.bytes), (sha256.to_string(), body.len() as u64));
    assert_eq!(std::fs::read(scraper.path(&artifact.key)).expect("stored"), body.as_bytes());

    let facts = scraper.facts().await;
    assert_eq!((facts.status, facts.rows, facts.attempts, facts.run_id.as_str()), (200, 2, 1, "run-1"));
    assert_eq!(facts.headers.etag.as_deref(), Some("\"v1\""));
    assert!(facts.url.ends_with("/nsearchives.nseindia.com/products/content/sec_bhavdata_full_24022025.csv"));

    let second = scraper.available("full_bhavcopy", DATE).await;
    assert!(!second.downloaded);
    assert_eq!(second.raw, first.raw);
    assert_eq!(scraper.exchange.seen().len(), 1);
    scraper.assert_metric("nse_scraper_files_downloaded_total{scraper=\"full_bhavcopy\"} 1");
    scraper.assert_metric("nse_scraper_scrape_duration_seconds_count{scraper=\"full_bhavcopy\"} 1");
    let last_success = "nse_scraper_last_successful_scrape_timestamp{scraper=\"full_bhavcopy\"} 17424720";
    assert!(scraper.metrics().contains(last_success), "{}", scraper.metrics());
    scraper.stop().await;
}

#[tokio::test]
async fn the_exchange_sees_a_browser_from_its_own_site() {
    let scraper = start().await;
    scraper.exchange.replies([file(full_bhavcopy("24-Feb-2025"))]);
    scraper.available("full_bhavcopy", DATE).await;
    let headers = scraper.exchange.seen().remove(0).headers;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert!(header("user-agent").starts_with("Mozilla/5.0"));
    assert_eq!(header("referer"), "https://www.nseindia.com/");
    assert_eq!(header("accept-encoding"), "gzip,deflate", "and nothing we do not decode");
    assert_eq!(header("cookie"), "");
    assert_eq!(header("traceparent"), "", "our traces are no business of the exchange");
}

#[tokio::test]
async fn calls_at_once_for_one_report_make_one_download() {
    let scraper = start().await;
    scraper.exchange.replies([file(full_bhavcopy("24-Feb-2025"))]);
    let (a, b, c, d) = tokio::join!(
        scraper.available("full_bhavcopy", DATE),
        scraper.available("full_bhavcopy", DATE),
        scraper.available("full_bhavcopy", DATE),
        scraper.available("full_bhavcopy", DATE),
    );
    assert_eq!([a, b, c, d].iter().filter(|available| available.downloaded).count(), 1);
    assert_eq!(scraper.exchange.seen().len(), 1);
}

#[tokio::test]
async fn bytes_without_facts_do_not_count_as_there_and_are_completed() {
    let scraper = start().await;
    scraper.exchange.replies([file(full_bhavcopy("24-Feb-2025"))]);
    scraper.available("full_bhavcopy", DATE).await;
    let facts = scraper.raw_keys().await.into_iter().find(|key| key.ends_with(".facts.json")).expect("facts");
    std::fs::remove_file(scraper.path(&facts)).expect("the file is ours");
    assert!(scraper.available("full_bhavcopy", DATE).await.downloaded);
    assert_eq!(scraper.raw_keys().await.len(), 2, "the same bytes and their facts");
}

#[tokio::test]
async fn a_closed_day_is_answered_without_asking() {
    let scraper = start().await;
    for (date, kind) in [("2025-02-26", "holiday"), ("2025-02-23", "weekend")] {
        match scraper.fetch("bhavcopy", date).await.expect("an answer") {
            Outcome::Closed(closed) => assert_eq!(closed.kind, kind),
            other => panic!("{other:?}"),
        }
    }
    assert!(scraper.exchange.seen().is_empty());
}

#[tokio::test]
async fn an_absent_file_is_pending_in_the_afternoon_and_a_gap_at_night() {
    let afternoon = start_with("2025-02-24T12:00:00Z", |_| {}).await;
    let absent = afternoon.not_published("bhavcopy", DATE).await;
    assert_eq!(absent.state, "pending");
    assert!(absent.reason.contains("BhavCopy_NSE_CM_0_0_0_20250224_F_0000.csv.zip"), "{}", absent.reason);

    let night = start_with("2025-02-24T16:30:00Z", |_| {}).await;
    assert_eq!(night.not_published("bhavcopy", DATE).await.state, "gap");
    assert_eq!(night.not_published("full_bhavcopy", DATE).await.state, "pending", "delivery may come days later");
    night.assert_metric("circuit_breaker_failures_total{source=\"nse_archive\"} 0");
}

#[tokio::test]
async fn outside_the_calendar_an_absent_file_proves_nothing() {
    let scraper = start().await;
    assert_eq!(scraper.not_published("bhavcopy", "2016-01-01").await.state, "unknown");
    assert_eq!(scraper.exchange.seen().len(), 1);
}

#[tokio::test]
async fn a_session_still_to_come_is_pending_and_nobody_is_asked() {
    let scraper = start().await;
    assert_eq!(scraper.not_published("bhavcopy", "2025-03-21").await.state, "pending");
    assert!(scraper.exchange.seen().is_empty());
}

#[tokio::test]
async fn where_two_forms_exist_the_second_is_asked_when_the_first_is_absent() {
    let scraper = start().await;
    scraper.exchange.replies([status(404, "<html>"), file(udiff_zip("2024-01-02"))]);
    let available = scraper.available("bhavcopy", "2024-01-02").await;
    let key = available.raw.expect("raw").artifact.expect("a reference").key;
    assert!(key.ends_with(".csv.zip"), "{key}");
    let paths = scraper.exchange.paths();
    assert!(paths[0].ends_with("/cm02JAN2024bhav.csv.zip"), "{paths:?}");
    assert!(paths[1].ends_with("/BhavCopy_NSE_CM_0_0_0_20240102_F_0000.csv.zip"), "{paths:?}");
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_with_the_field() {
    let scraper = start().await;
    for (dataset, date, field) in [
        ("nonsense", DATE, "dataset"),
        ("bhavcopy", "24-02-2025", "trade_date"),
        ("bhavcopy", "", "trade_date"),
        ("full_bhavcopy", "2018-01-01", "2019-09-30"),
    ] {
        let status = scraper.fetch(dataset, date).await.expect_err("no sense");
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(field), "{}", status.message());
    }
}

#[tokio::test]
async fn without_a_source_the_call_says_which_setting_is_missing() {
    let scraper = start_with("2025-03-20T12:00:00Z", |config| config.source.mirror.clear()).await;
    let status = scraper.fetch("bhavcopy", DATE).await.expect_err("no source");
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("source.allow_network"), "{}", status.message());
}
