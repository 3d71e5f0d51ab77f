//! The services' own metrics, before and after.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Client;

use crate::endpoints::Endpoints;

/// Figures that tell the story: service, metric, and the labels they are split by.
const TOLD: &[(&str, &str, &[&str])] = &[
    ("orchestrator", "nse_pipeline_flow_duration_seconds_count", &["flow_name", "status"]),
    ("orchestrator", "champion_run_failures_total", &["flow_name", "stage"]),
    ("orchestrator", "champion_corrections_total", &["dataset"]),
    ("scraper", "nse_scraper_files_downloaded_total", &["scraper"]),
    ("scraper", "champion_source_requests_total", &["source", "outcome"]),
    ("scraper", "champion_files_set_aside_total", &["scraper"]),
    ("scraper", "circuit_breaker_failures_total", &["source"]),
    ("scraper", "circuit_breaker_state_transitions_total", &["source", "from_state", "to_state"]),
    ("parser", "nse_scraper_rows_parsed_total", &["scraper", "status"]),
    ("parser", "champion_validation_failures_total", &["failure_type"]),
    ("parser", "champion_corporate_actions_processed_total", &["action_type"]),
    ("parquet-writer", "nse_pipeline_parquet_write_success_total", &["table"]),
    ("parquet-writer", "nse_pipeline_parquet_write_failed_total", &["table"]),
    ("clickhouse-loader", "nse_pipeline_clickhouse_load_success_total", &["table"]),
    ("clickhouse-loader", "nse_pipeline_clickhouse_load_failed_total", &["table"]),
];

/// An admin port is on this machine.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Place of a figure: position in [`TOLD`] and values of its labels.
type Key = (usize, String);

/// Figures by their place.
pub(super) type Figures = BTreeMap<Key, f64>;

/// A figure that moved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) service: &'static str,
    pub(super) metric: &'static str,
    pub(super) labels: String,
    pub(super) before: f64,
    pub(super) after: f64,
}

/// Reads the figures from the services' `/metrics`.
///
/// # Errors
/// Fails when a service does not answer.
pub(super) async fn read(endpoints: &Endpoints) -> anyhow::Result<Figures> {
    let client = Client::builder().timeout(TIMEOUT).no_proxy().build()?;
    let mut pages: BTreeMap<&str, String> = BTreeMap::new();
    let mut figures = Figures::new();
    for (position, (service, metric, by)) in TOLD.iter().enumerate() {
        if !pages.contains_key(service) {
            let admin = endpoints.0.get(*service).and_then(|endpoint| endpoint.admin.as_ref());
            let admin = admin.with_context(|| format!("the {service} has no admin port"))?;
            let answer = client.get(format!("http://{admin}/metrics")).send().await;
            let answer = answer.map_err(|error| tonic::Status::unavailable(format!("{service}: {error}")))?;
            ensure!(answer.status().is_success(), "/metrics of the {service} answers {}", answer.status());
            pages.insert(service, answer.text().await?);
        }
        for (labels, value) in samples(&pages[service], metric) {
            let shown: Vec<String> = by
                .iter()
                .filter_map(|name| labels.iter().find(|(label, _)| label == name))
                .map(|(label, value)| format!("{label}={value}"))
                .collect();
            *figures.entry((position, shown.join(" "))).or_default() += value;
        }
    }
    Ok(figures)
}

/// Returns what differs, in the order of the story.
pub(super) fn changes(before: &Figures, after: &Figures) -> Vec<Change> {
    let change = |((position, labels), value): (&Key, &f64)| {
        let (service, metric, _) = TOLD[*position];
        let earlier = before.get(&(*position, labels.clone())).copied().unwrap_or_default();
        let moved = (value - earlier).abs() > f64::EPSILON;
        moved.then(|| Change { service, metric, labels: labels.clone(), before: earlier, after: *value })
    };
    after.iter().filter_map(change).collect()
}

/// Labels and value of each sample of a metric in the text format.
fn samples<'a>(page: &'a str, metric: &str) -> Vec<(Vec<(&'a str, &'a str)>, f64)> {
    let read = |line: &'a str| {
        let rest = line.strip_prefix(metric)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(labelled) => labelled.rsplit_once("} ")?,
            None => ("", rest.strip_prefix(' ')?),
        };
        let pairs = labels.split_terminator("\",").filter_map(|pair| pair.trim_end_matches('"').split_once("=\""));
        Some((pairs.collect(), value.parse().ok()?))
    };
    page.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# HELP a_total Things.\n# TYPE a_total counter\na_total{source=\"x\",state=\"half open\"} 3\n\
                        a_total{source=\"y\",state=\"\"} 1\na_total_more 7\nb 2.5\n";

    #[test]
    fn samples_of_one_metric_are_read_with_their_labels() {
        let found = samples(PAGE, "a_total");
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], (vec![("source", "x"), ("state", "half open")], 3.0));
        assert_eq!(samples(PAGE, "b"), vec![(Vec::new(), 2.5)]);
        assert!(samples(PAGE, "a").is_empty());
    }

    #[test]
    fn what_moved_is_told_and_what_did_not_is_left_out() {
        let figures = |value: f64| Figures::from([((0, "flow_name=x".to_owned()), value), ((1, String::new()), 1.0)]);
        let moved = changes(&figures(2.0), &figures(5.0));
        assert_eq!(moved.len(), 1, "{moved:?}");
        assert_eq!((moved[0].before, moved[0].after, moved[0].service), (2.0, 5.0, "orchestrator"));
    }
}
