//! What the collector does with exports while no warehouse answers.

use crate::export::{over_grpc, over_http, post, span};
use crate::harness::{Collector, configured, free_port};

/// A configuration whose warehouse does not exist.
fn alone() -> champion_trace_collector::Config {
    let mut config = configured(&format!("http://127.0.0.1:{}", free_port()), "champion");
    config.server.flush_seconds = 1;
    config
}

#[tokio::test]
async fn every_counter_is_there_from_the_start() {
    let collector = Collector::start(alone()).await;
    for (name, labels) in [
        ("received", &["grpc", "http"][..]),
        ("dropped", &["queue_full", "refused", "stopped", "own"]),
        ("written", &[""]),
    ] {
        for label in labels {
            assert_eq!(collector.counter(name, label), 0, "{name} {label}");
        }
    }
    collector.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_into_memory_is_rejected_and_counted() {
    let mut config = alone();
    config.batch.queue_spans = 3;
    let collector = Collector::start(config).await;
    let first = over_grpc(collector.grpc, "s", vec![span("a"), span("b")]).await;
    assert_eq!(first.partial_success, None);
    let second = over_http(collector.http, "s", vec![span("c"), span("d"), span("e")]).await;
    assert_eq!(second.partial_success.expect("two did not fit").rejected_spans, 2);
    assert_eq!((collector.counter("received", "grpc"), collector.counter("received", "http")), (2, 3));
    assert_eq!(collector.counter("dropped", "queue_full"), 2);
    collector.stop().await;
}

#[tokio::test]
async fn a_stop_without_a_warehouse_ends_within_its_time_and_counts_what_is_lost() {
    let collector = Collector::start(alone()).await;
    over_grpc(collector.grpc, "s", vec![span("a"), span("b")]).await;
    assert!(!collector.is_ready().await, "no tables yet");
    let registry = collector.registry.clone();
    let took = collector.stop().await;
    assert!(took.as_secs() < 5, "{took:?}");
    let families = registry.gather();
    let dropped = families.iter().find(|family| family.name() == "champion_trace_collector_spans_dropped_total");
    let total: f64 =
        dropped.expect("registered").get_metric().iter().map(|metric| metric.get_counter().get_value()).sum();
    assert_eq!(total, 2.0);
}

#[tokio::test]
async fn a_stop_with_nothing_to_write_does_not_wait_for_the_warehouse() {
    let mut config = alone();
    config.server.flush_seconds = 3600;
    Collector::start(config).await.stop().await;
}

#[tokio::test]
async fn its_own_spans_are_ignored_so_that_they_cannot_feed_themselves() {
    let collector = Collector::start(alone()).await;
    over_grpc(collector.grpc, "champion-trace-collector", vec![span("a")]).await;
    assert_eq!((collector.counter("received", "grpc"), collector.counter("dropped", "own")), (1, 1));
    assert_eq!(collector.counter("dropped", "queue_full"), 0);
    collector.stop().await;
}

#[tokio::test]
async fn what_is_no_export_is_refused_with_the_status_that_says_why() {
    let mut config = alone();
    config.server.max_request_bytes = 1000;
    let collector = Collector::start(config).await;
    for (content_type, body, status) in [
        ("application/json", b"{}".to_vec(), 415),
        ("application/x-protobuf", b"not protobuf".to_vec(), 400),
        ("application/x-protobuf", vec![0; 1001], 413),
    ] {
        let answer = post(collector.http, content_type, body).await;
        assert_eq!(answer.status(), status);
    }
    assert_eq!(collector.counter("received", "http"), 0);
    collector.stop().await;
}

#[tokio::test]
async fn promise_33_a_web_page_writes_no_span() {
    let collector = Collector::start(alone()).await;
    let url = format!("http://{}/v1/traces", collector.http);
    let client = reqwest::Client::new();
    for (name, value, status) in [
        ("host", "evil.example", 421),
        ("sec-fetch-site", "cross-site", 403),
        ("origin", "null", 403),
        ("sec-fetch-mode", "cors", 200),
    ] {
        let request = client.post(&url).header("content-type", "application/x-protobuf").header(name, value);
        assert_eq!(request.send().await.expect("an answer").status(), status, "{name}: {value}");
    }
    let preflight = client.request(reqwest::Method::OPTIONS, &url).send().await.expect("an answer");
    assert_eq!(preflight.status(), 405);
    assert_eq!(client.get(&url).send().await.expect("an answer").status(), 405);
    assert_eq!(collector.counter("received", "http"), 0);
    collector.stop().await;
}
