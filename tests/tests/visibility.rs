//! One run is one trace, every stage has its metrics, every log line of a run carries the trace id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use champion_e2e::prometheus::Prometheus;
use champion_e2e::tap::Tap;
use champion_e2e::wait::wait_until;
use champion_e2e::Stack;
use serde_json::Value;

/// A span as a foreign receiver saw it.
#[derive(Debug, Clone)]
struct Seen {
    id: String,
    parent: String,
    service: String,
    name: String,
}

/// Finds the spans of a trace in what oteltap printed, whatever its nesting.
fn spans_of(received: &[Value], trace_id: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    for document in received {
        collect(document, "", trace_id, &mut seen);
    }
    seen
}

fn collect(value: &Value, service: &str, trace_id: &str, seen: &mut Vec<Seen>) {
    let text = |value: &Value, names: [&str; 2]| {
        names.iter().find_map(|name| value.get(*name)?.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let service = service_name(value).unwrap_or_else(|| service.to_owned());
    if hex(&text(value, ["traceId", "trace_id"])) == trace_id {
        seen.push(Seen {
            id: hex(&text(value, ["spanId", "span_id"])),
            parent: hex(&text(value, ["parentSpanId", "parent_span_id"])),
            service: service.clone(),
            name: text(value, ["name", "name"]),
        });
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, &service, trace_id, seen)),
        Value::Object(fields) => fields.values().for_each(|item| collect(item, &service, trace_id, seen)),
        _ => {}
    }
}

/// Reads `service.name` of a resource that stands beside its spans.
fn service_name(value: &Value) -> Option<String> {
    let attributes = value.get("resource")?.get("attributes")?;
    match attributes {
        Value::Array(items) => {
            let item = items.iter().find(|item| item["key"] == "service.name")?;
            item["value"].get("stringValue").or(item["value"].get("string_value"))?.as_str().map(str::to_owned)
        }
        Value::Object(fields) => fields.get("service.name")?.as_str().map(str::to_owned),
        _ => None,
    }
}

/// Ids come as hex or, in protobuf's JSON form, as base64.
fn hex(text: &str) -> String {
    if text.len() % 16 == 0 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return text.to_ascii_lowercase();
    }
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut count = 0;
    let mut out = String::new();
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let Some(value) = alphabet.iter().position(|letter| *letter == byte) else { return text.to_owned() };
        bits = (bits << 6) | u32::try_from(value).unwrap_or(0);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push_str(&format!("{:02x}", (bits >> count) & 0xff));
        }
    }
    out
}

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
    let services: BTreeSet<String> = [
        "champion",
        "champion-orchestrator",
        "champion-scraper",
        "champion-parser",
        "champion-parquet-writer",
        "champion-clickhouse-loader",
    ]
    .map(str::to_owned)
    .into();
    let spans = wait_until("spans of every service", Duration::from_secs(20), || {
        let spans = spans_of(&tap.received(), &trace_id);
        let from: BTreeSet<String> = spans.iter().map(|span| span.service.clone()).collect();
        services.is_subset(&from).then_some(spans)
    });
    let by_id: BTreeMap<&str, &Seen> = spans.iter().map(|span| (span.id.as_str(), span)).collect();
    let roots: Vec<&Seen> = spans.iter().filter(|span| span.parent.is_empty()).collect();
    assert_eq!(roots.len(), 1, "one root, not {roots:?}");
    assert_eq!(roots[0].service, "champion", "the command is the root");
    let calls = [
        ("champion-scraper", "champion.scraper.v1.ScraperService/Fetch"),
        ("champion-parser", "champion.parser.v1.ParserService/Parse"),
        ("champion-parquet-writer", "champion.writer.v1.WriterService/Write"),
        ("champion-clickhouse-loader", "champion.loader.v1.LoaderService/Load"),
    ];
    for (service, name) in calls {
        let server = spans.iter().find(|span| span.service == service && span.name == name);
        let server = server.unwrap_or_else(|| panic!("{service} has no span {name} in {spans:#?}"));
        let caller = by_id.get(server.parent.as_str()).unwrap_or_else(|| panic!("the parent of {name} is not there"));
        assert_eq!((caller.service.as_str(), caller.name.as_str()), ("champion-orchestrator", name), "the caller's span");
    }
    for span in spans.iter().filter(|span| !span.parent.is_empty()) {
        assert!(by_id.contains_key(span.parent.as_str()), "the parent of {span:?} never arrived");
    }

    // Every service wrote log lines with this trace id, top-level and in hex.
    for service in ["orchestrator", "scraper", "parser", "parquet-writer", "clickhouse-loader"] {
        let log = stack.log(service);
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
        assert!(lines.iter().any(|line| line["trace_id"] == trace_id.as_str()), "{service} logged nothing of the run:\n{log}");
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
