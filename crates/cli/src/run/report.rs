//! What a run did, in words and tables.

use std::collections::BTreeMap;

use champion_market_data::{Dataset, TradeDate};
use champion_proto::artifact::v1::RowCounts;
use champion_proto::orchestrator::v1::{DayFinished, Finished, StepFinished};

use super::Outcome;
use crate::render::{count, harmless, milliseconds, say, short_key, size, table};

/// Prints the result of a day.
pub(super) fn day(dataset: Dataset, date: TradeDate, outcome: &Outcome) {
    if !outcome.steps.is_empty() {
        let headers = ["stage", "artifact", "rows", "bytes", "time", ""];
        let rows = outcome.steps.iter().map(step_row).collect();
        say(table(&headers, &["rows", "bytes", "time"], rows));
    }
    for day in &outcome.days {
        say(format!("{dataset} {date}: {}", day_words(day, outcome.nothing_done())));
    }
    tail(outcome);
}

/// Prints the result of a range of days.
pub(super) fn backfill(dataset: Dataset, (from, to): (TradeDate, TradeDate), outcome: &Outcome) {
    let mut stages: BTreeMap<usize, (String, u64, u64, u64, u64)> = BTreeMap::new();
    for step in &outcome.steps {
        let order = ["fetch", "parse", "write", "load"].iter().position(|stage| *stage == step.stage).unwrap_or(4);
        let entry = stages.entry(order).or_insert_with(|| (step.stage.clone(), 0, 0, 0, 0));
        let artifact = step.artifact.clone().unwrap_or_default();
        entry.1 += 1;
        entry.2 += artifact.rows;
        entry.3 += artifact.bytes;
        entry.4 += u64::from(step.reused);
    }
    if !stages.is_empty() {
        let headers = ["stage", "artifacts", "rows", "bytes", "done before"];
        let rows = stages
            .into_values()
            .map(|(stage, artifacts, rows, bytes, reused)| {
                let rows = if rows == 0 { "–".to_owned() } else { count(rows) };
                vec![stage, count(artifacts), rows, size(bytes), count(reused)]
            })
            .collect();
        say(table(&headers, &["artifacts", "rows", "bytes", "done before"], rows));
    }
    let mut states: BTreeMap<&str, Vec<&DayFinished>> = BTreeMap::new();
    for day in &outcome.days {
        states.entry(&day.state).or_default().push(day);
    }
    say(format!("{dataset} {from} to {to}: {} days", outcome.days.len()));
    for (state, days) in &states {
        say(format!("  {state:8} {}", count(days.len() as u64)));
        if !matches!(*state, "present" | "closed") {
            for day in days {
                say(format!("    {}  {}", day.trade_date, harmless(&day.reason)));
            }
        }
    }
    if let Some(counts) = outcome.finished.as_ref().and_then(|finished| finished.totals.as_ref()?.counts.as_ref()) {
        say(format!("  rows: {}", books(counts)));
    }
    if outcome.nothing_done() && states.contains_key("present") {
        say("  nothing to do: every session was in already; nothing downloaded, written or loaded");
    }
    tail(outcome);
}

fn tail(outcome: &Outcome) {
    let Finished { status, error, duration_ms, .. } = outcome.finished.clone().unwrap_or_default();
    let why = if error.is_empty() { String::new() } else { format!(": {}", harmless(&error)) };
    say(format!("run {} {status} in {}{why}", outcome.run_id, milliseconds(duration_ms)));
    say(format!("trace {}  (see it: champion trace {})", outcome.trace_id, outcome.run_id));
}

fn step_row(step: &StepFinished) -> Vec<String> {
    let artifact = step.artifact.clone().unwrap_or_default();
    let rows = if step.stage == "fetch" { "–".to_owned() } else { count(artifact.rows) };
    let reused = if step.reused { "done before" } else { "" };
    vec![
        step.stage.clone(),
        short_key(&artifact.key),
        rows,
        size(artifact.bytes),
        milliseconds(step.duration_ms),
        reused.to_owned(),
    ]
}

fn day_words(day: &DayFinished, nothing_done: bool) -> String {
    let counts = day.counts.unwrap_or_default();
    match day.state.as_str() {
        "present" if nothing_done => {
            format!("nothing to do: it was in already ({}); nothing downloaded, written or loaded", books(&counts))
        }
        "present" => format!("present; {}", books(&counts)),
        state => format!("{state}: {}", harmless(&day.reason)),
    }
}

/// The books in words; they always balance.
fn books(counts: &RowCounts) -> String {
    format!(
        "{} in = {} published + {} quarantined + {} filtered",
        count(counts.rows_in),
        count(counts.published),
        count(counts.quarantined),
        count(counts.filtered)
    )
}
