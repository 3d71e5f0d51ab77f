//! What a test sees of telemetry: the spans that have ended and the log lines that were written.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use opentelemetry::trace::{SpanId, Status, TracerProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::json::JsonLayer;
use crate::traces;

/// Records everything the process traces and logs.
///
/// There is one a process, as there is one subscriber: tests that share a process tell their spans apart by trace id.
#[derive(Debug)]
pub struct Recorder {
    spans: Spans,
    lines: Lines,
}

/// A span that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedSpan {
    /// Its name.
    pub name: String,
    /// `Client`, `Server` or `Internal`.
    pub kind: String,
    /// The trace it is part of, in hexadecimal.
    pub trace_id: String,
    /// Its own id, in hexadecimal.
    pub span_id: String,
    /// The id of its parent, when it has one.
    pub parent_span_id: Option<String>,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// The description of its status, when that is an error.
    pub error: Option<String>,
}

static RECORDER: OnceLock<Recorder> = OnceLock::new();

impl Recorder {
    /// Installs the recorder as the process's subscriber; every later call returns the same one.
    ///
    /// # Panics
    ///
    /// Panics when another subscriber is installed.
    pub fn install() -> &'static Self {
        RECORDER.get_or_init(|| {
            let (spans, lines) = (Spans::default(), Lines::default());
            let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
            let writer = lines.clone();
            tracing_subscriber::registry()
                .with(traces::layer(provider.tracer("test")))
                .with(JsonLayer::new("test", move || writer.clone()))
                .try_init()
                .expect("a test that records has no other subscriber");
            Self { spans, lines }
        })
    }

    /// Returns the spans that have ended so far, in the order of their ends.
    #[must_use]
    pub fn spans(&self) -> Vec<RecordedSpan> {
        let spans = self.spans.0.lock().unwrap_or_else(PoisonError::into_inner);
        spans.iter().map(RecordedSpan::from).collect()
    }

    /// Returns the log lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        let bytes = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

impl From<&SpanData> for RecordedSpan {
    fn from(span: &SpanData) -> Self {
        Self {
            name: span.name.to_string(),
            kind: format!("{:?}", span.span_kind),
            trace_id: span.span_context.trace_id().to_string(),
            span_id: span.span_context.span_id().to_string(),
            parent_span_id: (span.parent_span_id != SpanId::INVALID).then(|| span.parent_span_id.to_string()),
            attributes: span.attributes.iter().map(|pair| (pair.key.to_string(), pair.value.to_string())).collect(),
            error: match &span.status {
                Status::Error { description } => Some(description.to_string()),
                Status::Ok | Status::Unset => None,
            },
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Spans(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(batch);
        Ok(())
    }
}

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
