//! Exports as an OpenTelemetry SDK sends them.

use std::net::SocketAddr;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

/// Start of every span, nanoseconds since 1970-01-01T00:00:00Z.
pub(crate) const START: u64 = 1_740_400_000_123_456_789;

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// A span with something in every field.
pub(crate) fn span(name: &str) -> Span {
    Span {
        trace_id: vec![0x0a; 16],
        span_id: vec![0x0b; 8],
        parent_span_id: vec![0x0c; 8],
        trace_state: "a=b".into(),
        name: name.to_owned(),
        kind: SpanKind::Client as i32,
        start_time_unix_nano: START,
        end_time_unix_nano: START + 250,
        attributes: vec![text("champion.table", "normalized_equity_ohlc"), text("quote", "it's \"L&T\"\t\\n")],
        events: vec![Event {
            time_unix_nano: START + 1,
            name: "retry".into(),
            attributes: vec![text("n", "1")],
            ..Event::default()
        }],
        links: vec![Link {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            trace_state: "c=d".into(),
            attributes: vec![text("l", "2")],
            ..Link::default()
        }],
        status: Some(Status { message: "why".into(), code: StatusCode::Error as i32 }),
        ..Span::default()
    }
}

/// An export of one service.
pub(crate) fn request(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope { name: "scope".into(), version: "1.2".into(), ..Default::default() };
    let resource = Resource { attributes: vec![text("service.name", service)], ..Default::default() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }],
            ..Default::default()
        }],
    }
}

/// Exports spans of one service over gRPC.
pub(crate) async fn over_grpc(to: SocketAddr, service: &str, spans: Vec<Span>) -> ExportTraceServiceResponse {
    let mut client = TraceServiceClient::connect(format!("http://{to}")).await.expect("it listens");
    client.export(request(service, spans)).await.expect("an answer").into_inner()
}

/// Exports spans of one service over HTTP.
pub(crate) async fn over_http(to: SocketAddr, service: &str, spans: Vec<Span>) -> ExportTraceServiceResponse {
    let answer = post(to, "application/x-protobuf", request(service, spans).encode_to_vec()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/x-protobuf");
    ExportTraceServiceResponse::decode(answer.bytes().await.expect("a body")).expect("protobuf")
}

/// Posts any body.
pub(crate) async fn post(to: SocketAddr, content_type: &str, body: Vec<u8>) -> reqwest::Response {
    let request = reqwest::Client::new().post(format!("http://{to}/v1/traces"));
    request.header("content-type", content_type).body(body).send().await.expect("an answer")
}
