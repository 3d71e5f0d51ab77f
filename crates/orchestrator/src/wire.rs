//! From what the orchestrator knows to what its clients read.

use champion_market_data::{Calendar, RowCounts, TradeDate, give_up_at};
use champion_proto::orchestrator::v1 as wire;
use champion_proto::orchestrator::v1::rebuild_journal_event::Event as WireRebuild;
use champion_proto::orchestrator::v1::run_event::Event as WireEvent;

use crate::feed::Event;
use crate::gaps::SessionState;
use crate::journal::{DatasetBook, DayRecord, Pending, Progress, RunRecord, StepRecord, Totals};
use crate::office::{Rebuilt, Role};
use crate::records::{Finding, Reading};
use crate::vocabulary::rfc3339;

pub(crate) fn event(event: Event) -> WireEvent {
    match event {
        Event::Started { sessions_planned, days_in_range, resumed } => {
            WireEvent::Started(wire::Started { sessions_planned, days_in_range, resumed })
        }
        Event::Waiting { stage, reason } => WireEvent::Waiting(wire::Waiting { stage: stage.to_string(), reason }),
        Event::Step(step) => WireEvent::Step(step_finished(step)),
        Event::Day(day) => WireEvent::Day(day_finished(day)),
        Event::Finished { status, error, totals, duration_ms } => WireEvent::Finished(wire::Finished {
            status: status.to_string(),
            error,
            totals: Some(run_totals(&totals)),
            duration_ms,
        }),
    }
}

fn step_finished(step: StepRecord) -> wire::StepFinished {
    wire::StepFinished {
        stage: step.product.stage().to_string(),
        trade_date: step.product.trade_date().to_string(),
        table: step.product.table().map(|table| table.to_string()).unwrap_or_default(),
        artifact: Some(step.product.artifact().clone().into()),
        duration_ms: step.duration_ms,
        reused: step.reused,
    }
}

fn day_finished(day: DayRecord) -> wire::DayFinished {
    wire::DayFinished {
        trade_date: day.trade_date.to_string(),
        state: day.state.to_string(),
        reason: day.reason,
        counts: Some(day.counts.into()),
        unchanged: day.unchanged,
    }
}

fn run_totals(totals: &Totals) -> wire::RunTotals {
    wire::RunTotals {
        present: totals.present,
        closed: totals.closed,
        missing: totals.missing,
        failed: totals.failed,
        unchanged: totals.unchanged,
        downloaded: totals.downloaded,
        written: totals.written,
        loaded: totals.loaded,
        counts: Some(totals.counts.into()),
    }
}

pub(crate) fn run_summary(run: RunRecord) -> wire::RunSummary {
    wire::RunSummary {
        run_id: run.run_id,
        trace_id: run.trace_id,
        dataset: run.spec.dataset.to_string(),
        exchange: run.spec.exchange.to_string(),
        from_date: run.spec.from.to_string(),
        to_date: run.spec.to.to_string(),
        status: run.status.to_string(),
        error: run.error,
        started_at: rfc3339(run.started_at),
        finished_at: run.finished_at.map(rfc3339).unwrap_or_default(),
        totals: Some(run_totals(&run.totals)),
        mode: run.spec.mode.to_string(),
    }
}

pub(crate) fn gaps(days: Vec<SessionState>, calendar: &Calendar) -> wire::GapsResponse {
    let (first, last) = calendar.coverage();
    let day = |day: SessionState| wire::DayState {
        trade_date: day.date.to_string(),
        kind: day.kind.to_string(),
        state: day.state.to_string(),
        reason: day.reason,
    };
    wire::GapsResponse {
        days: days.into_iter().map(day).collect(),
        coverage_from: first.to_string(),
        coverage_to: last.to_string(),
    }
}

pub(crate) fn run_with_steps(run: RunRecord, progress: Progress) -> wire::GetRunResponse {
    wire::GetRunResponse {
        run: Some(run_summary(run)),
        days: progress.days.into_iter().map(day_finished).collect(),
        steps: progress.steps.into_iter().map(step_finished).collect(),
    }
}

pub(crate) fn pending(day: &Pending, calendar: &Calendar) -> wire::PendingSession {
    wire::PendingSession {
        trade_date: day.trade_date.to_string(),
        give_up_at: rfc3339(give_up_at(calendar, day.dataset, day.trade_date)),
        reason: day.reason.clone(),
    }
}

pub(crate) fn dataset_status(
    book: DatasetBook,
    runs_in_progress: u32,
    pending: Vec<wire::PendingSession>,
) -> wire::DatasetStatus {
    let counts: RowCounts = book.counts;
    wire::DatasetStatus {
        dataset: book.dataset.to_string(),
        exchange: book.exchange.to_string(),
        last_trade_date: book.last_trade_date.map(|date| date.to_string()).unwrap_or_default(),
        last_success_at: book.last_success_at.map(rfc3339).unwrap_or_default(),
        sessions_present: book.present,
        sessions_missing: book.missing,
        sessions_failed: book.failed,
        counts: Some(counts.into()),
        runs_in_progress,
        pending,
        last_problem: book
            .last_problem
            .map(|(date, state, reason)| format!("{date} {state}: {reason}"))
            .unwrap_or_default(),
    }
}

pub(crate) fn status(
    datasets: Vec<wire::DatasetStatus>,
    today: TradeDate,
    calendar: &Calendar,
) -> wire::GetStatusResponse {
    let (today, today_kind) = (today.to_string(), calendar.kind(today).to_string());
    wire::GetStatusResponse { datasets, today, today_kind, orchestrator: None, findings: Vec::new() }
}

pub(crate) fn role(role: &Role) -> wire::OrchestratorRole {
    let (role, leader, reason) = match role {
        Role::Active(tenure) => ("active", Some(&tenure.epoch), ""),
        Role::Standby(standby) => ("standby", standby.leader.as_ref(), standby.trouble.as_str()),
    };
    wire::OrchestratorRole {
        role: role.to_owned(),
        epoch: leader.map_or(0, |leader| leader.number),
        active_address: leader.map(|leader| leader.address.clone()).unwrap_or_default(),
        active_since: leader.map(|leader| rfc3339(leader.taken_at)).unwrap_or_default(),
        active_holder: leader.map(|leader| leader.holder.clone()).unwrap_or_default(),
        reason: reason.to_owned(),
    }
}

pub(crate) fn finding(finding: Finding) -> wire::LakeFinding {
    wire::LakeFinding { key: finding.key, reason: finding.reason }
}

pub(crate) fn reading(reading: Reading) -> wire::RebuildJournalEvent {
    let Reading { zone, done, total } = reading;
    let progress = wire::RebuildProgress { zone: zone.to_owned(), objects_done: done, objects_total: total };
    wire::RebuildJournalEvent { event: Some(WireRebuild::Progress(progress)) }
}

pub(crate) fn rebuild_finding(found: Finding) -> wire::RebuildJournalEvent {
    wire::RebuildJournalEvent { event: Some(WireRebuild::Finding(finding(found))) }
}

pub(crate) fn rebuilt(rebuilt: &Rebuilt) -> wire::RebuildJournalEvent {
    let Rebuilt { present, absent, failed, runs, findings } = rebuilt;
    let summary = wire::RebuildSummary {
        sessions_present: *present,
        days_absent: *absent,
        sessions_failed: *failed,
        runs: *runs,
        findings: findings.len() as u64,
    };
    wire::RebuildJournalEvent { event: Some(WireRebuild::Summary(summary)) }
}
