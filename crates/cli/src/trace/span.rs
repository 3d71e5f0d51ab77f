//! One span as `otel_traces` keeps it.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// A span, reduced to what the waterfall shows.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct Span {
    /// 16 lower-case hex digits.
    pub span_id: String,
    /// The caller's span; empty for the root.
    pub parent_span_id: String,
    /// Name of the service, such as `champion-parser`.
    pub service: String,
    /// Name of the span, such as `champion.parser.v1.ParserService/Parse`.
    pub name: String,
    /// `Server`, `Client`, `Internal`, …
    pub kind: String,
    /// Start, nanoseconds since 1970-01-01T00:00:00Z.
    pub start_ns: i64,
    /// Duration in nanoseconds.
    pub duration_ns: u64,
    /// `Ok`, `Error` or `Unset`.
    pub status: String,
    /// Why, where the status is an error.
    pub message: String,
    /// What the span is about: a trade date, a table, a key.
    pub detail: String,
}

/// Most spans that are read of one trace; a backfill of thirty years stays below.
const MOST: u64 = 200_000;

/// Reads the spans of a trace in the order of their start.
pub(super) async fn fetch(
    warehouse: &clickhouse::Client,
    trace_id: &str,
) -> Result<Vec<Span>, clickhouse::error::Error> {
    warehouse
        .query(
            "SELECT SpanId AS span_id, ParentSpanId AS parent_span_id, ServiceName AS service, SpanName AS name, \
             SpanKind AS kind, toUnixTimestamp64Nano(Timestamp) AS start_ns, toUInt64(Duration) AS duration_ns, \
             StatusCode AS status, StatusMessage AS message, \
             concatWithSeparator(' ', SpanAttributes['champion.dataset'], SpanAttributes['champion.trade_date'], \
             SpanAttributes['champion.table'], SpanAttributes['champion.month'], \
             SpanAttributes['db.collection.name'], SpanAttributes['http.response.status_code']) AS detail \
             FROM otel_traces WHERE TraceId = ? ORDER BY Timestamp, SpanId LIMIT ?",
        )
        .bind(trace_id)
        .bind(MOST)
        .fetch_all()
        .await
}
