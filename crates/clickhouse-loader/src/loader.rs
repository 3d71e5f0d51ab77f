//! The use case: curated artifacts are in the warehouse, each exactly once in effect.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use champion_lake::Lake;
use champion_market_data::{CuratedArtifact, Exchange, QuarantineArtifact, Sha256, Table, TradeDate};
use champion_retry::Deadline;
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::Semaphore;
use tracing::{Instrument, Span, debug, info, info_span, warn};

use crate::LoadError;
use crate::curated::{self, Session};
use crate::insert_body::{self, Delivery};
use crate::ledger::{self, Verdict};
use crate::metrics::Metrics;
use crate::migration::Migrator;
use crate::quarantine;
use crate::verification;
use crate::warehouse::{Statement, Warehouse};

/// Which run asks for a load; it stands in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The run's id.
    pub run_id: String,
    /// The run's trace, 32 hex digits.
    pub trace_id: Option<String>,
}

/// What the warehouse holds of one artifact now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The table.
    pub table: Table,
    /// The exchange.
    pub exchange: Exchange,
    /// The session.
    pub trade_date: TradeDate,
    /// Hash of the curated file.
    pub sha256: Sha256,
    /// Version of the curated file.
    pub version: u32,
    /// Rows of the curated file.
    pub rows: u64,
    /// Whether the ledger held this content before the call.
    pub already_loaded: bool,
}

/// Bounds of the work that is done at once.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Months of a table, over all calls.
    pub months: usize,
    /// Files read within a month.
    pub reads: usize,
}

/// Loads curated artifacts. Cloning is cheap; all clones share the bound.
#[derive(Debug, Clone)]
pub struct Loader {
    lake: Lake,
    warehouse: Warehouse,
    migrator: Migrator,
    metrics: Metrics,
    clock: fn() -> DateTime<Utc>,
    bounds: Bounds,
    permits: Arc<Semaphore>,
}

/// Partition of the warehouse: a table and a month of it.
type Month = (Table, (i32, u32));

/// What the ledger leaves to do for one call.
struct Plan {
    receipts: Vec<Receipt>,
    months: BTreeMap<Month, Vec<CuratedArtifact>>,
    /// The first artifact that is refused; the others are loaded all the same.
    stale: Option<LoadError>,
}

impl Loader {
    /// Makes a loader; `clock` dates the ledger's rows.
    #[must_use]
    pub fn new(
        lake: Lake,
        warehouse: Warehouse,
        migrator: Migrator,
        metrics: Metrics,
        bounds: Bounds,
        clock: fn() -> DateTime<Utc>,
    ) -> Self {
        let bounds = Bounds { months: bounds.months.max(1), reads: bounds.reads.max(1) };
        let permits = Arc::new(Semaphore::new(bounds.months));
        Self { lake, warehouse, migrator, metrics, clock, bounds, permits }
    }

    /// Loads the artifacts, one insert a table and month, and returns the receipts in the order of the call. Files of
    /// refused rows come in beside them.
    ///
    /// Every month and file is tried, also after another one failed: what is in the ledger is not sent again.
    ///
    /// # Errors
    /// [`LoadError`], of the first month or file that failed.
    pub async fn load(
        &self,
        artifacts: &[CuratedArtifact],
        refused: &[QuarantineArtifact],
        run: &Run,
        deadline: Deadline,
    ) -> Result<Vec<Receipt>, LoadError> {
        refuse_ambiguous(artifacts)?;
        let plan = match self.plan(artifacts, deadline).await {
            // The warehouse was replaced by an empty one while this process lived.
            Err(error) if error.is_schema_missing() => {
                warn!(%error, "the schema is missing; migrating anew");
                self.migrator.forget();
                self.plan(artifacts, deadline).await
            }
            plan => plan,
        };
        let Plan { receipts, months, stale } = plan.inspect_err(|_| {
            artifacts.iter().for_each(|curated| self.metrics.failed(curated.table, 1));
        })?;
        let loads: Vec<_> =
            months.into_iter().map(|(month, artifacts)| self.load_month(month, artifacts, run, deadline)).collect();
        let outcomes: Vec<Result<(), LoadError>> = stream::iter(loads).buffered(self.bounds.months).collect().await;
        let set_aside = self.load_refused(refused, run, deadline).await;
        match stale {
            Some(error) => Err(error),
            None => outcomes.into_iter().chain([set_aside]).collect::<Result<(), LoadError>>().map(|()| receipts),
        }
    }

    /// Loads the files of refused rows one after the other: they are few and small.
    async fn load_refused(
        &self,
        refused: &[QuarantineArtifact],
        run: &Run,
        deadline: Deadline,
    ) -> Result<(), LoadError> {
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let mut outcome = Ok(());
        for artifact in refused {
            let load = || quarantine::load(&self.lake, &self.warehouse, artifact, run, (self.clock)(), deadline);
            let result = match load().await {
                Err(error) if error.is_schema_missing() => {
                    warn!(%error, "the schema is missing; migrating anew");
                    self.migrator.forget();
                    self.migrator.ensure(deadline).await?;
                    load().await
                }
                result => result,
            };
            outcome = outcome.and(result);
        }
        outcome
    }

    /// Asks the ledger, in one query, what is left to do.
    async fn plan(&self, artifacts: &[CuratedArtifact], deadline: Deadline) -> Result<Plan, LoadError> {
        self.migrator.ensure(deadline).await?;
        let entries = ledger::read(&self.warehouse, artifacts, deadline).await?;
        let mut plan = Plan { receipts: Vec::with_capacity(artifacts.len()), months: BTreeMap::new(), stale: None };
        for curated in artifacts {
            let verdict = ledger::judge(&entries, curated);
            plan.receipts.push(receipt(curated, verdict == Verdict::AlreadyLoaded));
            match verdict {
                Verdict::AlreadyLoaded => {}
                Verdict::Load => {
                    let month = plan.months.entry((curated.table, curated.trade_date.month())).or_default();
                    if !month.contains(curated) {
                        month.push(curated.clone());
                    }
                }
                Verdict::Stale { newest } => {
                    let CuratedArtifact { table, exchange, trade_date, version, .. } = *curated;
                    self.metrics.failed(table, 1);
                    let error = LoadError::Stale { table, exchange, trade_date, version, newest };
                    plan.stale.get_or_insert(error);
                }
            }
        }
        Ok(plan)
    }

    async fn load_month(
        &self,
        (table, (year, month)): Month,
        mut artifacts: Vec<CuratedArtifact>,
        run: &Run,
        deadline: Deadline,
    ) -> Result<(), LoadError> {
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        // Whatever the order of the call: the same artifacts are the same insert.
        artifacts.sort_by_key(|curated| (curated.trade_date, curated.exchange));
        let (began, count) = (Instant::now(), artifacts.len() as u64);
        let span = info_span!(
            "load month",
            champion.table = %table,
            month = format!("{year}-{month:02}"),
            sessions = count,
        );
        let result = self.deliver(table, artifacts, run, deadline).instrument(span.clone()).await;
        let _entered = span.enter();
        match &result {
            Ok(rows) => {
                self.metrics.loaded(table, count, began.elapsed());
                info!(%table, sessions = count, rows, seconds = began.elapsed().as_secs_f64(), "month loaded");
            }
            Err(_) => self.metrics.failed(table, count),
        }
        result.map(|_| ())
    }

    /// Sends, verifies and writes down the sessions of one table and month; returns their rows.
    async fn deliver(
        &self,
        table: Table,
        artifacts: Vec<CuratedArtifact>,
        run: &Run,
        deadline: Deadline,
    ) -> Result<u64, LoadError> {
        let token = content_token(table, &artifacts);
        let reads: Vec<_> = artifacts.into_iter().map(|artifact| curated::read(&self.lake, artifact)).collect();
        let sessions: Vec<Session> = stream::iter(reads).buffered(self.bounds.reads).try_collect().await?;
        let deliveries = self.send(table, sessions, &token, deadline).await?;
        let sent = || deliveries.iter().map(|delivery| &delivery.session);
        if let Err(error) = verification::verify(&self.warehouse, table, sent(), deadline).await {
            let LoadError::Mismatch { .. } = error else { return Err(error) };
            // The warehouse recognised the token but no longer has the rows (someone deleted them: the log of tokens
            // outlives them), or another loader was in between. Rows replace each other, so sending anew is harmless.
            warn!(%error, "sending anew under a fresh token");
            let again = format!("{token}-{:016x}", rand::random::<u64>());
            let sessions = sent().cloned().collect();
            let deliveries = self.send(table, sessions, &again, deadline).await?;
            let sent = deliveries.iter().map(|delivery| &delivery.session);
            verification::verify(&self.warehouse, table, sent, deadline).await?;
        }
        ledger::write(&self.warehouse, sent(), run, (self.clock)(), deadline).await?;
        Ok(sent().map(|session| session.fingerprint.rows()).sum())
    }

    /// Inserts the sessions with tombstones for the keys they no longer hold.
    async fn send(
        &self,
        table: Table,
        sessions: Vec<Session>,
        token: &str,
        deadline: Deadline,
    ) -> Result<Vec<Delivery>, LoadError> {
        let deliveries = verification::vanished_keys(&self.warehouse, table, sessions, deadline).await?;
        for Delivery { session, vanished } in deliveries.iter().filter(|delivery| !delivery.vanished.is_empty()) {
            let CuratedArtifact { trade_date, version, .. } = session.curated;
            info!(%table, %trade_date, version, rows = vanished.len(), "rows vanish with this version");
        }
        let span = Span::current();
        let encoding = tokio::task::spawn_blocking(move || {
            let _span = info_span!(parent: span, "encode arrow stream").entered();
            insert_body::encode(table, &deliveries).map(|body| (body, deliveries))
        });
        let ((body, rows), deliveries) = encoding
            .await
            .map_err(|source| LoadError::CutOff { work: table.to_string(), source })?
            .map_err(|source| LoadError::Encode { table, source })?;
        if rows == 0 {
            debug!(%table, "sessions without a row");
            return Ok(deliveries);
        }
        let sql = format!(
            "INSERT INTO {} ({}) FORMAT ArrowStream",
            self.warehouse.qualified(table.as_str()),
            insert_body::column_names(table)
        );
        let statement = Statement { operation: "INSERT", collection: table.to_string(), rows: Some(rows), sql };
        self.warehouse.insert(&statement, &body, token, deadline).await?;
        Ok(deliveries)
    }
}

fn receipt(curated: &CuratedArtifact, already_loaded: bool) -> Receipt {
    Receipt {
        table: curated.table,
        exchange: curated.exchange,
        trade_date: curated.trade_date,
        sha256: curated.artifact.sha256,
        version: curated.version,
        rows: curated.artifact.rows,
        already_loaded,
    }
}

/// A function of what is inserted: other content under the same token would be dropped by the warehouse in silence.
fn content_token(table: Table, artifacts: &[CuratedArtifact]) -> String {
    let contents: Vec<String> = artifacts
        .iter()
        .map(|curated| {
            let CuratedArtifact { exchange, trade_date, version, artifact, .. } = curated;
            format!("{table} {exchange} {trade_date} {version} {}", artifact.sha256)
        })
        .collect();
    Sha256::of(contents.join("\n").as_bytes()).to_string()
}

/// Two contents for one session in one call: which of them is the correction, nobody can tell.
fn refuse_ambiguous(artifacts: &[CuratedArtifact]) -> Result<(), LoadError> {
    let mut named = HashMap::new();
    for curated in artifacts {
        let CuratedArtifact { table, exchange, trade_date, .. } = *curated;
        let first = *named.entry((table, exchange, trade_date)).or_insert(curated);
        if first != curated {
            return Err(LoadError::Ambiguous { table, exchange, trade_date });
        }
    }
    Ok(())
}
