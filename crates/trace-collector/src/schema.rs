//! The tables, as the OpenTelemetry Collector's ClickHouse exporter makes them.
//!
//! Names, types, keys and settings are those of the exporter, so that whatever reads its tables (dashboards, data
//! sources, `champion trace`) reads these, and the Collector can take over a warehouse that this process began.

/// The table of spans.
pub(crate) const TABLE: &str = "otel_traces";

/// Returns the tables of spans, each with the column its age is told by.
pub(crate) fn aging_tables() -> [(String, &'static str); 2] {
    [(TABLE.to_owned(), "Timestamp"), (format!("{TABLE}_trace_id_ts"), "Start")]
}

/// Returns the expression after which a span may go; none for 0 days, which keep it.
pub(crate) fn expiry(column: &str, retention_days: u32) -> Option<String> {
    (retention_days > 0).then(|| format!("toDateTime({column}) + toIntervalDay({retention_days})"))
}

/// Returns the statements that make database, tables and view where they are absent, in order.
///
/// `database` is a checked name. `retention_days` of 0 keeps spans.
pub(crate) fn statements(database: &str, retention_days: u32) -> [String; 4] {
    let ttl = |column: &str| expiry(column, retention_days).map(|expiry| format!("TTL {expiry}\n")).unwrap_or_default();
    [
        format!("CREATE DATABASE IF NOT EXISTS `{database}`"),
        format!(
            "CREATE TABLE IF NOT EXISTS `{database}`.`{TABLE}` (
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
) ENGINE = MergeTree()
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
{}SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1",
            ttl("Timestamp")
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS `{database}`.`{TABLE}_trace_id_ts` (
    TraceId String CODEC(ZSTD(1)),
    Start DateTime CODEC(Delta, ZSTD(1)),
    End DateTime CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree()
PARTITION BY toDate(Start)
ORDER BY (TraceId, Start)
{}SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1",
            ttl("Start")
        ),
        format!(
            "CREATE MATERIALIZED VIEW IF NOT EXISTS `{database}`.`{TABLE}_trace_id_ts_mv`
TO `{database}`.`{TABLE}_trace_id_ts`
AS SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End
FROM `{database}`.`{TABLE}`
WHERE TraceId != ''
GROUP BY TraceId"
        ),
    ]
}

#[cfg(test)]
mod tests {
    use clickhouse::Row;

    use super::*;
    use crate::row::SpanRow;

    #[test]
    fn the_row_has_the_columns_of_the_table_in_their_order() {
        let [_, table, ..] = statements("champion", 0);
        let mut nested = "";
        let mut columns = Vec::new();
        for line in table.lines().skip(1).take_while(|line| !line.contains("INDEX")) {
            let name = line.split_whitespace().next().expect("no blank line");
            match name {
                "Events" | "Links" => nested = name,
                ")" => nested = "",
                name if nested.is_empty() => columns.push(name.to_owned()),
                name => columns.push(format!("{nested}.{name}")),
            }
        }
        assert_eq!(SpanRow::COLUMN_NAMES, columns.as_slice());
    }

    #[test]
    fn spans_are_kept_for_ever_or_for_the_days_asked_for() {
        assert!(statements("champion", 0).iter().all(|statement| !statement.contains("TTL ")));
        let [_, traces, lookup, _] = statements("champion", 30);
        assert!(traces.contains("TTL toDateTime(Timestamp) + toIntervalDay(30)\nSETTINGS"));
        assert!(lookup.contains("TTL toDateTime(Start) + toIntervalDay(30)\nSETTINGS"));
    }
}
