//! One run is one trace, every stage has its metrics, every log line of a run carries the trace id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use champion_e2e::Stack;
use champion_e2e::prometheus::Prometheus;
use champion_e2e::tap::Tap;
use champion_e2e::wait::wait_until;
use serde_json::Value;

/// A span as a foreign receiver saw it. oteltap prints spans without their resource; which process a span comes from
/// follows from its name and kind: only the scraper is the server of `ScraperService/Fetch`.
#[derive(Debug, Clone)]
struct Seen {
    id: String,
    parent: String,
    name: String,
    kind: u64,
}

/// `SpanKind` of OTLP.
const SERVER: u64 = 2;
const CLIENT: u64 = 3;

fn spans_of(received: &[Value], trace_id: &str) -> Vec<Seen> {
    let text = |span: &Value, name: &str| span[name].as_str().unwrap_or_default().to_owned();
    received
        .iter()
        .filter(|span| span["traceId"] == trace_id)
        .map(|span| Seen {
            id: text(span, "spanId"),
            parent: text(span, "parentSpanId"),
            name: text(span, "name"),
            kind: span["kind"].as_u64().unwrap_or_default(),
        })
        .collect()
}

/// The calls of a run, from the command to the last stage.
const CALLS: [&str; 5] = [
    "champion.orchestrator.v1.OrchestratorService/Run",
    "champion.scraper.v1.ScraperService/Fetch",
    "champion.parser.v1.ParserService/Parse",
    "champion.writer.v1.WriterService/Write",
    "champion.loader.v1.LoaderService/Load",
];

#[test]
fn a_run_is_one_trace_over_every_service_and_each_parent_is_the_callers_span() {
    let tap = Tap::start();
    let stack = Stack::builder()
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &tap.endpoint())
        .variable("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        .variable("OTEL_BSP_SCHEDULE_DELAY", "200")
        .start();
    let events = stack.champion(&["run", "bhavcopy", "--date", "2024-07-08", "--json"]).expect_code(0).json_lines();
    let trace_id = events[0]["trace_id"].as_str().expect("a trace id").to_owned();
    let spans = wait_until("both ends of every call and every parent", Duration::from_secs(20), || {
        let spans = spans_of(&tap.received(), &trace_id);
        let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
        let whole = spans.iter().all(|span| span.parent.is_empty() || ids.contains(span.parent.as_str()));
        let has = |name: &str, kind| spans.iter().any(|span| span.name == name && span.kind == kind);
        let both = CALLS.iter().all(|name| has(name, CLIENT) && has(name, SERVER));
        (whole && both).then_some(spans)
    });
    let by_id: BTreeMap<&str, &Seen> = spans.iter().map(|span| (span.id.as_str(), span)).collect();
    let roots: Vec<&Seen> = spans.iter().filter(|span| span.parent.is_empty()).collect();
    assert_eq!(roots.len(), 1, "one root, not {roots:?}");
    assert_eq!(roots[0].name, "champion run", "the command is the root");
    for name in CALLS {
        for server in spans.iter().filter(|span| span.name == name && span.kind == SERVER) {
            let caller = by_id[server.parent.as_str()];
            assert_eq!((caller.name.as_str(), caller.kind), (name, CLIENT), "the parent is the caller's span");
        }
    }
    // The request to the warehouse carries the context too: its server is the warehouse.
    let insert = spans.iter().find(|span| span.kind == SERVER && span.name == "warehouse query");
    assert!(insert.is_some(), "the warehouse is not in the trace: {spans:#?}");

    // Every service wrote log lines with this trace id, top-level and in hex.
    for service in ["orchestrator", "scraper", "parser", "parquet-writer", "clickhouse-loader"] {
        let log = stack.log(service);
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
        assert!(
            lines.iter().any(|line| line["trace_id"] == trace_id.as_str()),
            "{service} logged nothing of the run:\n{log}"
        );
    }
}

#[test]
fn the_stacks_own_collector_keeps_the_trace_and_the_command_draws_it() {
    let stack = Stack::builder().start();
    let events = stack.champion(&["run", "bhavcopy", "--date", "2024-07-08", "--json"]).expect_code(0).json_lines();
    let run_id = events[0]["run_id"].as_str().expect("a run id").to_owned();
    let drawn = stack.champion(&["trace", &run_id]).expect_code(0).stdout;
    for service in ["champion ", "orchestrator", "scraper", "parser", "parquet-writer", "clickhouse-loader"] {
        assert!(drawn.lines().any(|line| line.starts_with(service)), "no {service} in\n{drawn}");
    }
    assert!(drawn.contains('█') || drawn.contains('▏'), "{drawn}");
    // By trace id too, and for machines.
    let trace_id = events[0]["trace_id"].as_str().expect("a trace id");
    let json = stack.champion(&["trace", trace_id, "--json"]).expect_code(0).json();
    assert!(json["spans"].as_array().is_some_and(|spans| spans.len() > 10), "{json}");
}

#[test]
fn a_real_prometheus_scrapes_every_service_and_every_known_series_exists_from_the_start() {
    let stack = Stack::builder().start();
    let prometheus = Prometheus::scraping(&stack);
    let services = stack.services();
    let up = wait_until("every target to be up", Duration::from_secs(30), || {
        let up = prometheus.query("up == 1");
        (up.len() == services.len()).then_some(up)
    });
    assert_eq!(up.len(), services.len());

    // Name and number of label combinations of every metric that is given; all of them are there and at 0.
    let from_the_start = [
        ("nse_scraper_files_downloaded_total", 3),
        ("nse_scraper_scrape_duration_seconds_count", 3),
        ("nse_scraper_last_successful_scrape_timestamp", 3),
        ("circuit_breaker_state", 1),
        ("circuit_breaker_failures_total", 1),
        ("circuit_breaker_state_transitions_total", 1),
        ("nse_scraper_rows_parsed_total", 6),
        ("champion_validation_total", 4),
        ("champion_validation_failures_total", 4),
        ("champion_validation_failure_rate", 4),
        ("champion_corporate_actions_processed_total", 10),
        ("nse_pipeline_parquet_write_success_total", 4),
        ("nse_pipeline_parquet_write_failed_total", 4),
        ("nse_pipeline_clickhouse_load_success_total", 4),
        ("nse_pipeline_clickhouse_load_failed_total", 4),
        ("champion_warehouse_load_latency_seconds_count", 4),
        ("nse_pipeline_flow_duration_seconds_count", 6),
        ("champion_last_success_timestamp_seconds", 3),
        ("champion_last_trade_date_seconds", 3),
        ("champion_trading_day", 1),
        ("champion_runs_in_progress", 3),
        ("champion_oldest_run_started_timestamp_seconds", 3),
    ];
    for (name, least) in from_the_start {
        let samples = prometheus.query(name);
        assert!(samples.len() >= least, "{name}: {} series, expected at least {least}", samples.len());
        assert!(
            name == "champion_trading_day" || samples.iter().all(|(_, value)| value.abs() < f64::EPSILON),
            "{name} does not start at 0: {samples:?}"
        );
    }
    for service in &services {
        let info = prometheus.query(&format!("champion_build_info{{job=\"{service}\"}}"));
        assert_eq!(info.len(), 1, "{service} has no build info");
        let cpu = prometheus.query(&format!("process_resident_memory_bytes{{job=\"{service}\"}}"));
        assert_eq!(cpu.len(), 1, "{service} has no process metrics");
    }

    // After a run the counters are what the run did.
    stack.champion(&["run", "bhavcopy", "--date", "2024-07-08"]).expect_code(0);
    let after = [
        (r#"nse_scraper_files_downloaded_total{scraper="bhavcopy"}"#, 1.0),
        (r#"nse_pipeline_parquet_write_success_total{table="normalized_equity_ohlc"}"#, 1.0),
        (r#"nse_pipeline_clickhouse_load_success_total{table="raw_equity_ohlc"}"#, 1.0),
        (r#"nse_pipeline_flow_duration_seconds_count{flow_name="bhavcopy_etl",status="success"}"#, 1.0),
    ];
    for (expression, expected) in after {
        wait_until(expression, Duration::from_secs(10), || {
            let samples = prometheus.query(expression);
            samples.iter().any(|(_, value)| (value - expected).abs() < f64::EPSILON).then_some(())
        });
    }
    let failed = prometheus.query(r#"{__name__=~"nse_pipeline_.*_failed_total"} > 0"#);
    assert!(failed.is_empty(), "{failed:?}");
}
