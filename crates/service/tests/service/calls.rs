//! Traces, metrics, deadlines and limits of calls between real servers.

use std::time::{Duration, Instant};

use crate::support::{Echo, METHODS, Running, call, call_within, start, stream, wait_for};
use champion_service::ServerConfig;
use champion_service::channel::{ChannelOptions, connect_lazy, connect_lazy_with};
use champion_telemetry::grpc::ClientLayer;
use champion_telemetry::testing::{RecordedSpan, Recorder};
use champion_telemetry::{Registry, context};
use tonic::Code;
use tracing::{Instrument, info_span};

/// Waits for the span of a trace; a server's span ends a moment after its client has the answer.
async fn span(recorder: &Recorder, trace_id: &str, name: &str, kind: &str) -> RecordedSpan {
    wait_for(&format!("the {kind} span {name}"), || async {
        let fits = |span: &RecordedSpan| span.trace_id == trace_id && span.name == name && span.kind == kind;
        recorder.spans().into_iter().find(fits)
    })
    .await
}

/// Waits until `/metrics` has the line.
async fn metric(server: &Running, line: &str) {
    wait_for(line, || async { server.metrics().await.lines().any(|found| found == line).then_some(()) }).await;
}

#[tokio::test]
async fn one_trace_runs_through_every_hop() {
    let recorder = Recorder::install();
    let config = ServerConfig::default();
    let last = start(&config, Echo::default()).await;
    let first = start(&config, Echo { next: Some(last.channel()) }).await;
    let run = info_span!("run");
    let (answer, trace_id) =
        async { (call(&first.channel(), "Relay", "hello").await.unwrap(), context::current_trace_id().unwrap()) }
            .instrument(run.clone())
            .await;
    drop(run);
    assert_eq!(answer, "hello");

    let run = span(recorder, &trace_id, "run", "Internal").await;
    let client_1 = span(recorder, &trace_id, "test.v1.Echo/Relay", "Client").await;
    let server_1 = span(recorder, &trace_id, "test.v1.Echo/Relay", "Server").await;
    let client_2 = span(recorder, &trace_id, "test.v1.Echo/Say", "Client").await;
    let server_2 = span(recorder, &trace_id, "test.v1.Echo/Say", "Server").await;
    for (child, parent) in [(&client_1, &run), (&server_1, &client_1), (&client_2, &server_1), (&server_2, &client_2)] {
        assert_eq!(child.parent_span_id.as_ref(), Some(&parent.span_id), "{child:#?} under {parent:#?}");
    }
    for rpc in [&client_1, &server_1, &client_2, &server_2] {
        assert_eq!(rpc.attributes["rpc.system.name"], "grpc");
        assert_eq!(rpc.attributes["rpc.method"], rpc.name);
        assert_eq!(rpc.attributes["rpc.response.status_code"], "OK");
        assert!(rpc.error.is_none() && !rpc.attributes.contains_key("error.type"), "{rpc:#?}");
    }
    assert_eq!(server_1.attributes["server.address"], "127.0.0.1");
    assert_eq!(client_1.attributes["server.address"], "127.0.0.1");
    assert_eq!(client_1.attributes["server.port"], first.grpc.port().to_string());
}

#[tokio::test]
async fn a_log_line_of_a_handler_carries_the_callers_trace_id() {
    let recorder = Recorder::install();
    let server = start(&ServerConfig::default(), Echo::default()).await;
    let trace_id = async {
        call(&server.channel(), "Say", "a line to find").await.unwrap();
        context::current_trace_id().unwrap()
    }
    .instrument(info_span!("run"))
    .await;
    let line = recorder.lines().into_iter().find(|line| line["text"] == "a line to find").unwrap();
    assert_eq!(line["trace_id"], trace_id.as_str());
}

#[tokio::test]
async fn a_failure_names_its_code_on_both_spans_and_in_the_metrics() {
    let recorder = Recorder::install();
    let server = start(&ServerConfig::default(), Echo::default()).await;
    let (status, trace_id) =
        async { (call(&server.channel(), "Fail", "bits").await.unwrap_err(), context::current_trace_id().unwrap()) }
            .instrument(info_span!("run"))
            .await;
    assert_eq!((status.code(), status.message()), (Code::DataLoss, "bits"));
    for kind in ["Client", "Server"] {
        let span = span(recorder, &trace_id, "test.v1.Echo/Fail", kind).await;
        assert_eq!(span.error.as_deref(), Some("bits"));
        assert_eq!(span.attributes["rpc.response.status_code"], "DATA_LOSS");
        assert_eq!(span.attributes["error.type"], "DATA_LOSS");
    }
    let line = r#"grpc_server_handled_total{grpc_code="DataLoss",grpc_method="Fail",grpc_service="test.v1.Echo"} 1"#;
    metric(&server, line).await;
}

#[tokio::test]
async fn every_method_stands_at_zero_before_the_first_call() {
    let server = start(&ServerConfig::default(), Echo::default()).await;
    let metrics = server.metrics().await;
    for method in METHODS {
        for code in ["OK", "Canceled", "DeadlineExceeded", "Internal", "Unauthenticated"] {
            let series = format!(
                r#"grpc_server_handled_total{{grpc_code="{code}",grpc_method="{method}",grpc_service="test.v1.Echo"}} 0"#
            );
            assert!(metrics.contains(&series), "{series}\n{metrics}");
        }
        let labels = format!(r#"{{grpc_method="{method}",grpc_service="test.v1.Echo"}} 0"#);
        for name in ["grpc_server_started_total", "grpc_server_in_flight", "grpc_server_handling_seconds_count"] {
            assert!(metrics.contains(&format!("{name}{labels}")), "{name}{labels}\n{metrics}");
        }
    }
}

#[tokio::test]
async fn a_path_nobody_serves_makes_no_label() {
    let server = start(&ServerConfig::default(), Echo::default()).await;
    assert_eq!(call(&server.channel(), "Surprise", "").await.unwrap_err().code(), Code::Unimplemented);
    let line = r#"grpc_server_handled_total{grpc_code="Unimplemented",grpc_method="unknown",grpc_service="unknown"} 1"#;
    metric(&server, line).await;
    assert!(!server.metrics().await.contains("Surprise"));
}

#[tokio::test]
async fn a_stream_is_one_call_until_its_end() {
    let server = start(&ServerConfig::default(), Echo::default()).await;
    let channel = server.channel();
    let mut words = stream(&channel, "Drip", "one two").await;
    assert_eq!(words.message().await.unwrap().as_deref(), Some("one"));
    metric(&server, r#"grpc_server_in_flight{grpc_method="Drip",grpc_service="test.v1.Echo"} 1"#).await;
    drop(words);
    let line = r#"grpc_server_handled_total{grpc_code="Canceled",grpc_method="Drip",grpc_service="test.v1.Echo"} 1"#;
    metric(&server, line).await;
    metric(&server, r#"grpc_server_in_flight{grpc_method="Drip",grpc_service="test.v1.Echo"} 0"#).await;

    let mut words = stream(&channel, "List", "one two").await;
    while words.message().await.unwrap().is_some() {}
    let line = r#"grpc_server_handled_total{grpc_code="OK",grpc_method="List",grpc_service="test.v1.Echo"} 1"#;
    metric(&server, line).await;
}

#[tokio::test]
async fn a_callers_deadline_ends_the_call_and_says_so() {
    let server = start(&ServerConfig::default(), Echo::default()).await;
    let begun = Instant::now();
    let timeout = Some(Duration::from_millis(50));
    let status = call_within(&server.channel(), "Hang", "", timeout).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    metric(&server, r#"grpc_server_in_flight{grpc_method="Hang",grpc_service="test.v1.Echo"} 0"#).await;
}

#[tokio::test]
async fn a_server_ends_a_call_that_its_caller_would_wait_for() {
    let config = ServerConfig { request_timeout_seconds: 1, ..ServerConfig::default() };
    let server = start(&config, Echo::default()).await;
    let status = call(&server.channel(), "Hang", "").await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    let line =
        r#"grpc_server_handled_total{grpc_code="DeadlineExceeded",grpc_method="Hang",grpc_service="test.v1.Echo"} 1"#;
    metric(&server, line).await;
}

#[tokio::test]
async fn a_full_server_refuses_work_and_still_answers_probes() {
    let config = ServerConfig { max_concurrent_requests: 1, ..ServerConfig::default() };
    let server = start(&config, Echo::default()).await;
    let channel = server.channel();
    let held = stream(&channel, "Drip", "one").await;
    assert_eq!(call(&channel, "Say", "").await.unwrap_err().code(), Code::ResourceExhausted);
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
    drop(held);
    wait_for("a free slot", || async { call(&channel, "Say", "").await.ok() }).await;
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_and_the_client_counts_it() {
    let away = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let registry = Registry::new();
    let layer = ClientLayer::new(&registry).unwrap().with_methods(["test.v1.Echo/Say".to_owned()]);
    let channel = connect_lazy_with(&format!("http://{away}"), &ChannelOptions::default(), &layer).unwrap();
    let series = |code: &str| {
        format!(r#"grpc_client_handled_total{{grpc_code="{code}",grpc_method="Say",grpc_service="test.v1.Echo"}}"#)
    };
    let metrics = || prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert!(metrics().contains(&format!("{} 0", series("Unavailable"))));
    assert_eq!(call(&channel, "Say", "").await.unwrap_err().code(), Code::Unavailable);
    assert!(metrics().contains(&format!("{} 1", series("Unavailable"))), "{}", metrics());
}

#[tokio::test]
async fn a_channel_finds_a_server_that_comes_later() {
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let channel = connect_lazy(&format!("http://{address}"), &ChannelOptions::default()).unwrap();
    assert!(call(&channel, "Say", "early").await.is_err());
    let config = ServerConfig { grpc_listen: address.to_string(), ..ServerConfig::default() };
    let _server = start(&config, Echo::default()).await;
    assert_eq!(call(&channel, "Say", "late").await.unwrap(), "late");
}

#[tokio::test]
async fn probes_leave_neither_span_nor_metric() {
    let recorder = Recorder::install();
    let server = start(&ServerConfig::default(), Echo::default()).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(server.channel());
    health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
    assert!(!server.metrics().await.contains("grpc.health"));
    assert!(recorder.spans().iter().all(|span| !span.name.contains("grpc.health")));
}
