//! Driving one run through the stages: days of a month side by side, months one behind the other.
//!
//! ```text
//! month N      fetch ─ parse (days side by side) ──► write ──► load
//! month N + 1                                        fetch ─ parse …
//! ```
//!
//! At most two months are under way: while one is written and loaded, the next is fetched.

mod day;
mod known;
mod month;

use std::sync::Arc;

use champion_market_data::TradeDate;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::Clock;
use crate::feed::{Event, Feed};
use crate::journal::{DayRecord, Journal, JournalError, Progress, StepRecord};
use crate::metrics::Metrics;
use crate::plan::{Plan, RunSpec};
use crate::records::{Concluded, RecordError, Records};
use crate::stages::{Caller, StageError, Stages, Trouble};
use crate::vocabulary::DayState;
use known::Known;

/// Everything that belongs to one run.
pub(crate) struct RunContext {
    pub(crate) run_id: String,
    pub(crate) spec: RunSpec,
    pub(crate) journal: Journal,
    pub(crate) records: Records,
    pub(crate) stages: Arc<Stages>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    /// No step begins after this is set off.
    pub(crate) stop: CancellationToken,
    pub(crate) concurrent_days: usize,
}

/// Why a run ends before its last day.
#[derive(Debug, Error)]
pub(crate) enum DriveError {
    /// The orchestrator is stopping; the run goes on at the next start.
    #[error("the orchestrator is stopping")]
    Stopped,
    /// Another orchestrator leads; the run goes on there.
    #[error("superseded by orchestrator epoch {0}")]
    Superseded(u64),
    /// What cannot be noted must not be done.
    #[error("{0}")]
    Journal(Arc<JournalError>),
}

impl From<JournalError> for DriveError {
    fn from(error: JournalError) -> Self {
        Self::Journal(Arc::new(error))
    }
}

impl From<RecordError> for DriveError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Superseded(epoch) => Self::Superseded(epoch),
            RecordError::Journal(error) => Self::Journal(error),
            RecordError::Stopped => Self::Stopped,
        }
    }
}

/// Drives a run to its end, from where it stands.
///
/// A day that is refused or fails ends as such and holds nothing up.
pub(crate) async fn drive(context: &RunContext, plan: Plan, progress: Progress) -> Result<(), DriveError> {
    // Days that have their state are told again, so that a client of the second half sees the whole run.
    context.feed.extend(progress.days.iter().cloned().map(Event::Day));
    let mut known = Known::of(progress);
    let (handover, mut fetched) = mpsc::channel(1);
    let fetching = async move {
        for month in plan.months {
            // The place behind the month that is being published has to be free before this one begins.
            let Ok(place) = handover.reserve().await else { break };
            place.send(month::fetch(context, &month, &mut known).await?);
        }
        Ok::<(), DriveError>(())
    };
    let publishing = async move {
        while let Some(days) = fetched.recv().await {
            month::publish(context, days).await?;
        }
        Ok(())
    };
    // Both come to their end: an error on one side lets the other finish the step it is in.
    let (fetched, published) = futures::join!(fetching, publishing);
    fetched.and(published)
}

impl RunContext {
    fn caller(&self) -> Caller<'_> {
        let fencing_token = self.records.epoch();
        Caller { run_id: &self.run_id, fencing_token, stop: &self.stop, feed: &self.feed }
    }

    /// Notes steps in the journal, then tells of them.
    async fn steps_done(&self, steps: Vec<StepRecord>) -> Result<(), DriveError> {
        self.journal.record_steps(&self.run_id, steps.clone()).await?;
        self.feed.extend(steps.into_iter().map(Event::Step));
        Ok(())
    }

    /// Notes days that have their final state, in the lake first, then tells of them.
    async fn days_done(&self, days: Vec<DayRecord>) -> Result<(), DriveError> {
        let RunSpec { dataset, exchange, .. } = self.spec;
        let now = self.clock.now();
        let concluded = Concluded { run_id: self.run_id.clone(), dataset, exchange, days: days.clone(), at: now };
        self.records.conclude(concluded).await?;
        for day in &days {
            let DayRecord { trade_date, state, reason, .. } = day;
            match state {
                DayState::Present => {
                    self.metrics.session_is_in(dataset, *trade_date, now);
                    info!(run_id = self.run_id, %dataset, %trade_date, rows = day.counts.published, "session is in");
                }
                DayState::Closed => debug!(run_id = self.run_id, %dataset, %trade_date, reason, "no session"),
                DayState::Pending | DayState::Gap | DayState::Unknown | DayState::Refused | DayState::Failed => {
                    info!(run_id = self.run_id, %dataset, %trade_date, %state, reason, "session is not in");
                }
            }
        }
        self.feed.extend(days.into_iter().map(Event::Day));
        Ok(())
    }

    /// Makes the end of a day of a stage's failure; a stage that was not asked because of a stop is no failure.
    fn failed_day(&self, trade_date: TradeDate, error: &StageError) -> Result<DayRecord, DriveError> {
        match error.trouble {
            Trouble::Stopped => return Err(DriveError::Stopped),
            Trouble::Superseded(epoch) => return Err(DriveError::Superseded(epoch)),
            Trouble::Away | Trouble::Busy | Trouble::Answered(_) | Trouble::BadAnswer => {}
        }
        self.metrics.session_failed(self.spec.dataset, error.stage);
        Ok(DayRecord::without_rows(trade_date, DayState::Failed, error.to_string()))
    }
}

/// Milliseconds since an instant.
fn elapsed_ms(since: tokio::time::Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
