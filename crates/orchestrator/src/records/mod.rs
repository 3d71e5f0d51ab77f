//! The lake's own memory of days and runs: what the journal is a cache of.
//!
//! The orchestrator that leads writes how each day ended and which runs go on, before the journal. A month of a dataset is
//! one small object, written under a new key each time by the one process that holds the newest epoch; ends that come while
//! a write is under way go into the next one together. What the lake cannot take, because its disk is full, is kept in the
//! journal with a mark and brought in as soon as there is room.

mod derive;
mod fact;
mod survey;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use champion_lake::{Lake, LakeError};
use champion_market_data::{Dataset, Exchange, TradeDate};
use chrono::{DateTime, Utc};
use thiserror::Error;
use tokio::sync::{OwnedMutexGuard, oneshot};
use tracing::{error, info, warn};

pub(crate) use fact::{DayFact, Month, RunFact};
pub(crate) use survey::{Finding, Glance, Reading, Survey, Surveyor};

use crate::journal::{DayRecord, Journal, JournalError, RunRecord};
use fact::{MonthFact, OPEN_RUNS, to_json, version_of};

/// Why something is not noted.
#[derive(Debug, Clone, Error)]
pub(crate) enum RecordError {
    /// Another orchestrator leads.
    #[error("superseded by orchestrator epoch {0}")]
    Superseded(u64),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] Arc<JournalError>),
    /// The process is ending.
    #[error("the process is ending")]
    Stopped,
}

/// Days of one run that have come to their end.
#[derive(Debug, Clone)]
pub(crate) struct Concluded {
    pub(crate) run_id: String,
    pub(crate) dataset: Dataset,
    pub(crate) exchange: Exchange,
    pub(crate) days: Vec<DayRecord>,
    pub(crate) at: DateTime<Utc>,
}

/// The end of a day that the journal has and the lake perhaps not.
#[derive(Debug, Clone)]
pub(crate) struct Unrecorded {
    pub(crate) dataset: Dataset,
    pub(crate) exchange: Exchange,
    pub(crate) trade_date: TradeDate,
    pub(crate) fact: DayFact,
}

/// Writes to the lake and to the journal for the orchestrator that leads. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Records {
    shared: Arc<Shared>,
}

struct Shared {
    lake: Lake,
    journal: Journal,
    epoch: u64,
    waiting: Mutex<Vec<Waiting>>,
    /// Held by whoever writes.
    months: Arc<tokio::sync::Mutex<Months>>,
}

/// Days that wait for the next write, and whom to tell.
type Waiting = (Concluded, oneshot::Sender<Result<(), RecordError>>);

/// What this process knows of the months it has written.
#[derive(Debug, Default)]
pub(crate) struct Months {
    known: HashMap<Month, Written>,
    /// Runs whose object could not be written.
    runs: BTreeMap<String, RunFact>,
}

#[derive(Debug, Default)]
struct Written {
    /// Keys of its versions, rising; only the last one is read.
    keys: Vec<String>,
    fact: MonthFact,
}

impl Records {
    pub(crate) fn new(lake: Lake, journal: Journal, epoch: u64) -> Self {
        let (waiting, months) = (Mutex::default(), Arc::default());
        Self { shared: Arc::new(Shared { lake, journal, epoch, waiting, months }) }
    }

    /// Returns the epoch under which is written: the fencing token of every call to a stage.
    pub(crate) fn epoch(&self) -> u64 {
        self.shared.epoch
    }

    /// Notes days that have their final state in the lake, then in the journal.
    ///
    /// Goes on to its end when the caller goes away: others may wait for the same write.
    pub(crate) async fn conclude(&self, concluded: Concluded) -> Result<(), RecordError> {
        let (tell, told) = oneshot::channel();
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((concluded, tell));
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let mut months = shared.months.lock().await;
            let batch = std::mem::take(&mut *shared.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            // The one before may have taken this one's days with it.
            if !batch.is_empty() {
                let (days, waiting): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
                let outcome = shared.write(&mut months, days).await;
                for tell in waiting {
                    let _ = tell.send(outcome.clone());
                }
            }
        });
        told.await.unwrap_or(Err(RecordError::Stopped))
    }

    /// Notes that a run begins or has ended.
    pub(crate) async fn run(&self, run: RunRecord) -> Result<(), RecordError> {
        self.shared.check().await?;
        let mut months = self.shared.months.lock().await;
        self.shared.write_run(&mut months, run.into()).await;
        Ok(())
    }

    /// Brings in what the lake could not take before, or never heard of.
    pub(crate) async fn catch_up(&self) -> Result<(), RecordError> {
        let shared = &self.shared;
        let mut months = shared.months.lock().await;
        let rows = shared.journal.unrecorded().await.map_err(Arc::new)?;
        if rows.is_empty() && months.runs.is_empty() {
            return Ok(());
        }
        shared.check().await?;
        for run in std::mem::take(&mut months.runs).into_values() {
            shared.write_run(&mut months, run).await;
        }
        let mut by_month: BTreeMap<Month, Vec<(TradeDate, DayFact)>> = BTreeMap::new();
        for Unrecorded { dataset, exchange, trade_date, fact } in &rows {
            let month = Month::of(*dataset, *exchange, *trade_date);
            by_month.entry(month).or_default().push((*trade_date, fact.clone()));
        }
        for (month, facts) in by_month {
            let known = shared.known(&mut months, month).await;
            // What the lake knows of later is not what the journal had not told it.
            let newer = |(date, fact): &(TradeDate, DayFact)| match known.as_ref().ok()?.fact.days.get(date) {
                Some(there) if there.concluded_at >= fact.concluded_at => None,
                _ => Some((*date, fact.clone())),
            };
            let facts: Vec<_> = facts.iter().filter_map(newer).collect();
            let days = facts.len();
            match shared.write_month(&mut months, month, facts).await {
                Ok(key) => {
                    shared.journal.note_month(month, key, true).await.map_err(Arc::new)?;
                    info!(month = %month, days, "what only the journal knew is in the lake");
                }
                Err(error) => warn!(month = %month, %error, "the lake cannot take the ends of days yet"),
            }
        }
        Ok(())
    }

    /// Waits for the write that is under way and lets none begin until the guard is dropped; then every month is read anew.
    pub(crate) async fn pause(&self) -> OwnedMutexGuard<Months> {
        let mut months = Arc::clone(&self.shared.months).lock_owned().await;
        months.known.clear();
        months
    }
}

impl Shared {
    /// Checks that this orchestrator still leads; a store that does not answer is no sign that it does not.
    async fn check(&self) -> Result<(), RecordError> {
        match self.lake.newest_epoch(champion_lake::ORCHESTRATOR).await {
            Ok(newest) if newest > self.epoch => Err(RecordError::Superseded(newest)),
            Ok(_) => Ok(()),
            Err(error) => {
                warn!(%error, "the lake does not say who leads");
                Ok(())
            }
        }
    }

    async fn write(&self, months: &mut Months, batch: Vec<Concluded>) -> Result<(), RecordError> {
        self.check().await?;
        let mut by_month: BTreeMap<Month, Vec<(TradeDate, DayFact)>> = BTreeMap::new();
        for Concluded { run_id, dataset, exchange, days, at } in &batch {
            for day in days {
                let fact = DayFact::new(day, run_id, *at, self.epoch);
                let month = Month::of(*dataset, *exchange, day.trade_date);
                by_month.entry(month).or_default().push((day.trade_date, fact));
            }
        }
        let mut written = BTreeMap::new();
        for (month, facts) in by_month {
            match self.write_month(months, month, facts).await {
                Ok(key) => {
                    written.insert(month, key);
                }
                Err(error) => {
                    error!(month = %month, %error, "the ends of days are in the journal only until the lake takes them")
                }
            }
        }
        for Concluded { run_id, dataset, exchange, days, at } in batch {
            let recorded = |date| written.contains_key(&Month::of(dataset, exchange, date));
            let (in_lake, not): (Vec<_>, Vec<_>) = days.into_iter().partition(|day| recorded(day.trade_date));
            for (days, recorded) in [(in_lake, true), (not, false)] {
                if !days.is_empty() {
                    let noted = self.journal.record_days(&run_id, dataset, exchange, days, at, recorded).await;
                    noted.map_err(Arc::new)?;
                }
            }
        }
        for (month, key) in written {
            self.journal.note_month(month, key, false).await.map_err(Arc::new)?;
        }
        Ok(())
    }

    /// Writes the next version of a month and returns its key.
    async fn write_month(
        &self,
        months: &mut Months,
        month: Month,
        facts: Vec<(TradeDate, DayFact)>,
    ) -> Result<String, LakeError> {
        let known = self.known(months, month).await?;
        let before = known.fact.clone();
        for (date, fact) in facts {
            if known.fact.days.get(&date).is_none_or(|there| there.gives_way_to(&fact)) {
                known.fact.days.insert(date, fact);
            }
        }
        let newest = known.keys.last().cloned();
        if let Some(key) = newest.clone().filter(|_| known.fact == before) {
            return Ok(key);
        }
        let number = newest.as_deref().and_then(version_of).map_or(0, |(_, number)| number) + 1;
        let key = month.key(self.epoch, number);
        let written = self.lake.put_if_absent(&key, to_json(&known.fact)).await;
        if let Err(error) = written {
            months.known.remove(&month);
            return Err(error);
        }
        for older in std::mem::replace(&mut known.keys, vec![key.clone()]) {
            // One that stays is older than this one and read by nobody.
            if let Err(error) = self.lake.delete(&older).await {
                warn!(key = older, %error, "an earlier version of a month stays behind");
            }
        }
        Ok(key)
    }

    /// Returns a month as the lake has it.
    async fn known<'a>(&self, months: &'a mut Months, month: Month) -> Result<&'a mut Written, LakeError> {
        let entry = match months.known.entry(month) {
            Entry::Occupied(known) => return Ok(known.into_mut()),
            Entry::Vacant(entry) => entry,
        };
        let mut keys = self.lake.list(&month.to_string()).await?;
        keys.retain(|key| version_of(key).is_some());
        let mut fact = None;
        while let (Some(key), None) = (keys.last(), &fact) {
            let bytes = self.lake.get(key).await?.unwrap_or_default();
            match serde_json::from_slice::<MonthFact>(&bytes) {
                Ok(found) => fact = Some(found),
                Err(reason) => {
                    let aside = self.lake.set_aside(key).await?.unwrap_or_default();
                    error!(key, %reason, aside, "the ends of a month's days cannot be read: set aside, made anew from the journal");
                    keys.pop();
                    fact = Some(self.month_in_journal(month).await);
                }
            }
        }
        Ok(entry.insert(Written { keys, fact: fact.unwrap_or_default() }))
    }

    async fn month_in_journal(&self, month: Month) -> MonthFact {
        match self.journal.month(month).await {
            Ok(days) => MonthFact { days },
            Err(error) => {
                error!(month = %month, %error, "the journal does not have the month either");
                MonthFact::default()
            }
        }
    }

    /// Writes a run's object; one that the lake cannot take is tried again by the next [`Records::catch_up`].
    async fn write_run(&self, months: &mut Months, run: RunFact) {
        let written = async {
            self.lake.publish(&run.key(), to_json(&run)).await?;
            if run.finished_at.is_some() {
                self.lake.delete(&format!("{OPEN_RUNS}/{}.json", run.run_id)).await?;
            }
            Ok::<(), LakeError>(())
        };
        if let Err(error) = written.await {
            warn!(run_id = run.run_id, %error, "the run is in the journal only until the lake takes it");
            months.runs.insert(run.run_id.clone(), run);
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
