//! Everything the exchange does wrong.

use std::time::{Duration, Instant};

use bytes::Bytes;
use champion_proto::scraper::v1::fetch_response::Outcome;
use tonic::{Code, Status};

use crate::exchange::{Reply, file, status, with_header};
use crate::harness::{DATE, NOON, Scraper, full_bhavcopy, request, start, start_with, udiff_zip};

const BLOCK: &str = "<html>your access is restricted. Please try after 10 minutes</html>";

async fn nothing_stored(scraper: &Scraper) {
    assert!(scraper.raw_keys().await.is_empty());
    scraper.assert_metric("nse_scraper_files_downloaded_total{scraper=\"bhavcopy\"} 0");
    scraper.assert_metric("nse_scraper_files_downloaded_total{scraper=\"full_bhavcopy\"} 0");
    scraper.assert_metric("nse_scraper_last_successful_scrape_timestamp{scraper=\"full_bhavcopy\"} 0");
}

#[tokio::test]
async fn promise_09_a_page_in_place_of_a_zip_is_a_soft_block_and_never_stored() {
    let scraper = start().await;
    scraper.exchange.replies([status(200, "<!DOCTYPE html><title>NSE</title>")]);
    let refused = scraper.refused("bhavcopy", DATE).await;
    assert_eq!((refused.class.as_str(), refused.retryable), ("soft_block", true));
    assert!(refused.reason.contains("<title>NSE</title>"), "{}", refused.reason);
    assert_eq!(scraper.exchange.seen().len(), 1, "a block is not answered by asking again");
    nothing_stored(&scraper).await;
}

#[tokio::test]
async fn promise_09_html_and_json_shells_with_200_are_no_success_anywhere() {
    let page = || status(200, "\n<html><body>Resource not found</body></html>");
    let shell = || status(200, "{\"data\": [], \"msg\": \"no data\"}");
    for (dataset, reply) in
        [("bhavcopy", page()), ("bhavcopy", shell()), ("full_bhavcopy", page()), ("full_bhavcopy", shell())]
    {
        let scraper = start().await;
        scraper.exchange.replies([reply]);
        assert_eq!(scraper.refused(dataset, DATE).await.class, "soft_block", "{dataset}");
        nothing_stored(&scraper).await;
    }
    let scraper = start().await;
    scraper.exchange.replies([with_header(200, "set-cookie", "nsit=1"), page()]);
    assert_eq!(scraper.refused("corporate_actions", DATE).await.class, "soft_block");
    nothing_stored(&scraper).await;
}

#[tokio::test]
async fn promise_12_a_member_whose_checksum_is_wrong_is_asked_again_and_then_refused() {
    let scraper = start().await;
    let mut zip = udiff_zip(DATE);
    for (signature, crc) in [(b"PK\x03\x04", 14), (b"PK\x01\x02", 16)] {
        let at = zip.windows(4).position(|window| window == signature).expect("a header") + crc;
        zip[at] ^= 0xff;
    }
    scraper.exchange.replies([file(zip)]);
    let refused = scraper.refused("bhavcopy", DATE).await;
    assert_eq!((refused.class.as_str(), refused.retryable), ("truncated", true), "{}", refused.reason);
    assert_eq!(scraper.exchange.seen().len(), 4);
    nothing_stored(&scraper).await;
}

#[tokio::test]
async fn promise_12_a_table_that_ends_within_a_line_is_asked_again_and_the_whole_one_is_kept() {
    let scraper = start().await;
    let whole = full_bhavcopy("24-Feb-2025");
    let cut = whole[..whole.len() - 5].to_owned();
    scraper.exchange.replies([file(cut), file(whole)]);
    assert!(scraper.available("full_bhavcopy", DATE).await.downloaded);
    assert_eq!(scraper.facts().await.attempts, 2);
}

#[tokio::test]
async fn promise_12_a_zip_that_stays_truncated_is_asked_again_and_then_refused() {
    let scraper = start().await;
    let mut half = udiff_zip(DATE);
    half.truncate(half.len() / 2);
    scraper.exchange.replies([file(half)]);
    let refused = scraper.refused("bhavcopy", DATE).await;
    assert_eq!((refused.class.as_str(), refused.retryable), ("truncated", true));
    assert_eq!(scraper.exchange.seen().len(), 4);
    nothing_stored(&scraper).await;
}

#[tokio::test]
async fn promise_12_a_body_that_ends_early_is_asked_again_and_the_whole_one_is_kept() {
    let scraper = start().await;
    let body = full_bhavcopy("24-Feb-2025");
    let half = Bytes::copy_from_slice(&body.as_bytes()[..200]);
    scraper.exchange.replies([Reply::CutOff { announced: body.len(), body: half }, file(body.clone())]);
    let raw = scraper.available("full_bhavcopy", DATE).await.raw.expect("raw");
    assert_eq!(raw.artifact.expect("a reference").bytes, body.len() as u64);
    assert_eq!(scraper.facts().await.attempts, 2);
}

#[tokio::test]
async fn promise_10_another_days_file_is_stale_and_never_stored() {
    let scraper = start().await;
    scraper.exchange.replies([file(full_bhavcopy("21-Feb-2025"))]);
    let refused = scraper.refused("full_bhavcopy", DATE).await;
    assert_eq!((refused.class.as_str(), refused.retryable), ("stale_content", false));
    assert!(refused.reason.contains("2025-02-21"), "{}", refused.reason);
    nothing_stored(&scraper).await;
}

#[tokio::test]
async fn promise_10_yesterdays_file_under_todays_name_is_worth_another_try_later() {
    let scraper = start_with("2025-02-24T11:00:00Z", |_| {}).await;
    scraper.exchange.replies([file(full_bhavcopy("21-Feb-2025"))]);
    let refused = scraper.refused("full_bhavcopy", DATE).await;
    assert_eq!((refused.class.as_str(), refused.retryable), ("stale_content", true));
}

#[tokio::test]
async fn a_file_with_hardly_a_row_is_no_session() {
    let scraper = start_with(NOON, |config| config.min_rows.full = 1000).await;
    scraper.exchange.replies([file(full_bhavcopy("24-Feb-2025"))]);
    assert_eq!(scraper.refused("full_bhavcopy", DATE).await.class, "too_few_rows");
    nothing_stored(&scraper).await;
}

#[tokio::test]
async fn promise_15_a_wait_that_is_asked_for_is_kept() {
    let scraper = start().await;
    scraper.exchange.replies([with_header(429, "retry-after", "1"), file(full_bhavcopy("24-Feb-2025"))]);
    assert!(scraper.available("full_bhavcopy", DATE).await.downloaded);
    let seen = scraper.exchange.seen();
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(1));
}

#[tokio::test]
async fn promise_15_an_absurd_wait_ends_the_fetch_at_once() {
    let scraper = start().await;
    scraper.exchange.replies([with_header(429, "retry-after", "86400")]);
    let began = Instant::now();
    let refused = scraper.refused("full_bhavcopy", DATE).await;
    assert_eq!((refused.class.as_str(), refused.retryable), ("throttled", true));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(scraper.exchange.seen().len(), 1);
}

#[tokio::test]
async fn promise_16_an_answer_that_hangs_or_drips_is_cut_off_by_the_progress_timeout() {
    const WINDOW: Duration = Duration::from_secs(2);
    let cut_off = async |reply: Reply| {
        let scraper = start_with(NOON, |config| {
            config.retry.max_attempts = 1;
            config.limits.progress_window_seconds = WINDOW.as_secs_f64();
        })
        .await;
        scraper.exchange.replies([reply.clone()]);
        let status = scraper.fetch("full_bhavcopy", DATE).await.expect_err("no answer");
        let took = scraper.exchange.seen()[0].at.elapsed();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        let tenth = WINDOW / 10;
        assert!((WINDOW - tenth..=WINDOW + tenth).contains(&took), "{reply:?}: {took:?}");
        nothing_stored(&scraper).await;
    };
    let (hang, late) = (Reply::Hang { body: Bytes::from("SYMBOL") }, Reply::Hang { body: Bytes::new() });
    tokio::join!(cut_off(hang), cut_off(late), cut_off(Reply::Drip));
}

#[tokio::test]
async fn promise_16_one_source_that_hangs_holds_up_no_other() {
    let scraper = start_with(NOON, |config| config.limits.concurrent_requests = 1).await;
    scraper.exchange.replies([Reply::Hang { body: Bytes::new() }, file("[]")]);
    let hanging = scraper.fetch("full_bhavcopy", DATE);
    tokio::pin!(hanging);
    tokio::select! {
        biased;
        result = &mut hanging => panic!("{result:?}"),
        () = until(|| scraper.exchange.seen().len() == 1) => {}
    }
    let began = Instant::now();
    assert!(scraper.available("corporate_actions", DATE).await.downloaded);
    assert!(began.elapsed() < Duration::from_millis(300));
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_the_cap() {
    let scraper = start_with(NOON, |config| config.source.max_body_bytes = 1000).await;
    scraper.exchange.replies([file(vec![b'x'; 100_000])]);
    let refused = scraper.refused("full_bhavcopy", DATE).await;
    assert_eq!((refused.class.as_str(), refused.retryable), ("too_large", false));
}

#[tokio::test]
async fn promise_28_a_redirect_to_another_host_is_refused_before_connecting() {
    let other = crate::exchange::Exchange::start().await;
    let scraper = start().await;
    scraper.exchange.replies([with_header(302, "location", &format!("{}/evil.csv", other.url))]);
    let refused = scraper.refused("full_bhavcopy", DATE).await;
    assert_eq!((refused.class.as_str(), refused.retryable), ("redirected", false));
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn promise_14_after_a_block_the_source_is_not_asked_again_and_the_answer_says_so() {
    let scraper = start().await;
    scraper.exchange.replies([status(403, BLOCK)]);
    for date in [DATE, "2025-02-25", "2025-02-27"] {
        let refused = scraper.refused("bhavcopy", date).await;
        assert_eq!((refused.class.as_str(), refused.retryable), ("blocked", true));
    }
    assert_eq!(scraper.exchange.seen().len(), 1);
    scraper.assert_metric("circuit_breaker_state{source=\"nse_archive\"} 2");
    let transition =
        "circuit_breaker_state_transitions_total{from_state=\"closed\",source=\"nse_archive\",to_state=\"open\"} 1";
    scraper.assert_metric(transition);
}

#[tokio::test]
async fn promise_17_half_failures_open_the_breaker_and_probes_close_it_even_after_hung_ones() {
    let scraper = start_with(NOON, |config| {
        config.retry.max_attempts = 1;
        config.limits.progress_window_seconds = 60.0;
        config.breaker.open_seconds = 1.0;
        config.breaker.permit_timeout_seconds = 0.3;
    })
    .await;
    let is_open = |status: &Status| status.message().contains("circuit breaker is open");
    // Every second request fails.
    scraper.exchange.replies((0..12).map(|at| status(if at % 2 == 0 { 503 } else { 404 }, "")));
    while !scraper.fetch("full_bhavcopy", DATE).await.is_err_and(|status| is_open(&status)) {
        assert!(scraper.exchange.seen().len() <= 10, "it opens within its window of ten calls");
    }
    let asked = scraper.exchange.seen().len();

    // Open, it rejects without a request.
    let began = Instant::now();
    let rejected = scraper.fetch("full_bhavcopy", DATE).await.expect_err("open");
    assert!(is_open(&rejected) && began.elapsed() < Duration::from_millis(200), "{rejected}");
    assert_eq!(scraper.exchange.seen().len(), asked);

    // Half-open, two probes go through; both hang.
    scraper.exchange.replies([Reply::Hang { body: Bytes::new() }]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let probes = ["2025-02-24", "2025-02-25", "2025-02-27", "2025-02-28", "2025-03-03"].map(|date| {
        let mut client = scraper.client.clone();
        tokio::spawn(async move { client.fetch(request("full_bhavcopy", date)).await })
    });
    until(|| probes.iter().filter(|probe| probe.is_finished()).count() == 3).await;
    assert_eq!(scraper.exchange.seen().len(), asked + 2, "three were rejected");

    // What hangs longer than its permit is a failure, and holds nothing.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(scraper.fetch("full_bhavcopy", "2025-03-04").await.is_err_and(|status| is_open(&status)));
    scraper.exchange.replies([file(full_bhavcopy("04-Mar-2025")), file(full_bhavcopy("05-Mar-2025"))]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    scraper.available("full_bhavcopy", "2025-03-04").await;
    scraper.assert_metric("circuit_breaker_state{source=\"nse_archive\"} 1");
    scraper.available("full_bhavcopy", "2025-03-05").await;
    scraper.assert_metric("circuit_breaker_state{source=\"nse_archive\"} 0");
    probes.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn failures_open_the_breaker_which_then_rejects_at_once() {
    let scraper = start_with(NOON, |config| config.retry.max_attempts = 1).await;
    scraper.exchange.replies([status(503, "")]);
    for _ in 0..5 {
        let status = scraper.fetch("bhavcopy", DATE).await.expect_err("no answer");
        assert_eq!(status.code(), Code::Unavailable);
    }
    let status = scraper.fetch("bhavcopy", DATE).await.expect_err("rejected");
    assert!(status.message().contains("circuit breaker is open"), "{}", status.message());
    assert_eq!(scraper.exchange.seen().len(), 5);
    scraper.assert_metric("circuit_breaker_failures_total{source=\"nse_archive\"} 5");
}

#[tokio::test]
async fn promise_16_the_callers_deadline_ends_the_fetch() {
    let scraper = start_with(NOON, |config| config.limits.progress_window_seconds = 60.0).await;
    scraper.exchange.replies([Reply::Hang { body: Bytes::new() }]);
    let mut request = tonic::Request::new(request("full_bhavcopy", DATE));
    request.set_timeout(Duration::from_secs(2));
    let began = Instant::now();
    let status = scraper.client.clone().fetch(request).await.expect_err("no answer");
    assert_eq!(status.code(), Code::Unavailable, "our answer comes before the caller gives up: {status}");
    let took = began.elapsed();
    assert!((Duration::from_millis(1_800)..=Duration::from_millis(2_200)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_host_that_works_again_is_asked_again() {
    let scraper = start().await;
    scraper.exchange.replies([status(503, ""), status(502, ""), file(full_bhavcopy("24-Feb-2025"))]);
    assert!(scraper.available("full_bhavcopy", DATE).await.downloaded);
    match scraper.fetch("full_bhavcopy", DATE).await.expect("an answer") {
        Outcome::Available(available) => assert!(!available.downloaded),
        other => panic!("{other:?}"),
    }
}

/// Waits until a condition holds, with a deadline.
async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition never held");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
