//! OTLP spans to rows, in the spelling of the OpenTelemetry Collector's ClickHouse exporter.

mod value;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};

use crate::row::{Attributes, SpanRow};

/// Bytes of a trace id and of a span id.
const TRACE_ID_BYTES: usize = 16;
const SPAN_ID_BYTES: usize = 8;

/// The attribute that names a service.
const SERVICE_NAME: &str = "service.name";

/// Returns the name of the service that sent the spans; empty where it has none.
pub(crate) fn service_name(spans: &ResourceSpans) -> &str {
    let attributes = spans.resource.as_ref().map(|resource| resource.attributes.as_slice()).unwrap_or_default();
    let named = attributes.iter().find(|attribute| attribute.key == SERVICE_NAME);
    match named.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(name)) => name,
        _ => "",
    }
}

/// Converts the spans of one resource.
pub(crate) fn rows(spans: ResourceSpans) -> Vec<SpanRow> {
    let service = service_name(&spans).to_owned();
    let resource = attributes(spans.resource.map(|resource| resource.attributes).unwrap_or_default());
    let mut rows = Vec::new();
    for scope_spans in spans.scope_spans {
        let scope = scope_spans.scope.unwrap_or_default();
        rows.extend(scope_spans.spans.into_iter().map(|span| row(span, &scope, &service, &resource)));
    }
    rows
}

fn row(span: Span, scope: &InstrumentationScope, service: &str, resource: &Attributes) -> SpanRow {
    let kind = kind(span.kind());
    let status = span.status.unwrap_or_default();
    let mut row = SpanRow {
        timestamp: nanoseconds(span.start_time_unix_nano),
        trace_id: id::<TRACE_ID_BYTES>(&span.trace_id),
        span_id: id::<SPAN_ID_BYTES>(&span.span_id),
        parent_span_id: id::<SPAN_ID_BYTES>(&span.parent_span_id),
        trace_state: span.trace_state,
        span_name: span.name,
        span_kind: kind.to_owned(),
        service_name: service.to_owned(),
        resource_attributes: resource.clone(),
        scope_name: scope.name.clone(),
        scope_version: scope.version.clone(),
        span_attributes: attributes(span.attributes),
        duration: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano),
        status_code: status_code(status.code()).to_owned(),
        status_message: status.message,
        events_timestamp: Vec::with_capacity(span.events.len()),
        events_name: Vec::with_capacity(span.events.len()),
        events_attributes: Vec::with_capacity(span.events.len()),
        links_trace_id: Vec::with_capacity(span.links.len()),
        links_span_id: Vec::with_capacity(span.links.len()),
        links_trace_state: Vec::with_capacity(span.links.len()),
        links_attributes: Vec::with_capacity(span.links.len()),
    };
    for event in span.events {
        row.events_timestamp.push(nanoseconds(event.time_unix_nano));
        row.events_name.push(event.name);
        row.events_attributes.push(attributes(event.attributes));
    }
    for link in span.links {
        row.links_trace_id.push(id::<TRACE_ID_BYTES>(&link.trace_id));
        row.links_span_id.push(id::<SPAN_ID_BYTES>(&link.span_id));
        row.links_trace_state.push(link.trace_state);
        row.links_attributes.push(attributes(link.attributes));
    }
    row
}

/// `DateTime64(9)` is signed; its last day is in 2262.
fn nanoseconds(unix: u64) -> i64 {
    i64::try_from(unix).unwrap_or(i64::MAX)
}

/// Hex digits; empty for an id of zeros or of another length, which is no id.
fn id<const BYTES: usize>(bytes: &[u8]) -> String {
    if bytes.len() == BYTES && bytes.iter().any(|byte| *byte != 0) { hex::encode(bytes) } else { String::new() }
}

fn attributes(attributes: Vec<KeyValue>) -> Attributes {
    attributes.into_iter().map(|KeyValue { key, value, .. }| (key, value::text(value))).collect()
}

const fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "Unspecified",
        SpanKind::Internal => "Internal",
        SpanKind::Server => "Server",
        SpanKind::Client => "Client",
        SpanKind::Producer => "Producer",
        SpanKind::Consumer => "Consumer",
    }
}

const fn status_code(code: StatusCode) -> &'static str {
    match code {
        StatusCode::Unset => "Unset",
        StatusCode::Ok => "Ok",
        StatusCode::Error => "Error",
    }
}

#[cfg(test)]
mod tests;
