//! Spans in the table of a real ClickHouse.

use clickhouse::Row;
use serde::Deserialize;

use crate::export::{START, over_grpc, over_http, span};
use crate::harness::{Collector, Warehouse, configured, free_port, wait_until};

type Attributes = Vec<(String, String)>;

/// A row as a reader of the Collector's tables sees it.
#[derive(Debug, PartialEq, Row, Deserialize)]
struct Kept {
    start: i64,
    ids: Vec<String>,
    names: Vec<String>,
    resource: Attributes,
    attributes: Attributes,
    duration: u64,
    event_times: Vec<i64>,
    event_names: Vec<String>,
    event_attributes: Vec<Attributes>,
    links: Vec<String>,
    link_attributes: Vec<Attributes>,
}

const SELECT: &str = "SELECT toUnixTimestamp64Nano(Timestamp) AS start, \
    [TraceId, SpanId, ParentSpanId, TraceState] AS ids, \
    [ServiceName, SpanName, SpanKind, ScopeName, ScopeVersion, StatusCode, StatusMessage]::Array(String) AS names, \
    ResourceAttributes::Map(String, String) AS resource, SpanAttributes::Map(String, String) AS attributes, \
    Duration AS duration, \
    arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp) AS event_times, \
    Events.Name::Array(String) AS event_names, Events.Attributes::Array(Map(String, String)) AS event_attributes, \
    arrayConcat(Links.TraceId, Links.SpanId, Links.TraceState) AS links, \
    Links.Attributes::Array(Map(String, String)) AS link_attributes \
    FROM otel_traces ORDER BY SpanName";

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn kept(name: &str, service: &str) -> Kept {
    let start = i64::try_from(START).expect("before 2262");
    Kept {
        start,
        ids: texts(&[&"0a".repeat(16), &"0b".repeat(8), &"0c".repeat(8), "a=b"]),
        names: texts(&[service, name, "Client", "scope", "1.2", "Error", "why"]),
        resource: vec![pair("service.name", service)],
        attributes: vec![pair("champion.table", "normalized_equity_ohlc"), pair("quote", "it's \"L&T\"\t\\n")],
        duration: 250,
        event_times: vec![start + 1],
        event_names: texts(&["retry"]),
        event_attributes: vec![vec![pair("n", "1")]],
        links: texts(&[&"01".repeat(16), &"02".repeat(8), "c=d"]),
        link_attributes: vec![vec![pair("l", "2")]],
    }
}

#[tokio::test]
async fn spans_of_both_protocols_are_kept_with_everything_they_said() {
    let Some(warehouse) = Warehouse::start() else { return };
    let collector = Collector::start(configured(&warehouse.url, &warehouse.database)).await;
    wait_until("the tables are there", || collector.is_ready()).await;
    over_grpc(collector.grpc, "champion-parser", vec![span("by grpc")]).await;
    over_http(collector.http, "champion", vec![span("by http")]).await;
    wait_until("both are written", || async { collector.counter("written", "") == 2 }).await;

    let rows: Vec<Kept> = warehouse.client().query_raw(SELECT).fetch_all().await.expect("a valid query");
    assert_eq!(rows, [kept("by grpc", "champion-parser"), kept("by http", "champion")]);
    let lookup = "SELECT TraceId, toUnixTimestamp(min(Start)) FROM otel_traces_trace_id_ts GROUP BY TraceId";
    let found: Vec<(String, u32)> = warehouse.client().query(lookup).fetch_all().await.expect("the view fills it");
    assert_eq!(found, [("0a".repeat(16), u32::try_from(START / 1_000_000_000).expect("before 2106"))]);
    collector.stop().await;
    warehouse.drop_database().await;
}

#[tokio::test]
async fn a_stop_writes_what_is_in_memory() {
    let Some(warehouse) = Warehouse::start() else { return };
    let mut config = configured(&warehouse.url, &warehouse.database);
    config.batch.interval_milliseconds = 3_600_000;
    let collector = Collector::start(config).await;
    over_grpc(collector.grpc, "s", (0..1000).map(|n| span(&n.to_string())).collect()).await;
    collector.stop().await;
    assert_eq!(warehouse.spans().await, 1000);
    warehouse.drop_database().await;
}

#[tokio::test]
async fn a_warehouse_that_comes_late_or_loses_its_tables_gets_every_span() {
    let (folder, port) = (tempfile::tempdir().expect("a temporary folder"), free_port());
    let collector = Collector::start(configured(&format!("http://127.0.0.1:{port}"), "late")).await;
    over_grpc(collector.grpc, "s", vec![span("a"), span("b")]).await;
    let Some(warehouse) = Warehouse::embedded(folder, "late".to_owned(), port) else { return };
    wait_until("the early spans are kept", || async { warehouse.spans().await == 2 }).await;

    warehouse.drop_database().await;
    over_http(collector.http, "s", vec![span("c")]).await;
    wait_until("the tables are made again", || async { warehouse.spans().await == 1 }).await;
    // The warehouse shows a span a moment before the writer has counted it.
    wait_until("all three are counted", || async { collector.counter("written", "") == 3 }).await;
    collector.stop().await;
}

#[tokio::test]
async fn spans_go_when_they_are_old_also_from_tables_that_were_made_without_an_age() {
    let Some(warehouse) = Warehouse::start() else { return };
    let mut config = configured(&warehouse.url, &warehouse.database);
    let collector = Collector::start(config.clone()).await;
    over_http(collector.http, "s", vec![span("old")]).await;
    wait_until("the old span is kept", || async { warehouse.spans().await == 1 }).await;
    collector.stop().await;
    let now = "INSERT INTO otel_traces (Timestamp, TraceId, SpanName) SELECT now64(9), 'new', 'new'";
    warehouse.client().query(now).execute().await.expect("a valid statement");

    config.warehouse.retention_days = 30;
    let collector = Collector::start(config.clone()).await;
    wait_until("the old span is gone", || async { warehouse.spans().await == 1 }).await;
    let left: String =
        warehouse.client().query("SELECT SpanName FROM otel_traces").fetch_one().await.expect("a valid query");
    assert_eq!(left, "new");
    let lookup = "SELECT count() FROM otel_traces_trace_id_ts WHERE TraceId != 'new'";
    wait_until("it is gone from the lookup too", || async {
        warehouse.client().query(lookup).fetch_one::<u64>().await.is_ok_and(|count| count == 0)
    })
    .await;
    collector.stop().await;

    // A change of the age is one, and the same again is none: it would read every part.
    let ages = async || {
        let sql = "SELECT extract(engine_full, 'toIntervalDay\\((.*)\\) SETTINGS'), assumeNotNull((SELECT count() FROM system.mutations \
                   WHERE database = currentDatabase())) FROM system.tables WHERE database = currentDatabase() AND name = 'otel_traces'";
        warehouse.client().query(sql).fetch_one::<(String, u64)>().await.expect("a valid query")
    };
    let (age, changes) = ages().await;
    assert_eq!(age, "30");
    for (days, expected, changed) in [(30, "30", false), (7, "7", true), (0, "", true)] {
        config.warehouse.retention_days = days;
        let before = ages().await.1;
        let collector = Collector::start(config.clone()).await;
        wait_until("the tables are there", || collector.is_ready()).await;
        let (age, after) = ages().await;
        assert_eq!(age, expected);
        assert!(changed || (before == after && after == changes), "{before} {after}");
        collector.stop().await;
    }
    warehouse.drop_database().await;
}
