//! What a trace and the logs of a fetch show, and what they never show.

use champion_telemetry::testing::{RecordedSpan, Recorder};

use crate::exchange::{file, status, with_header};
use crate::harness::{DATE, filings, full_bhavcopy, start};

fn attribute<'a>(span: &'a RecordedSpan, name: &str) -> &'a str {
    span.attributes.get(name).map_or("", String::as_str)
}

/// Returns the client spans of the requests to an exchange, in order.
fn requests(recorder: &Recorder, url: &str) -> Vec<RecordedSpan> {
    let spans = recorder.spans();
    spans.into_iter().filter(|span| attribute(span, "url.full").starts_with(url)).collect()
}

#[tokio::test]
async fn every_attempt_has_its_own_client_span_below_the_call() {
    let recorder = Recorder::install();
    let scraper = start().await;
    scraper.exchange.replies([status(503, ""), file(full_bhavcopy("24-Feb-2025"))]);
    scraper.available("full_bhavcopy", DATE).await;
    let url = scraper.exchange.url.clone();
    let [first, second] = requests(recorder, &url).try_into().expect("two attempts");
    for span in [&first, &second] {
        assert_eq!((span.name.as_str(), span.kind.as_str()), ("GET", "Client"));
        assert_eq!(attribute(span, "http.request.method"), "GET");
        assert_eq!(attribute(span, "server.address"), "127.0.0.1");
        assert!(attribute(span, "url.full").ends_with("/sec_bhavdata_full_24022025.csv"));
    }
    assert_eq!(attribute(&first, "http.response.status_code"), "503");
    assert_eq!(attribute(&first, "error.type"), "503");
    assert!(first.error.is_some());
    assert_eq!(attribute(&first, "http.request.resend_count"), "");
    assert_eq!(attribute(&second, "http.response.status_code"), "200");
    assert_eq!(attribute(&second, "http.request.resend_count"), "1");
    assert!(second.error.is_none());
    assert_eq!(first.parent_span_id, second.parent_span_id, "both belong to the one call");
    assert_eq!(scraper.facts().await.trace_id.as_deref(), Some(first.trace_id.as_str()));
}

#[tokio::test]
async fn no_cookie_appears_in_any_span_log_line_metric_or_file() {
    let recorder = Recorder::install();
    let scraper = start().await;
    let page = || with_header(200, "set-cookie", "nsit=canary-4711; Path=/");
    scraper.exchange.replies([page(), status(401, ""), page(), status(503, ""), file(filings("24-Feb-2025"))]);
    scraper.available("corporate_actions", DATE).await;
    assert!(scraper.exchange.seen().iter().any(|seen| seen.headers.contains_key("cookie")), "the cookie was sent");
    assert!(!format!("{:?}", recorder.spans()).contains("canary"));
    assert!(!format!("{:?}", recorder.lines()).contains("canary"));
    assert!(!scraper.metrics().contains("canary"));
    for key in scraper.raw_keys().await {
        let bytes = std::fs::read(scraper.path(&key)).expect("readable");
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"), "{key}");
    }
}
