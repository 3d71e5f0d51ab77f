//! What the journal knows of the lake, and how it is made anew from there.

use std::collections::BTreeMap;

use champion_market_data::{RowCounts, TradeDate};
use chrono::{DateTime, Utc};
use rusqlite::{Row, Transaction, params};

use super::read::{counts_of, instant};
use super::record::RunRecord;
use super::write::integer;
use super::{Journal, JournalError};
use crate::records::{DayFact, Finding, Month, RunFact, Survey, Unrecorded};
use crate::vocabulary::{RunStatus, rfc3339};

const FACT_COLUMNS: &str = "state, reason, rows_in, published, quarantined, filtered, unchanged, run_id, updated_at, dataset, exchange, trade_date";

impl Journal {
    /// Returns the versions of the lake's months that the journal agrees with; `None` when it was never made from the lake.
    pub(crate) async fn lake_months(&self) -> Result<Option<BTreeMap<String, String>>, JournalError> {
        self.with(|connection| {
            let readings: i64 = connection.query_row("SELECT count(*) FROM lake_readings", [], |row| row.get(0))?;
            if readings == 0 {
                return Ok(None);
            }
            let mut statement = connection.prepare_cached("SELECT month, object FROM lake_months")?;
            let months = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(Some(months.collect::<Result<_, _>>()?))
        })
        .await
    }

    /// Notes which version of a month the journal agrees with; `whole` when every day of it stands in the lake now.
    pub(crate) async fn note_month(&self, month: Month, object: String, whole: bool) -> Result<(), JournalError> {
        self.with(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT INTO lake_months (month, object) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET object = excluded.object",
                params![month.to_string(), object],
            )?;
            if whole {
                transaction.execute(
                    "UPDATE dataset_days SET recorded = 1 WHERE recorded = 0 AND dataset = ?1 AND exchange = ?2
                     AND trade_date GLOB ?3",
                    params![month.dataset.as_str(), month.exchange.as_str(), month.dates()],
                )?;
            }
            Ok(transaction.commit()?)
        })
        .await
    }

    /// Returns the ends of days that the lake could not take or never heard of.
    pub(crate) async fn unrecorded(&self) -> Result<Vec<Unrecorded>, JournalError> {
        self.with(|connection| {
            let sql = format!("SELECT {FACT_COLUMNS} FROM dataset_days WHERE recorded = 0");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(Unrecorded {
                    dataset: row.get::<_, String>(9)?.parse()?,
                    exchange: row.get::<_, String>(10)?.parse()?,
                    trade_date: row.get::<_, String>(11)?.parse()?,
                    fact: fact_of(row)?,
                });
            }
            Ok(found)
        })
        .await
    }

    /// Returns the ends of a month's days.
    pub(crate) async fn month(&self, month: Month) -> Result<BTreeMap<TradeDate, DayFact>, JournalError> {
        self.with(move |connection| {
            let sql = format!(
                "SELECT {FACT_COLUMNS} FROM dataset_days WHERE dataset = ?1 AND exchange = ?2 AND trade_date GLOB ?3"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![month.dataset.as_str(), month.exchange.as_str(), month.dates()])?;
            let mut days = BTreeMap::new();
            while let Some(row) = rows.next()? {
                days.insert(row.get::<_, String>(11)?.parse()?, fact_of(row)?);
            }
            Ok(days)
        })
        .await
    }

    /// Makes the journal anew from what the lake says. Steps stay; so do ends of days that the lake has not taken yet.
    pub(crate) async fn take_over(&self, survey: Survey, at: DateTime<Utc>) -> Result<(), JournalError> {
        self.with(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM dataset_days WHERE recorded = 1", [])?;
            insert_days(&transaction, &survey)?;
            transaction.execute("DELETE FROM lake_months", [])?;
            for (month, object) in &survey.glance.months {
                transaction
                    .prepare_cached("INSERT INTO lake_months (month, object) VALUES (?1, ?2)")?
                    .execute(params![month, object])?;
            }
            survey.runs.iter().try_for_each(|run| merge_run(&transaction, run))?;
            insert_days_of_runs(&transaction, &survey)?;
            transaction.execute("DELETE FROM lake_findings", [])?;
            for Finding { key, reason } in &survey.findings {
                transaction.execute(
                    "INSERT OR REPLACE INTO lake_findings (object, reason) VALUES (?1, ?2)",
                    params![key, reason],
                )?;
            }
            transaction.execute("DELETE FROM lake_readings", [])?;
            transaction.execute("INSERT INTO lake_readings (read_at) VALUES (?1)", params![rfc3339(at)])?;
            Ok(transaction.commit()?)
        })
        .await
    }

    /// Takes a run that another orchestrator began; one that is known keeps what is known of it.
    pub(crate) async fn adopt_run(&self, run: RunFact) -> Result<(), JournalError> {
        self.with(move |connection| {
            let transaction = connection.transaction()?;
            merge_run(&transaction, &run)?;
            Ok(transaction.commit()?)
        })
        .await
    }

    /// Returns what the lake holds and nobody could read.
    pub(crate) async fn findings(&self) -> Result<Vec<Finding>, JournalError> {
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT object, reason FROM lake_findings ORDER BY object")?;
            let found = statement.query_map([], |row| Ok(Finding { key: row.get(0)?, reason: row.get(1)? }))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn fact_of(row: &Row<'_>) -> Result<DayFact, JournalError> {
    Ok(DayFact {
        state: row.get::<_, String>(0)?.parse()?,
        reason: row.get(1)?,
        counts: counts_of(row, 2)?,
        unchanged: row.get(6)?,
        run_id: row.get(7)?,
        concluded_at: instant(&row.get::<_, String>(8)?)?,
        fencing_token: 0,
    })
}

fn insert_days(transaction: &Transaction<'_>, survey: &Survey) -> Result<(), JournalError> {
    for ((dataset, exchange, date), fact) in &survey.days {
        let RowCounts { rows_in, published, quarantined, filtered } = fact.counts;
        transaction
            .prepare_cached(
                "INSERT INTO dataset_days (dataset, exchange, trade_date, state, reason, rows_in, published, quarantined,
                 filtered, run_id, updated_at, unchanged, recorded)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 1) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                dataset.as_str(),
                exchange.as_str(),
                date.to_string(),
                fact.state.as_str(),
                fact.reason,
                integer(rows_in),
                integer(published),
                integer(quarantined),
                integer(filtered),
                fact.run_id,
                rfc3339(fact.concluded_at),
                fact.unchanged,
            ])?;
    }
    Ok(())
}

/// Enters the days of runs that the journal knows: a run that was begun elsewhere goes on behind them.
fn insert_days_of_runs(transaction: &Transaction<'_>, survey: &Survey) -> Result<(), JournalError> {
    for (.., date, fact) in &survey.concluded {
        let RowCounts { rows_in, published, quarantined, filtered } = fact.counts;
        transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO days (run_id, trade_date, state, reason, rows_in, published, quarantined, filtered,
                 unchanged) SELECT run_id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM runs WHERE run_id = ?1",
            )?
            .execute(params![
                fact.run_id,
                date.to_string(),
                fact.state.as_str(),
                fact.reason,
                integer(rows_in),
                integer(published),
                integer(quarantined),
                integer(filtered),
                fact.unchanged,
            ])?;
    }
    Ok(())
}

/// Enters a run; one that has ended, here or in the lake, has ended.
fn merge_run(transaction: &Transaction<'_>, run: &RunFact) -> Result<(), JournalError> {
    let run = RunRecord::from(run.clone());
    let spec = &run.spec;
    let totals = (run.status != RunStatus::Running).then(|| serde_json::to_string(&run.totals)).transpose()?;
    transaction
        .prepare_cached(
            "INSERT INTO runs (run_id, trace_id, traceparent, kind, dataset, exchange, from_date, to_date, status,
             started_at, mode, error, finished_at, totals)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT DO UPDATE SET status = excluded.status, error = excluded.error,
             finished_at = excluded.finished_at, totals = excluded.totals WHERE status = 'running'",
        )?
        .execute(params![
            run.run_id,
            run.trace_id,
            run.traceparent,
            spec.kind.as_str(),
            spec.dataset.as_str(),
            spec.exchange.as_str(),
            spec.from.to_string(),
            spec.to.to_string(),
            run.status.as_str(),
            rfc3339(run.started_at),
            spec.mode.as_str(),
            run.error,
            run.finished_at.map(rfc3339),
            totals,
        ])?;
    Ok(())
}
