//! `docs/metrics.md` names every metric as the running services expose it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use champion_e2e::exposition::{Metric, read};
use champion_e2e::{Stack, programs};

const BEGIN: &str = "<!-- metrics: begin -->\n";
const END: &str = "<!-- metrics: end -->";

/// The order in which a file passes the services.
const SERVICES: [&str; 8] = [
    "scraper",
    "parser",
    "parquet-writer",
    "clickhouse-loader",
    "orchestrator",
    "embedded-warehouse",
    "trace-collector",
    "exchange-mirror",
];

/// Metrics by name, with the services that expose them.
type Catalogue = BTreeMap<String, (Metric, BTreeSet<&'static str>)>;

fn catalogue(stack: &Stack) -> Catalogue {
    let mut all = Catalogue::new();
    for service in SERVICES {
        for (name, metric) in read(&stack.metrics(service)) {
            let (known, services) = all.entry(name.clone()).or_insert_with(|| (metric.clone(), BTreeSet::new()));
            assert_eq!((&known.kind, &known.help), (&metric.kind, &metric.help), "{name} is two things: see {service}");
            known.labels.extend(metric.labels);
            services.insert(service);
        }
    }
    all
}

/// The unit that a name promises.
fn unit(name: &str, metric: &Metric) -> &'static str {
    let ends = |end: &str| name.ends_with(end);
    if ends("_timestamp") || ends("_timestamp_seconds") || ends("_date_seconds") || name == "process_start_time_seconds"
    {
        "Unix time, seconds"
    } else if ends("_seconds") || ends("_seconds_total") {
        "seconds"
    } else if ends("_bytes") || ends("_bytes_total") {
        "bytes"
    } else if ends("_rate") || ends("_ratio") {
        "share, 0 to 1"
    } else if ends("_state") || ends("_up") || ends("_info") || ends("_day") {
        "state"
    } else if metric.kind == "gauge" {
        "number"
    } else {
        "count"
    }
}

fn table(title: &str, metrics: &[(&String, &(Metric, BTreeSet<&'static str>))], processes: bool) -> String {
    let mut text = format!("## {title}\n\n| metric | type | labels | unit | meaning |");
    text.push_str(if processes { " processes |\n|---|---|---|---|---|---|\n" } else { "\n|---|---|---|---|---|\n" });
    for (name, (metric, services)) in metrics {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        let Metric { kind, help, .. } = metric;
        let help = help.replace('|', "\\|");
        write!(text, "| `{name}` | {kind} | {labels} | {} | {help} |", unit(name, metric)).expect("a string takes all");
        if processes {
            let all = services.len() == SERVICES.len();
            let listed =
                SERVICES.into_iter().filter(|service| services.contains(service)).collect::<Vec<_>>().join(", ");
            write!(text, " {} |", if all { "every one" } else { &listed }).expect("a string takes all");
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

fn rendered(catalogue: &Catalogue) -> String {
    let mut text = String::new();
    for service in SERVICES {
        let alone = |(_, (_, services)): &(&String, &(Metric, BTreeSet<&'static str>))| {
            services.len() == 1 && services.contains(service)
        };
        let own: Vec<_> = catalogue.iter().filter(alone).collect();
        text.push_str(&table(service, &own, false));
    }
    let shared: Vec<_> = catalogue.iter().filter(|(_, (_, services))| services.len() > 1).collect();
    text.push_str(&table("Several processes", &shared, true));
    text
}

/// `UPDATE_DOCS=1 cargo nextest run -p champion-e2e the_page_of_metrics` writes the tables anew.
#[test]
fn the_page_of_metrics_says_what_the_running_services_expose_and_work_adds_no_metric_or_label() {
    let stack = Stack::builder().start();
    let from_the_start = catalogue(&stack);
    for dataset in ["bhavcopy", "full_bhavcopy", "corporate_actions"] {
        stack.champion(&["run", dataset, "--date", "2024-07-08"]).expect_code(0);
    }
    let after = catalogue(&stack);
    for (name, (metric, services)) in &after {
        let before = from_the_start.get(name).unwrap_or_else(|| panic!("{name} does not exist from the start"));
        assert_eq!(before, &(metric.clone(), services.clone()), "{name} is another one after a run");
        assert!(!metric.help.is_empty() && !metric.kind.is_empty(), "{name}: {metric:?}");
    }
    let path = programs::root().join("docs/metrics.md");
    let text = std::fs::read_to_string(&path).expect("docs/metrics.md is there");
    let (before, rest) = text.split_once(BEGIN).expect("it has a begin mark");
    let (written, end) = rest.split_once(END).expect("it has an end mark");
    let rendered = rendered(&after);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{rendered}{END}{end}")).expect("a file of ours");
        return;
    }
    assert_eq!(written, rendered, "docs/metrics.md is out of date: run this test with UPDATE_DOCS=1");
}
