//! Whole spans, as exporters send them.

use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Status};

use super::*;

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn of_service(name: &str, spans: Vec<Span>) -> ResourceSpans {
    let scope = InstrumentationScope { name: "scope".into(), version: "1.2".into(), ..Default::default() };
    ResourceSpans {
        resource: Some(Resource {
            attributes: vec![text("host.name", "h"), text(SERVICE_NAME, name)],
            ..Default::default()
        }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }],
        ..Default::default()
    }
}

#[test]
fn every_part_of_a_span_has_its_column() {
    let span = Span {
        trace_id: (0..16).collect(),
        span_id: (1..9).collect(),
        parent_span_id: vec![0xab; 8],
        trace_state: "a=b".into(),
        name: "champion.parser.v1.ParserService/Parse".into(),
        kind: SpanKind::Server as i32,
        start_time_unix_nano: 1_700_000_000_000_000_001,
        end_time_unix_nano: 1_700_000_000_000_000_251,
        attributes: vec![text("rpc.system.name", "grpc")],
        events: vec![Event {
            time_unix_nano: 7,
            name: "retry".into(),
            attributes: vec![text("n", "1")],
            ..Default::default()
        }],
        links: vec![Link {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            trace_state: "c=d".into(),
            attributes: vec![text("l", "2")],
            ..Default::default()
        }],
        status: Some(Status { message: "why".into(), code: StatusCode::Error as i32 }),
        ..Default::default()
    };
    let rows = rows(of_service("champion-parser", vec![span]));
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let expected = SpanRow {
        timestamp: 1_700_000_000_000_000_001,
        trace_id: "000102030405060708090a0b0c0d0e0f".into(),
        span_id: "0102030405060708".into(),
        parent_span_id: "abababababababab".into(),
        trace_state: "a=b".into(),
        span_name: "champion.parser.v1.ParserService/Parse".into(),
        span_kind: "Server".into(),
        service_name: "champion-parser".into(),
        resource_attributes: vec![pair("host.name", "h"), pair("service.name", "champion-parser")],
        scope_name: "scope".into(),
        scope_version: "1.2".into(),
        span_attributes: vec![pair("rpc.system.name", "grpc")],
        duration: 250,
        status_code: "Error".into(),
        status_message: "why".into(),
        events_timestamp: vec![7],
        events_name: vec!["retry".into()],
        events_attributes: vec![vec![pair("n", "1")]],
        links_trace_id: vec!["01".repeat(16)],
        links_span_id: vec!["02".repeat(8)],
        links_trace_state: vec!["c=d".into()],
        links_attributes: vec![vec![pair("l", "2")]],
    };
    assert_eq!(rows, [expected]);
}

#[test]
fn kinds_and_status_codes_are_spelled_as_the_collector_spells_them() {
    let kinds = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];
    for (number, expected) in (0..).zip(kinds) {
        let row = &rows(of_service("s", vec![Span { kind: number, ..Default::default() }]))[0];
        assert_eq!(row.span_kind, expected);
    }
    for (code, expected) in [(0, "Unset"), (1, "Ok"), (2, "Error"), (99, "Unset")] {
        let status = Some(Status { code, ..Default::default() });
        let row = &rows(of_service("s", vec![Span { status, ..Default::default() }]))[0];
        assert_eq!(row.status_code, expected);
    }
}

#[test]
fn an_odd_span_is_kept_as_far_as_it_goes() {
    let span = Span {
        trace_id: vec![0; 16],
        span_id: vec![1; 3],
        start_time_unix_nano: u64::MAX,
        end_time_unix_nano: 1,
        ..Default::default()
    };
    let spans = ResourceSpans {
        scope_spans: vec![ScopeSpans { spans: vec![span], ..Default::default() }],
        ..Default::default()
    };
    assert_eq!(service_name(&spans), "");
    let row = &rows(spans)[0];
    assert_eq!((row.trace_id.as_str(), row.span_id.as_str(), row.parent_span_id.as_str()), ("", "", ""));
    assert_eq!((row.timestamp, row.duration, row.status_code.as_str()), (i64::MAX, 0, "Unset"));
}
