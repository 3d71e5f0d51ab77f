//! The trace context of the current span, for journals, manifests, ledgers and the calls that leave the process.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::propagation;

/// Returns the trace id of the current span: 32 lower-case hexadecimal digits.
#[must_use]
pub fn current_trace_id() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let ids = span.span_context();
    ids.is_valid().then(|| ids.trace_id().to_string())
}

/// Returns the W3C `traceparent` of the current span: `00-<trace id>-<span id>-<flags>`.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    let mut headers = HeaderMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Headers(&mut headers));
    headers.get("traceparent")?.to_str().ok().map(str::to_owned)
}

/// Writes the W3C headers of the current span.
pub fn inject(headers: &mut HeaderMap) {
    inject_span(&Span::current(), headers);
}

/// Makes the span a child of a W3C `traceparent`; returns false when the text is no valid traceparent.
///
/// Call it before the span is entered: a started span keeps the parent it has.
pub fn set_parent(span: &Span, traceparent: &str) -> bool {
    let Ok(value) = HeaderValue::from_str(traceparent) else { return false };
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", value);
    adopt(span, TraceContextPropagator::new().extract_with_context(&Context::new(), &Received(&headers)))
}

/// Writes the headers of the given span, as the process propagates them.
pub(crate) fn inject_span(span: &Span, headers: &mut HeaderMap) {
    propagation::in_use().inject_context(&span.context(), &mut Headers(headers));
}

/// Makes the span a child of what the received headers name, if they name anything.
pub(crate) fn extract_into(span: &Span, headers: &HeaderMap) -> bool {
    adopt(span, propagation::in_use().extract_with_context(&Context::new(), &Received(headers)))
}

fn adopt(span: &Span, parent: Context) -> bool {
    let valid = parent.span().span_context().is_valid();
    valid && span.set_parent(parent).is_ok()
}

struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

struct Received<'a>(&'a HeaderMap);

impl Extractor for Received<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }
    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
