//! The orchestrator's messages as JSON, for `--json`.

use champion_proto::artifact::v1::{ArtifactRef, RowCounts};
use champion_proto::orchestrator::v1::run_event::Event;
use champion_proto::orchestrator::v1::{
    DatasetStatus, DayFinished, GetStatusResponse, LakeFinding, OrchestratorRole, PendingSession, RunEvent, RunSummary,
    RunTotals, StepFinished,
};
use serde_json::{Value, json};

/// One event of a run; `event` is `started`, `waiting`, `step`, `day` or `finished`.
#[must_use]
pub(crate) fn event(event: &RunEvent) -> Value {
    let (kind, mut body) = match &event.event {
        Some(Event::Started(started)) => (
            "started",
            json!({
                "sessions_planned": started.sessions_planned,
                "days_in_range": started.days_in_range,
                "resumed": started.resumed,
            }),
        ),
        Some(Event::Waiting(waiting)) => ("waiting", json!({"stage": waiting.stage, "reason": waiting.reason})),
        Some(Event::Step(found)) => ("step", step(found)),
        Some(Event::Day(found)) => ("day", day(found)),
        Some(Event::Finished(finished)) => (
            "finished",
            json!({
                "status": finished.status,
                "error": finished.error,
                "duration_ms": finished.duration_ms,
                "totals": totals(finished.totals.as_ref()),
            }),
        ),
        None => ("unknown", json!({})),
    };
    body["event"] = kind.into();
    body["run_id"] = event.run_id.as_str().into();
    body["trace_id"] = event.trace_id.as_str().into();
    body
}

/// One step on one artifact.
#[must_use]
pub(crate) fn step(step: &StepFinished) -> Value {
    json!({
        "stage": step.stage,
        "trade_date": step.trade_date,
        "table": step.table,
        "artifact": artifact(step.artifact.as_ref()),
        "duration_ms": step.duration_ms,
        "reused": step.reused,
    })
}

/// One day's final state.
#[must_use]
pub(crate) fn day(day: &DayFinished) -> Value {
    json!({
        "trade_date": day.trade_date,
        "state": day.state,
        "reason": day.reason,
        "counts": counts(day.counts.as_ref()),
        "unchanged": day.unchanged,
    })
}

/// One run of the journal.
#[must_use]
pub(crate) fn run(run: &RunSummary) -> Value {
    json!({
        "run_id": run.run_id,
        "trace_id": run.trace_id,
        "dataset": run.dataset,
        "exchange": run.exchange,
        "from_date": run.from_date,
        "to_date": run.to_date,
        "status": run.status,
        "mode": run.mode,
        "error": run.error,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "totals": totals(run.totals.as_ref()),
    })
}

/// What is in.
#[must_use]
pub(crate) fn status(status: &GetStatusResponse) -> Value {
    json!({
        "today": status.today,
        "today_kind": status.today_kind,
        "datasets": status.datasets.iter().map(dataset).collect::<Vec<_>>(),
        "orchestrator": status.orchestrator.as_ref().map(role),
        "findings": status.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn role(role: &OrchestratorRole) -> Value {
    json!({
        "role": role.role,
        "epoch": role.epoch,
        "active_address": role.active_address,
        "active_since": role.active_since,
        "active_holder": role.active_holder,
        "reason": role.reason,
    })
}

/// An object of the lake that cannot be read.
#[must_use]
pub(crate) fn finding(finding: &LakeFinding) -> Value {
    json!({"key": finding.key, "reason": finding.reason})
}

fn dataset(status: &DatasetStatus) -> Value {
    json!({
        "dataset": status.dataset,
        "exchange": status.exchange,
        "last_trade_date": status.last_trade_date,
        "last_success_at": status.last_success_at,
        "sessions_present": status.sessions_present,
        "sessions_missing": status.sessions_missing,
        "sessions_failed": status.sessions_failed,
        "counts": counts(status.counts.as_ref()),
        "runs_in_progress": status.runs_in_progress,
        "last_problem": status.last_problem,
        "pending": status.pending.iter().map(pending).collect::<Vec<_>>(),
    })
}

fn pending(day: &PendingSession) -> Value {
    json!({"trade_date": day.trade_date, "give_up_at": day.give_up_at, "reason": day.reason})
}

fn artifact(artifact: Option<&ArtifactRef>) -> Value {
    artifact.map_or(Value::Null, |artifact| {
        json!({"key": artifact.key, "sha256": artifact.sha256, "bytes": artifact.bytes, "rows": artifact.rows})
    })
}

fn counts(counts: Option<&RowCounts>) -> Value {
    counts.map_or(Value::Null, |counts| {
        json!({
            "rows_in": counts.rows_in,
            "published": counts.published,
            "quarantined": counts.quarantined,
            "filtered": counts.filtered,
        })
    })
}

fn totals(totals: Option<&RunTotals>) -> Value {
    totals.map_or(Value::Null, |totals| {
        json!({
            "present": totals.present,
            "closed": totals.closed,
            "missing": totals.missing,
            "failed": totals.failed,
            "unchanged": totals.unchanged,
            "downloaded": totals.downloaded,
            "written": totals.written,
            "loaded": totals.loaded,
            "counts": counts(totals.counts.as_ref()),
        })
    })
}
