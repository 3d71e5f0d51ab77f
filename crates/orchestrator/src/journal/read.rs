//! Reading the journal.

use std::collections::BTreeMap;

use champion_market_data::{Dataset, Exchange, RowCounts, TradeDate};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::record::{DayRecord, RunRecord, StepRecord, Totals, add_counts};
use super::{Journal, JournalError};
use crate::gaps::Recorded;
use crate::plan::RunSpec;
use crate::vocabulary::{DayState, Stage};

/// What a run id or a prefix of one names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    One(Box<RunRecord>),
    Several,
}

/// How far a run came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) days: Vec<DayRecord>,
    pub(crate) steps: Vec<StepRecord>,
}

/// What is in of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DatasetBook {
    pub(crate) dataset: Dataset,
    pub(crate) exchange: Exchange,
    pub(crate) last_trade_date: Option<TradeDate>,
    pub(crate) last_success_at: Option<DateTime<Utc>>,
    pub(crate) present: u32,
    pub(crate) missing: u32,
    pub(crate) failed: u32,
    pub(crate) counts: RowCounts,
    pub(crate) last_problem: Option<(TradeDate, DayState, String)>,
}

/// A session whose file is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) dataset: Dataset,
    pub(crate) exchange: Exchange,
    pub(crate) trade_date: TradeDate,
    pub(crate) reason: String,
}

const RUN_COLUMNS: &str = "run_id, trace_id, traceparent, kind, dataset, exchange, from_date, to_date, status, error,
    started_at, finished_at, totals, mode";

impl Journal {
    /// Returns the runs that were cut off, oldest first.
    pub(crate) async fn unfinished(&self) -> Result<Vec<RunRecord>, JournalError> {
        self.with(|connection| {
            let sql = format!("SELECT {RUN_COLUMNS} FROM runs WHERE status = 'running' ORDER BY run_id");
            collect_runs(connection, &sql, params![])
        })
        .await
    }

    /// Returns how many runs of a dataset and exchange go on.
    pub(crate) async fn running(&self, dataset: Dataset, exchange: Exchange) -> Result<u32, JournalError> {
        self.with(move |connection| {
            let sql = "SELECT count(*) FROM runs WHERE status = 'running' AND dataset = ?1 AND exchange = ?2";
            Ok(connection.query_row(sql, params![dataset.as_str(), exchange.as_str()], |row| row.get(0))?)
        })
        .await
    }

    /// Returns how far a run came.
    pub(crate) async fn progress(&self, run_id: &str) -> Result<Progress, JournalError> {
        let run_id = run_id.to_owned();
        self.with(move |connection| {
            Ok(Progress { days: days_of(connection, &run_id)?, steps: steps_of(connection, &run_id)? })
        })
        .await
    }

    /// Returns a run.
    pub(crate) async fn run(&self, run_id: &str) -> Result<Option<RunRecord>, JournalError> {
        let run_id = run_id.to_owned();
        self.with(move |connection| {
            let sql = format!("SELECT {RUN_COLUMNS} FROM runs WHERE run_id = ?1");
            Ok(collect_runs(connection, &sql, params![run_id])?.pop())
        })
        .await
    }

    /// Finds a run by its id or a prefix of it.
    pub(crate) async fn find_run(&self, prefix: &str) -> Result<Found, JournalError> {
        let prefix = prefix.to_ascii_lowercase();
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Ok(Found::Nothing);
        }
        self.with(move |connection| {
            // Ids are hexadecimal digits and dashes, and "g" sorts behind all of them.
            let sql = format!("SELECT {RUN_COLUMNS} FROM runs WHERE run_id >= ?1 AND run_id < ?1 || 'g' LIMIT 2");
            let mut runs = collect_runs(connection, &sql, params![prefix])?;
            Ok(match (runs.pop(), runs.is_empty()) {
                (None, _) => Found::Nothing,
                (Some(run), true) => Found::One(Box::new(run)),
                (Some(_), false) => Found::Several,
            })
        })
        .await
    }

    /// Returns the newest runs, newest first.
    pub(crate) async fn newest_runs(
        &self,
        dataset: Option<Dataset>,
        limit: u32,
    ) -> Result<Vec<RunRecord>, JournalError> {
        self.with(move |connection| {
            // Run ids are UUIDs of version 7: their order is the order of time.
            let sql = format!(
                "SELECT {RUN_COLUMNS} FROM runs WHERE ?1 IS NULL OR dataset = ?1 ORDER BY run_id DESC LIMIT ?2"
            );
            collect_runs(connection, &sql, params![dataset.map(Dataset::as_str), limit])
        })
        .await
    }

    /// Returns what is known of the days of a range.
    pub(crate) async fn dataset_days(
        &self,
        dataset: Dataset,
        exchange: Exchange,
        from: TradeDate,
        to: TradeDate,
    ) -> Result<BTreeMap<TradeDate, Recorded>, JournalError> {
        self.with(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT trade_date, state, reason FROM dataset_days
                 WHERE dataset = ?1 AND exchange = ?2 AND trade_date BETWEEN ?3 AND ?4",
            )?;
            let range = params![dataset.as_str(), exchange.as_str(), from.to_string(), to.to_string()];
            let mut rows = statement.query(range)?;
            let mut days = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let state = row.get::<_, String>(1)?.parse()?;
                days.insert(row.get::<_, String>(0)?.parse()?, Recorded { state, reason: row.get(2)? });
            }
            Ok(days)
        })
        .await
    }

    /// Returns the oldest session that is in.
    pub(crate) async fn first_present(
        &self,
        dataset: Dataset,
        exchange: Exchange,
    ) -> Result<Option<TradeDate>, JournalError> {
        self.with(move |connection| {
            let found: Option<String> = connection.query_row(
                "SELECT min(trade_date) FROM dataset_days WHERE state = 'present' AND dataset = ?1 AND exchange = ?2",
                params![dataset.as_str(), exchange.as_str()],
                |row| row.get(0),
            )?;
            Ok(found.map(|date| date.parse()).transpose()?)
        })
        .await
    }

    /// Returns when the newest look for corrections began.
    pub(crate) async fn last_recheck(
        &self,
        dataset: Dataset,
        exchange: Exchange,
    ) -> Result<Option<DateTime<Utc>>, JournalError> {
        self.with(move |connection| {
            let found: Option<String> = connection.query_row(
                "SELECT max(started_at) FROM runs WHERE mode = 'recheck' AND dataset = ?1 AND exchange = ?2",
                params![dataset.as_str(), exchange.as_str()],
                |row| row.get(0),
            )?;
            found.as_deref().map(instant).transpose()
        })
        .await
    }

    /// Returns the sessions whose file is waited for, oldest first.
    pub(crate) async fn pending(&self) -> Result<Vec<Pending>, JournalError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT dataset, exchange, trade_date, reason FROM dataset_days WHERE state = 'pending'
                 ORDER BY trade_date",
            )?;
            let mut rows = statement.query([])?;
            let mut pending = Vec::new();
            while let Some(row) = rows.next()? {
                pending.push(Pending {
                    dataset: row.get::<_, String>(0)?.parse()?,
                    exchange: row.get::<_, String>(1)?.parse()?,
                    trade_date: row.get::<_, String>(2)?.parse()?,
                    reason: row.get(3)?,
                });
            }
            Ok(pending)
        })
        .await
    }

    /// Returns the books of every dataset and exchange that has any.
    pub(crate) async fn dataset_books(&self) -> Result<Vec<DatasetBook>, JournalError> {
        self.with(dataset_books).await
    }
}

/// Reads what every start reads, so that a row that cannot be read is found at once.
pub(super) fn check(connection: &mut Connection) -> Result<(), JournalError> {
    dataset_books(connection)?;
    let sql = format!("SELECT {RUN_COLUMNS} FROM runs ORDER BY run_id DESC LIMIT 1000");
    collect_runs(connection, &sql, params![]).map(|_| ())
}

fn collect_runs(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<RunRecord>, JournalError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(run_of(row)?);
    }
    Ok(runs)
}

fn run_of(row: &Row<'_>) -> Result<RunRecord, JournalError> {
    let text = |index: usize| row.get::<_, String>(index);
    let finished: Option<String> = row.get(11)?;
    let totals: Option<String> = row.get(12)?;
    Ok(RunRecord {
        run_id: text(0)?,
        trace_id: text(1)?,
        traceparent: text(2)?,
        spec: RunSpec {
            kind: text(3)?.parse()?,
            mode: text(13)?.parse()?,
            dataset: text(4)?.parse()?,
            exchange: text(5)?.parse()?,
            from: text(6)?.parse()?,
            to: text(7)?.parse()?,
        },
        status: text(8)?.parse()?,
        error: text(9)?,
        started_at: instant(&text(10)?)?,
        finished_at: finished.as_deref().map(instant).transpose()?,
        totals: totals.as_deref().map(serde_json::from_str::<Totals>).transpose()?.unwrap_or_default(),
    })
}

pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, JournalError> {
    Ok(DateTime::parse_from_rfc3339(text)?.with_timezone(&Utc))
}

pub(super) fn days_of(connection: &Connection, run_id: &str) -> Result<Vec<DayRecord>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT trade_date, state, reason, rows_in, published, quarantined, filtered, unchanged FROM days
         WHERE run_id = ?1 ORDER BY trade_date",
    )?;
    let mut rows = statement.query(params![run_id])?;
    let mut days = Vec::new();
    while let Some(row) = rows.next()? {
        days.push(DayRecord {
            trade_date: row.get::<_, String>(0)?.parse()?,
            state: row.get::<_, String>(1)?.parse()?,
            reason: row.get(2)?,
            counts: counts_of(row, 3)?,
            unchanged: row.get(7)?,
        });
    }
    Ok(days)
}

fn steps_of(connection: &Connection, run_id: &str) -> Result<Vec<StepRecord>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT product, reused, duration_ms FROM steps WHERE run_id = ?1
         ORDER BY trade_date, CASE stage WHEN 'fetch' THEN 1 WHEN 'parse' THEN 2 WHEN 'write' THEN 3 ELSE 4 END,
         table_name",
    )?;
    let mut rows = statement.query(params![run_id])?;
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push(StepRecord {
            product: serde_json::from_str(&row.get::<_, String>(0)?)?,
            reused: row.get(1)?,
            duration_ms: count(row.get(2)?),
        });
    }
    Ok(steps)
}

/// Returns stage and reuse of each step, without reading the products.
pub(super) fn steps_of_totals(connection: &Connection, run_id: &str) -> Result<Vec<(Stage, bool)>, JournalError> {
    let mut statement = connection.prepare_cached("SELECT stage, reused FROM steps WHERE run_id = ?1")?;
    let mut rows = statement.query(params![run_id])?;
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push((row.get::<_, String>(0)?.parse()?, row.get(1)?));
    }
    Ok(steps)
}

fn dataset_books(connection: &mut Connection) -> Result<Vec<DatasetBook>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT dataset, exchange, trade_date, state, reason, rows_in, published, quarantined, filtered, updated_at
         FROM dataset_days ORDER BY dataset, exchange, trade_date",
    )?;
    let mut rows = statement.query([])?;
    let mut books: Vec<DatasetBook> = Vec::new();
    while let Some(row) = rows.next()? {
        let dataset: Dataset = row.get::<_, String>(0)?.parse()?;
        let exchange: Exchange = row.get::<_, String>(1)?.parse()?;
        if books.last().is_none_or(|book| (book.dataset, book.exchange) != (dataset, exchange)) {
            books.push(DatasetBook::empty(dataset, exchange));
        }
        if let Some(book) = books.last_mut() {
            let trade_date = row.get::<_, String>(2)?.parse()?;
            let state = row.get::<_, String>(3)?.parse()?;
            book.add(trade_date, state, row.get(4)?, &counts_of(row, 5)?, instant(&row.get::<_, String>(9)?)?);
        }
    }
    Ok(books)
}

impl DatasetBook {
    /// The books of a dataset that nothing is in of.
    pub(crate) const fn empty(dataset: Dataset, exchange: Exchange) -> Self {
        Self {
            dataset,
            exchange,
            last_trade_date: None,
            last_success_at: None,
            present: 0,
            missing: 0,
            failed: 0,
            counts: RowCounts { rows_in: 0, published: 0, quarantined: 0, filtered: 0 },
            last_problem: None,
        }
    }

    /// Adds one day; days come in rising order.
    fn add(&mut self, date: TradeDate, state: DayState, reason: String, counts: &RowCounts, at: DateTime<Utc>) {
        match state {
            DayState::Present => {
                self.present += 1;
                self.last_trade_date = Some(date);
                self.last_success_at = self.last_success_at.max(Some(at));
                add_counts(&mut self.counts, counts);
            }
            DayState::Closed => {}
            DayState::Pending | DayState::Gap | DayState::Unknown => self.missing += 1,
            DayState::Refused | DayState::Failed => {
                self.failed += 1;
                self.last_problem = Some((date, state, reason));
            }
        }
    }
}

pub(super) fn counts_of(row: &Row<'_>, first: usize) -> Result<RowCounts, JournalError> {
    Ok(RowCounts {
        rows_in: count(row.get(first)?),
        published: count(row.get(first + 1)?),
        quarantined: count(row.get(first + 2)?),
        filtered: count(row.get(first + 3)?),
    })
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
