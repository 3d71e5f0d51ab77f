//! What the demo says: lines for a person, one JSON object a line for machines.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::drive::Day;
use super::figures::Change;
use super::step::Step;
use crate::exit::Exit;
use crate::render::{count, harmless, milliseconds, table};

/// Reasons can be pages long.
const LONGEST_REASON: usize = 110;

/// The dashboards that show what was produced, by their path.
const DASHBOARDS: [&str; 6] = [
    "/d/champion-overview",
    "/d/champion-pipeline-health",
    "/d/champion-data-quality",
    "/d/champion-circuit-breaker",
    "/d/champion-performance",
    "/d/champion-error-trends",
];

/// Tells of the demo.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    taken: Mutex<Vec<Step>>,
}

impl Report {
    pub(super) const fn new(json: bool) -> Self {
        Self { json, taken: Mutex::new(Vec::new()) }
    }

    /// A round begins; `of` is how many there are, when that is known.
    pub(super) fn round(&self, round: u32, of: Option<u32>) {
        match of {
            Some(of) => {
                self.say(&json!({"event": "round", "round": round, "of": of}), &format!("round {round} of {of}"))
            }
            None => self.say(&json!({"event": "round", "round": round}), &format!("round {round}")),
        }
    }

    /// A step begins.
    pub(super) fn begin(&self, step: Step) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(step);
        let line = json!({"event": "step", "step": step.name(), "what": step.words()});
        self.say(&line, &format!("── {}: {}", step.name(), step.words()));
    }

    /// A step has ended as it had to.
    pub(super) fn done(&self, step: Step, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let line = json!({"event": "step_done", "step": step.name(), "duration_ms": took});
        self.say(&line, &format!("   {} ended as expected after {}", step.name(), milliseconds(took)));
    }

    /// A run has ended.
    pub(super) fn ran(&self, day: &Day) {
        let Day { dataset, date, run_id, trace_id, finished, .. } = day;
        let line = json!({
            "event": "run",
            "dataset": dataset.as_str(),
            "trade_date": date.to_string(),
            "state": finished.state,
            "reason": finished.reason,
            "quarantined": day.quarantined(),
            "run_id": run_id,
            "trace_id": trace_id,
        });
        let mut words = format!("   {dataset} {date}: {}", finished.state);
        if !finished.reason.is_empty() {
            let reason: String = harmless(&finished.reason).chars().take(LONGEST_REASON).collect();
            words.push_str(&format!(": {reason}"));
        } else if day.nothing_done() {
            words.push_str(", nothing to do");
        } else if day.quarantined() > 0 {
            words.push_str(&format!(", {} rows in quarantine", count(day.quarantined())));
        }
        self.say(&line, &format!("{words}  (trace {trace_id})"));
    }

    /// Something a person wants to know meanwhile.
    pub(super) fn note(&self, text: &str) {
        self.say(&json!({"event": "note", "text": text}), &format!("   {text}"));
    }

    /// The end: what moved, and where to look.
    pub(super) fn end(&self, exit: Exit, changes: &[Change]) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let alerts: BTreeSet<&str> = taken.iter().flat_map(|step| step.alerts()).copied().collect();
        if self.json {
            let change = |change: &Change| {
                let Change { service, metric, labels, before, after } = change;
                json!({"service": service, "metric": metric, "labels": labels, "before": before, "after": after})
            };
            let metrics: Vec<Value> = changes.iter().map(change).collect();
            let line = json!({
                "event": "finished",
                "exit_code": exit.code(),
                "metrics": metrics,
                "dashboards": DASHBOARDS,
                "alerts": alerts,
            });
            self.say(&line, "");
            return;
        }
        let row = |change: &Change| {
            let Change { service, metric, labels, before, after } = change;
            vec![(*service).to_owned(), (*metric).to_owned(), labels.clone(), before.to_string(), after.to_string()]
        };
        let headers = ["service", "metric", "labels", "before", "after"];
        let mut text = table(&headers, &["before", "after"], changes.iter().map(row).collect()).to_string();
        text.push_str(&format!("\ndashboards: {}", DASHBOARDS.join("  ")));
        if !alerts.is_empty() {
            text.push_str(&format!("\nalerts that may fire now: {}", Vec::from_iter(alerts).join(", ")));
        }
        self.say(&Value::Null, &text);
    }

    #[expect(clippy::print_stdout, reason = "the command's answer")]
    fn say(&self, json: &Value, words: &str) {
        if self.json {
            println!("{json}");
        } else {
            println!("{words}");
        }
    }
}
