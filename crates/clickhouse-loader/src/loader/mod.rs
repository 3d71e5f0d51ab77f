//! The use case: curated artifacts are in the warehouse, each exactly once in effect.

mod audit;
mod delivery;
mod named;
mod reconcile;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use champion_lake::Lake;
use champion_market_data::{CuratedArtifact, Exchange, Sha256, Table, TradeDate};
use champion_retry::Deadline;
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{Instrument, info, info_span, warn};

use crate::LoadError;
use crate::curated::SessionVersion;
use crate::ledger::{self, Verdict};
use crate::metrics::Metrics;
use crate::migration::Migrator;
use crate::quarantine::{self, SetAside};
use crate::shelf::Shelf;
use crate::warehouse::Warehouse;

pub use audit::AuditScope;

/// Which run asks for a load; it stands in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The run's id.
    pub run_id: String,
    /// The run's trace, 32 hex digits.
    pub trace_id: Option<String>,
    /// The epoch of the orchestrator that drives the run; 0 for an operator's own call.
    pub fencing_token: u64,
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

/// What is sent together: versions for one shelf of a table in one month.
type Month = (Shelf, Table, (i32, u32));

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

    /// Loads artifacts as their manifests describe them, one insert a table and month, and returns the receipts in the order of the call. Files of
    /// refused rows come in beside them.
    ///
    /// Every month and file is tried, also after another one failed: what is in the ledger is not sent again.
    ///
    /// # Errors
    /// [`LoadError`], of the first month or file that failed.
    pub async fn load(
        &self,
        artifacts: &[CuratedArtifact],
        refused: &[SetAside],
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
        let loads: Vec<_> = months
            .into_iter()
            .map(|(month, artifacts)| self.load_month(month, artifacts, false, run, deadline))
            .collect();
        let outcomes: Vec<Result<(), LoadError>> = stream::iter(loads).buffered(self.bounds.months).collect().await;
        let set_aside = self.load_refused(refused, run, deadline).await;
        match stale {
            Some(error) => Err(error),
            None => outcomes.into_iter().chain([set_aside]).collect::<Result<(), LoadError>>().map(|()| receipts),
        }
    }

    /// Loads the files of refused rows one after the other: they are few and small.
    async fn load_refused(&self, refused: &[SetAside], run: &Run, deadline: Deadline) -> Result<(), LoadError> {
        if refused.is_empty() {
            return Ok(());
        }
        let _permit = self.permit(deadline).await?;
        self.lake.check_fencing_token(run.fencing_token).await?;
        let mut outcome = Ok(());
        for file in refused {
            let load = || quarantine::load(&self.lake, &self.warehouse, file, run, (self.clock)(), deadline);
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
            let shelf = match ledger::judge(&entries, curated) {
                Verdict::AlreadyLoaded => None,
                Verdict::Load => Some(Shelf::Current),
                // A correction was faster: the version belongs to what was known before it.
                Verdict::Older { .. } if self.is_superseded(&SessionVersion::from(curated)).await? => {
                    Some(Shelf::History)
                }
                Verdict::Older { same_content: true, .. } => None,
                Verdict::Older { newest, .. } => {
                    let CuratedArtifact { table, exchange, trade_date, version, .. } = *curated;
                    self.metrics.failed(table, 1);
                    plan.stale.get_or_insert(LoadError::Stale { table, exchange, trade_date, version, newest });
                    continue;
                }
            };
            plan.receipts.push(receipt(curated, shelf.is_none()));
            if let Some(shelf) = shelf {
                let month = plan.months.entry((shelf, curated.table, curated.trade_date.month())).or_default();
                if !month.contains(curated) {
                    month.push(curated.clone());
                }
            }
        }
        Ok(plan)
    }

    /// Tells whether the lake keeps a version in its history: a newer one was published.
    async fn is_superseded(&self, id: &SessionVersion) -> Result<bool, LoadError> {
        Ok(self.lake.size(&id.history_key()).await?.is_some())
    }

    /// Waits for one of the permits that bound the work, no longer than the caller does.
    async fn permit(&self, deadline: Deadline) -> Result<SemaphorePermit<'_>, LoadError> {
        let allowed = deadline.remaining(Instant::now());
        let permit = tokio::time::timeout(allowed, self.permits.acquire()).await;
        permit.map_err(|_| LoadError::Busy).map(|permit| permit.expect("the semaphore is never closed"))
    }

    /// Loads what belongs together in its turn; `anew` sends the history again, whatever its ledger says.
    async fn load_month(
        &self,
        (shelf, table, (year, month)): Month,
        mut artifacts: Vec<CuratedArtifact>,
        anew: bool,
        run: &Run,
        deadline: Deadline,
    ) -> Result<(), LoadError> {
        let count = artifacts.len() as u64;
        let _permit = self.permit(deadline).await.inspect_err(|_| self.metrics.failed(table, count))?;
        // Whatever the order of the call: the same artifacts are the same insert.
        artifacts.sort_by_key(|curated| (curated.trade_date, curated.exchange));
        let began = Instant::now();
        let span = info_span!(
            "load month",
            champion.table = %shelf.collection(table),
            month = format!("{year}-{month:02}"),
            sessions = count,
        );
        let delivery = async {
            // The permit may have been long in coming: whoever asked may lead no longer.
            self.lake.check_fencing_token(run.fencing_token).await?;
            match shelf {
                Shelf::Current => self.deliver(table, artifacts, anew, run, deadline).await,
                Shelf::History => self.deliver_late(table, artifacts, run, deadline).await,
            }
        };
        let result = delivery.instrument(span.clone()).await;
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
