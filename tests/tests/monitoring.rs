//! Every expression of the alert rules and dashboards, evaluated by a real Prometheus that has watched `metrics-demo`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use champion_e2e::prometheus::Prometheus;
use champion_e2e::promql::{self, Inventory};
use champion_e2e::{Stack, grafana, programs};

/// The metrics that are a contract with readers: each has to be seen on a dashboard.
const CONTRACT: [&str; 36] = [
    "nse_scraper_files_downloaded_total",
    "nse_scraper_scrape_duration_seconds",
    "nse_scraper_last_successful_scrape_timestamp",
    "circuit_breaker_state",
    "circuit_breaker_failures_total",
    "circuit_breaker_state_transitions_total",
    "champion_source_requests_total",
    "champion_files_set_aside_total",
    "nse_scraper_rows_parsed_total",
    "champion_validation_total",
    "champion_validation_failures_total",
    "champion_validation_failure_rate",
    "champion_corporate_actions_processed_total",
    "champion_stocks_ingested_total",
    "nse_pipeline_parquet_write_success_total",
    "nse_pipeline_parquet_write_failed_total",
    "nse_pipeline_clickhouse_load_success_total",
    "nse_pipeline_clickhouse_load_failed_total",
    "champion_warehouse_load_latency_seconds",
    "champion_warehouse_up",
    "champion_warehouse_parts",
    "nse_pipeline_flow_duration_seconds",
    "champion_last_success_timestamp_seconds",
    "champion_last_trade_date_seconds",
    "champion_due_trade_date_seconds",
    "champion_gap_sessions",
    "champion_corrections_total",
    "champion_run_failures_total",
    "champion_trading_day",
    "champion_runs_in_progress",
    "champion_oldest_run_started_timestamp_seconds",
    "champion_disk_free_bytes",
    "champion_disk_size_bytes",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "grpc_server_handled_total",
];

/// The rules compare half a minute with the half minute before it, so the first comparison takes a minute.
const DEADLINE: Duration = Duration::from_secs(75);

/// A range that reaches back to the beginning of the test.
const WHOLE_TEST: &str = "10m";

/// An expression that has to have a result.
#[derive(Debug)]
struct Wanted {
    place: String,
    expression: String,
    legend: Vec<String>,
}

fn dashboards() -> Vec<PathBuf> {
    let folder = programs::root().join("monitoring/grafana/dashboards");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

/// Answers the variables of the dashboards.
fn label_values(prometheus: &Prometheus, selector: &str, label: &str) -> Vec<String> {
    let samples = prometheus.query(selector);
    let values: BTreeSet<String> =
        samples.iter().filter_map(|(labels, _)| labels[label].as_str().map(str::to_owned)).collect();
    values.into_iter().collect()
}

fn read_dashboards(prometheus: &Prometheus) -> Vec<grafana::Query> {
    let ask = |selector: &str, label: &str| label_values(prometheus, selector, label);
    dashboards().iter().flat_map(|file| grafana::queries(file, &ask)).collect()
}

/// What has to have a result. An alert is empty while all is well, and so is an annotation: they are opened.
fn wanted(rules: &[(String, String, String)], queries: &[grafana::Query]) -> Vec<Wanted> {
    let open = |place: &str, expression: &str| -> Vec<Wanted> {
        let sides = promql::opened(expression).into_iter();
        sides.map(|expression| Wanted { place: place.to_owned(), expression, legend: Vec::new() }).collect()
    };
    let mut all = Vec::new();
    for (kind, name, expression) in rules {
        let place = format!("rule {name}");
        if kind == "alerting" {
            all.extend(open(&place, expression));
        } else {
            all.push(Wanted { place, expression: expression.clone(), legend: Vec::new() });
        }
    }
    for query in queries {
        if query.annotation {
            all.extend(open(&query.place, &query.expression));
        } else {
            let (place, legend) = (query.place.clone(), query.legend.clone());
            all.push(Wanted { place, expression: query.expression.clone(), legend });
        }
    }
    let expressions = rules.iter().map(|(.., expression)| expression);
    let selectors: BTreeSet<String> = expressions
        .chain(queries.iter().map(|query| &query.expression))
        .flat_map(|one| promql::selectors(one))
        .collect();
    let selector = |selector| {
        // A rule's result may be there for a moment only.
        let expression = format!("last_over_time({selector}[{WHOLE_TEST}])");
        Wanted { place: "selector".to_owned(), expression, legend: Vec::new() }
    };
    all.extend(selectors.into_iter().map(selector));
    // It exists for the alerts that fire, and not for the others.
    all.retain(|one| !promql::metrics(&one.expression).contains("ALERTS"));
    all
}

/// Evaluates until every expression has had a result once, or the time is over; returns the faults.
fn evaluate(prometheus: &Prometheus, mut wanted: Vec<Wanted>, until: Instant) -> Vec<String> {
    let mut faults = Vec::new();
    loop {
        wanted.retain(|one| match prometheus.evaluate(&one.expression) {
            Ok(samples) if samples.is_empty() => true,
            Ok(samples) => {
                let shown = |label: &String| samples.iter().any(|(labels, _)| labels.get(label).is_some());
                let missing: Vec<&String> = one.legend.iter().filter(|label| !shown(label)).collect();
                if !missing.is_empty() {
                    faults.push(format!(
                        "{}: the legend shows {missing:?}, and no sample has it: {}",
                        one.place, one.expression
                    ));
                }
                false
            }
            Err(error) => {
                faults.push(format!("{}: {error}: {}", one.place, one.expression));
                false
            }
        });
        if wanted.is_empty() || Instant::now() > until {
            faults.extend(wanted.iter().map(|one| format!("{} is empty: {}", one.place, one.expression)));
            return faults;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn every_expression_of_rules_and_dashboards_has_a_result_and_asks_for_what_exists() {
    let began = Instant::now();
    let stack = Stack::builder().variable("CHAMPION_SCRAPER__BREAKER__OPEN_SECONDS", "2").start();
    let prometheus = Prometheus::ruling(&stack);
    stack.champion(&["metrics-demo", "--json"]).expect_code(0);
    eprintln!("the stack is up and the demo is over after {:?}", began.elapsed());

    let rules = prometheus.rules();
    assert!(rules.iter().filter(|(kind, ..)| kind == "alerting").count() >= 26, "not all alerts are loaded: {rules:?}");
    let queries = read_dashboards(&prometheus);
    let alert_expressions = rules.iter().map(|(_, name, expression)| (format!("rule {name}"), expression.clone()));
    let panel_expressions = queries.iter().map(|query| (query.place.clone(), query.expression.clone()));
    let expressions: BTreeMap<String, BTreeSet<String>> =
        alert_expressions.chain(panel_expressions).fold(BTreeMap::new(), |mut all, (place, expression)| {
            all.entry(place).or_default().insert(expression);
            all
        });

    let mut faults = evaluate(&prometheus, wanted(&rules, &queries), began + DEADLINE);
    eprintln!("{} expressions are evaluated after {:?}", wanted(&rules, &queries).len(), began.elapsed());

    let seen = prometheus.evaluate(&format!(r#"last_over_time({{__name__=~".+"}}[{WHOLE_TEST}])"#));
    let mut inventory = Inventory::of(&seen.expect("Prometheus names what it has seen"));
    for (state, severity) in
        [("pending", "critical"), ("firing", "critical"), ("firing", "warning"), ("firing", "info")]
    {
        let labels = [("alertname", "any"), ("alertstate", state), ("severity", severity), ("component", "any")];
        inventory.add("ALERTS", &labels);
    }
    for (place, expressions) in &expressions {
        for expression in expressions {
            faults.extend(promql::faults(expression, &inventory).into_iter().map(|fault| format!("{place}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));

    let used: BTreeSet<String> = queries.iter().flat_map(|query| promql::metrics(&query.expression)).collect();
    let shown = |metric: &&str| {
        used.contains(*metric)
            || ["_bucket", "_sum", "_count"].iter().any(|part| used.contains(&format!("{metric}{part}")))
    };
    let unseen: Vec<&str> = CONTRACT.into_iter().filter(|metric| !shown(metric)).collect();
    assert!(unseen.is_empty(), "no dashboard shows {unseen:?}");
    eprintln!("all of it took {:?}", began.elapsed());
}
