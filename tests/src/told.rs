//! What an orchestrator tells of days: its status, its gap reports and the gauges that follow from what is in.

use serde_json::{Value, json};

use crate::Client;

/// Gauges that follow from what is in, and from the clock.
const GAUGES: [&str; 6] = [
    "champion_due_trade_date_seconds",
    "champion_gap_sessions",
    "champion_last_success_timestamp_seconds",
    "champion_last_trade_date_seconds",
    "champion_runs_in_progress",
    "champion_trading_day",
];

/// Whether the times at which things were done are told too; they differ between two lakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instants {
    /// They are.
    Told,
    /// They are not.
    LeftOut,
}

/// Asks an orchestrator, `orchestrator` or the standby of a fleet, for everything it tells of the days of a range.
///
/// # Panics
/// When it does not answer.
#[must_use]
pub fn told(client: &Client, service: &str, (from, to): (&str, &str), instants: Instants) -> Value {
    let url = format!("http://{}", client.address(service, "grpc"));
    let ask = |arguments: &[&str]| client.champion(&[arguments, &["--json", "--orchestrator", &url]].concat());
    let mut status = ask(&["status"]).expect_code(0).json();
    for of_the_process in ["orchestrator", "sources"] {
        status.as_object_mut().expect("an object").remove(of_the_process);
    }
    let left_out = instants == Instants::LeftOut;
    for dataset in status["datasets"].as_array_mut().expect("datasets").iter_mut().filter(|_| left_out) {
        dataset.as_object_mut().expect("an object").remove("last_success_at");
    }
    let gaps = ask(&["gaps", "--from", from, "--to", to]).json_lines();
    json!({"status": status, "gaps": gaps, "gauges": gauges(&client.metrics(service), left_out)})
}

fn gauges(exposition: &str, without_instants: bool) -> Vec<&str> {
    let is_told = |name: &&str| !(without_instants && name.contains("last_success"));
    let names: Vec<&str> = GAUGES.into_iter().filter(is_told).collect();
    let mut lines: Vec<&str> =
        exposition.lines().filter(|line| names.iter().any(|name| line.starts_with(name))).collect();
    lines.sort_unstable();
    lines
}
