//! Writing the journal: each function is one transaction.

use champion_market_data::{Dataset, Exchange, RowCounts};
use chrono::{DateTime, Utc};
use rusqlite::{Transaction, params};

use super::read::{days_of, steps_of_totals};
use super::record::{DayRecord, RunRecord, StepRecord, Totals};
use super::{Journal, JournalError};
use crate::plan::RunSpec;
use crate::vocabulary::{DayState, RunStatus, rfc3339};

/// A run as it begins.
#[derive(Debug, Clone)]
pub(crate) struct NewRun {
    pub(crate) run_id: String,
    pub(crate) trace_id: String,
    pub(crate) traceparent: String,
    pub(crate) spec: RunSpec,
    pub(crate) started_at: DateTime<Utc>,
}

impl NewRun {
    /// The run as it is remembered while it goes on.
    pub(crate) fn record(&self) -> RunRecord {
        let Self { run_id, trace_id, traceparent, spec, started_at } = self.clone();
        let (status, error, finished_at, totals) = (RunStatus::Running, String::new(), None, Totals::default());
        RunRecord { run_id, trace_id, traceparent, spec, status, error, started_at, finished_at, totals }
    }
}

/// How a run comes to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Every day has its final state; the days say whether that is a success.
    Reached,
    /// It cannot go on.
    Failed(String),
    /// An operator ended it.
    Cancelled,
}

impl Journal {
    /// Writes that a run begins.
    pub(crate) async fn begin_run(&self, run: NewRun) -> Result<(), JournalError> {
        self.with(move |connection| {
            let spec = &run.spec;
            connection.execute(
                "INSERT INTO runs (run_id, trace_id, traceparent, kind, dataset, exchange, from_date, to_date, status,
                 started_at, mode) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                params![
                    run.run_id,
                    run.trace_id,
                    run.traceparent,
                    spec.kind.as_str(),
                    spec.dataset.as_str(),
                    spec.exchange.as_str(),
                    spec.from.to_string(),
                    spec.to.to_string(),
                    RunStatus::Running.as_str(),
                    rfc3339(run.started_at),
                    spec.mode.as_str(),
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// Writes steps that are done.
    pub(crate) async fn record_steps(&self, run_id: &str, steps: Vec<StepRecord>) -> Result<(), JournalError> {
        let run_id = run_id.to_owned();
        self.with(move |connection| {
            let transaction = connection.transaction()?;
            for step in &steps {
                insert_step(&transaction, &run_id, step)?;
            }
            Ok(transaction.commit()?)
        })
        .await
    }

    /// Writes days that have their final state, for the run and for the dataset; `recorded` when the lake has them.
    pub(crate) async fn record_days(
        &self,
        run_id: &str,
        dataset: Dataset,
        exchange: Exchange,
        days: Vec<DayRecord>,
        at: DateTime<Utc>,
        recorded: bool,
    ) -> Result<(), JournalError> {
        let run_id = run_id.to_owned();
        self.with(move |connection| {
            let transaction = connection.transaction()?;
            for day in &days {
                insert_day(&transaction, &run_id, day)?;
                upsert_dataset_day(&transaction, &run_id, (dataset, exchange), day, at, recorded)?;
            }
            Ok(transaction.commit()?)
        })
        .await
    }

    /// Writes that a run is finished and returns its sums and the days that failed it.
    ///
    /// The sums are taken from the journal, so they hold what was done before a cut as well.
    pub(crate) async fn finish_run(
        &self,
        run_id: &str,
        end: End,
        at: DateTime<Utc>,
    ) -> Result<(RunStatus, String, Totals), JournalError> {
        let run_id = run_id.to_owned();
        self.with(move |connection| {
            let transaction = connection.transaction()?;
            let days = days_of(&transaction, &run_id)?;
            let mut totals = Totals::default();
            days.iter().for_each(|day| totals.add_day(day));
            for (stage, reused) in steps_of_totals(&transaction, &run_id)? {
                totals.add_step(stage, reused);
            }
            let (status, error) = match end {
                End::Reached => match summary(&days) {
                    nothing if nothing.is_empty() => (RunStatus::Succeeded, nothing),
                    failing => (RunStatus::Failed, failing),
                },
                End::Failed(reason) => (RunStatus::Failed, reason),
                End::Cancelled => (RunStatus::Cancelled, "cancelled by an operator".to_owned()),
            };
            transaction.execute(
                "UPDATE runs SET status = ?2, error = ?3, finished_at = ?4, totals = ?5 WHERE run_id = ?1",
                params![run_id, status.as_str(), error, rfc3339(at), serde_json::to_string(&totals)?],
            )?;
            transaction.commit()?;
            Ok((status, error, totals))
        })
        .await
    }
}

/// Says which days failed a run, in one line; empty when none did.
fn summary(days: &[DayRecord]) -> String {
    let failing: Vec<&DayRecord> = days.iter().filter(|day| day.state.fails_the_run()).collect();
    match failing.as_slice() {
        [] => String::new(),
        [only] => format!("{} {}: {}", only.trade_date, only.state, only.reason),
        [first, ..] => format!(
            "{} of {} days failed, first {} {}: {}",
            failing.len(),
            days.len(),
            first.trade_date,
            first.state,
            first.reason
        ),
    }
}

fn insert_step(transaction: &Transaction<'_>, run_id: &str, step: &StepRecord) -> Result<(), JournalError> {
    let product = &step.product;
    // A step that is asked again after a cut finds its own work done; that work still belongs to this run.
    transaction
        .prepare_cached(
            "INSERT INTO steps (run_id, trade_date, stage, table_name, product, reused, duration_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET product = excluded.product, reused = min(reused, excluded.reused),
         duration_ms = duration_ms + excluded.duration_ms",
        )?
        .execute(params![
            run_id,
            product.trade_date().to_string(),
            product.stage().as_str(),
            product.table().map_or("", champion_market_data::Table::as_str),
            serde_json::to_string(product)?,
            step.reused,
            integer(step.duration_ms),
        ])?;
    Ok(())
}

fn insert_day(transaction: &Transaction<'_>, run_id: &str, day: &DayRecord) -> Result<(), JournalError> {
    let RowCounts { rows_in, published, quarantined, filtered } = day.counts;
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO days (run_id, trade_date, state, reason, rows_in, published, quarantined, filtered,
             unchanged) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            run_id,
            day.trade_date.to_string(),
            day.state.as_str(),
            day.reason,
            integer(rows_in),
            integer(published),
            integer(quarantined),
            integer(filtered),
            day.unchanged,
        ])?;
    Ok(())
}

/// Notes the newest known state of a session.
///
/// A session that is in stays in: a later run that could not ask for it again, or got rubbish, says nothing about the
/// rows that were loaded. The run itself carries the failure.
fn upsert_dataset_day(
    transaction: &Transaction<'_>,
    run_id: &str,
    (dataset, exchange): (Dataset, Exchange),
    day: &DayRecord,
    at: DateTime<Utc>,
    recorded: bool,
) -> Result<(), JournalError> {
    let RowCounts { rows_in, published, quarantined, filtered } = day.counts;
    transaction
        .prepare_cached(
            "INSERT INTO dataset_days (dataset, exchange, trade_date, state, reason, rows_in, published, quarantined,
             filtered, run_id, updated_at, unchanged, recorded)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?13, ?14)
             ON CONFLICT DO UPDATE SET state = excluded.state, reason = excluded.reason, rows_in = excluded.rows_in,
             published = excluded.published, quarantined = excluded.quarantined, filtered = excluded.filtered,
             run_id = excluded.run_id, updated_at = excluded.updated_at, unchanged = excluded.unchanged,
             recorded = excluded.recorded
             WHERE state <> ?12 OR excluded.state = ?12",
        )?
        .execute(params![
            dataset.as_str(),
            exchange.as_str(),
            day.trade_date.to_string(),
            day.state.as_str(),
            day.reason,
            integer(rows_in),
            integer(published),
            integer(quarantined),
            integer(filtered),
            run_id,
            rfc3339(at),
            DayState::Present.as_str(),
            day.unchanged,
            recorded,
        ])?;
    Ok(())
}

/// SQLite's integers are signed; no count of rows or milliseconds comes near the bound.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
