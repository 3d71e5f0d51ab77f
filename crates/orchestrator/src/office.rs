//! Who leads, and what this process knows of the lake: the journal as it is kept in step with it.

use std::sync::Arc;

use champion_lake::{Epoch, Lake, LakeError};
use champion_market_data::{Dataset, Exchange};
use thiserror::Error;
use tokio::sync::{Mutex, watch};
use tracing::{info, warn};

use crate::Clock;
use crate::journal::{Journal, JournalError};
use crate::metrics::Metrics;
use crate::records::{Finding, Glance, Reading, RecordError, Records, Surveyor};
use crate::runs::Runs;
use crate::vocabulary::{DayState, RunStatus};

/// What this orchestrator is to the others on the lake.
#[derive(Clone)]
pub(crate) enum Role {
    /// Another one leads, or nobody can.
    Standby(Standby),
    /// It drives the runs.
    Active(Tenure),
}

/// Why this orchestrator does not drive runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standby {
    /// Who leads, as far as is known.
    pub(crate) leader: Option<Epoch>,
    /// Why nobody does; empty when somebody does.
    pub(crate) trouble: String,
}

/// The time this orchestrator leads.
#[derive(Clone)]
pub(crate) struct Tenure {
    pub(crate) epoch: Epoch,
    pub(crate) runs: Runs,
    pub(crate) records: Records,
}

/// What keeps the journal from being in step with the lake.
#[derive(Debug, Error)]
pub(crate) enum OfficeError {
    #[error("the lake cannot be read: {0}")]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The journal after it was made from the lake.
#[derive(Debug, Default)]
pub(crate) struct Rebuilt {
    pub(crate) present: u64,
    pub(crate) absent: u64,
    pub(crate) failed: u64,
    pub(crate) runs: u64,
    pub(crate) findings: Vec<Finding>,
}

/// Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Office {
    shared: Arc<Shared>,
}

struct Shared {
    role: watch::Sender<Role>,
    journal: Journal,
    metrics: Metrics,
    clock: Clock,
    reader: Mutex<Reader>,
}

struct Reader {
    surveyor: Surveyor,
    /// What the journal was last made from by this process.
    seen: Option<Glance>,
    /// Whether the journal is that of the orchestrator that leads, ahead of the lake's listing.
    leads: bool,
}

impl Office {
    pub(crate) fn new(lake: Lake, journal: Journal, metrics: Metrics, clock: Clock) -> Self {
        let role = watch::Sender::new(Role::Standby(Standby::default()));
        let reader = Mutex::new(Reader { surveyor: Surveyor::new(lake), seen: None, leads: false });
        Self { shared: Arc::new(Shared { role, journal, metrics, clock, reader }) }
    }

    pub(crate) fn role(&self) -> Role {
        self.shared.role.borrow().clone()
    }

    /// Changes the role and says so to Prometheus.
    pub(crate) fn set_role(&self, role: Role) {
        self.shared.metrics.leads(matches!(role, Role::Active(_)));
        self.shared.role.send_replace(role);
    }

    /// Notes that another orchestrator leads: from now on the journal follows the lake again.
    pub(crate) async fn leads_no_longer(&self, epoch: &Epoch) {
        warn!(epoch = epoch.number, "superseded: another orchestrator leads, this one stands by");
        self.set_role(Role::Standby(Standby::default()));
        let mut reader = self.shared.reader.lock().await;
        reader.leads = false;
        reader.seen = None;
    }

    /// Returns how many runs of a dataset and exchange go on, here or wherever the lake says; a run that is told as ended is none.
    pub(crate) async fn in_progress(&self, dataset: Dataset, exchange: Exchange) -> Result<u32, JournalError> {
        self.shared.journal.running(dataset, exchange).await
    }

    /// Brings the journal of a standby to what the lake says; the one of the orchestrator that leads is ahead of it.
    pub(crate) async fn freshen(&self) -> Result<(), OfficeError> {
        let mut reader = self.shared.reader.lock().await;
        if reader.leads {
            return Ok(());
        }
        let glance = reader.surveyor.glance().await?;
        if reader.seen.as_ref() == Some(&glance) {
            return Ok(());
        }
        self.read_lake(&mut reader, &|_| {}).await.map(|_| ())
    }

    /// Makes the journal anew from the lake, whatever it holds.
    pub(crate) async fn rebuild(&self, tell: &(dyn Fn(Reading) + Sync)) -> Result<Rebuilt, OfficeError> {
        let mut reader = self.shared.reader.lock().await;
        let Role::Active(tenure) = self.role() else { return self.read_lake(&mut reader, tell).await };
        // What takes long is read while runs go on; then no day ends until the rest is read.
        reader.surveyor.survey(tell).await?;
        tenure.records.catch_up().await?;
        let _paused = tenure.records.pause().await;
        self.read_lake(&mut reader, &|_| {}).await
    }

    /// Prepares the journal for the orchestrator that has begun to lead: in step with the lake, every run that goes on in it.
    pub(crate) async fn prepare(&self, records: &Records) -> Result<(), OfficeError> {
        let journal = &self.shared.journal;
        records.catch_up().await?;
        let mut reader = self.shared.reader.lock().await;
        reader.leads = true;
        let months = reader.surveyor.glance().await?.months;
        if journal.lake_months().await? != Some(months) {
            let Rebuilt { present, absent, failed, runs, findings } = self.read_lake(&mut reader, &|_| {}).await?;
            let findings = findings.len();
            info!(present, absent, failed, runs, findings, "the journal was made from the lake");
        }
        for run in reader.surveyor.open_runs().await? {
            journal.adopt_run(run.clone()).await?;
            // One that ended here before the lake was told of it.
            if let Some(known) = journal.run(&run.run_id).await?
                && known.status != RunStatus::Running
            {
                records.run(known).await?;
            }
        }
        for run in journal.unfinished().await? {
            match reader.surveyor.ended_run(&run.run_id).await? {
                Some(ended) => journal.adopt_run(ended).await?,
                None => records.run(run).await?,
            }
        }
        self.shared.metrics.restore(&journal.dataset_books().await?);
        Ok(())
    }

    async fn read_lake(&self, reader: &mut Reader, tell: &(dyn Fn(Reading) + Sync)) -> Result<Rebuilt, OfficeError> {
        let survey = reader.surveyor.survey(tell).await?;
        let mut rebuilt = Rebuilt { runs: survey.runs.len() as u64, ..Rebuilt::default() };
        for fact in survey.days.values() {
            match fact.state {
                DayState::Present => rebuilt.present += 1,
                DayState::Closed | DayState::Pending | DayState::Gap | DayState::Unknown => rebuilt.absent += 1,
                DayState::Refused | DayState::Failed => rebuilt.failed += 1,
            }
        }
        for Finding { key, reason } in &survey.findings {
            warn!(key, reason, "an object of the lake cannot be read; the rest goes on without it");
        }
        rebuilt.findings.clone_from(&survey.findings);
        let glance = survey.glance.clone();
        self.shared.journal.take_over(survey, self.shared.clock.now()).await?;
        self.shared.metrics.restore(&self.shared.journal.dataset_books().await?);
        reader.seen = Some(glance);
        Ok(rebuilt)
    }
}
