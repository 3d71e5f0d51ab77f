//! The runs that are going on: begun, attached to, resumed, stopped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use champion_market_data::{Calendar, Dataset, Exchange, TradeDate};
use champion_telemetry::{context, semconv};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use thiserror::Error;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, error, field, info, info_span, warn};
use uuid::Uuid;

use crate::Clock;
use crate::config::BackfillConfig;
use crate::drive::{DriveError, RunContext, drive};
use crate::feed::{Event, Feed, Told};
use crate::journal::{End, Journal, JournalError, NewRun, Progress, RunRecord, Totals};
use crate::metrics::Metrics;
use crate::plan::{Plan, PlanError, RunSpec, plan};
use crate::records::{RecordError, Records};
use crate::stages::Stages;
use crate::vocabulary::{RunMode, RunStatus};

/// A run that cannot begin.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("the orchestrator is stopping")]
    Stopping,
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A run a client listens to.
#[derive(Debug, Clone)]
pub(crate) struct Attached {
    pub(crate) run_id: String,
    pub(crate) trace_id: String,
    pub(crate) feed: Arc<Feed>,
    /// Set off by an operator.
    cancel: CancellationToken,
}

impl Attached {
    fn new(run_id: String, trace_id: String) -> Self {
        Self { run_id, trace_id, feed: Feed::new(), cancel: CancellationToken::new() }
    }
}

/// What makes two requests the same run while it goes on.
type Key = (Dataset, Exchange, TradeDate, TradeDate, RunMode);

const fn key_of(spec: &RunSpec) -> Key {
    (spec.dataset, spec.exchange, spec.from, spec.to, spec.mode)
}

/// The runs of one tenure. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Runs {
    shared: Arc<Shared>,
}

struct Shared {
    parts: Parts,
    records: Records,
    active: Mutex<HashMap<Key, Attached>>,
    tasks: TaskTracker,
    /// No step begins after this.
    stop: CancellationToken,
    /// Steps in progress are dropped.
    abort: CancellationToken,
    /// Set off by the first run that finds out that another orchestrator leads.
    superseded: CancellationToken,
}

/// What the runs work with.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) journal: Journal,
    pub(crate) stages: Arc<Stages>,
    pub(crate) metrics: Metrics,
    pub(crate) calendar: Calendar,
    pub(crate) clock: Clock,
    pub(crate) limits: BackfillConfig,
}

/// Longest wait for dropped runs to end their spans.
const ABORT_GRACE: Duration = Duration::from_secs(1);

impl Runs {
    /// Makes the runs of one tenure, which ends with `stop`.
    pub(crate) fn new(parts: Parts, records: Records, stop: CancellationToken, superseded: CancellationToken) -> Self {
        let (active, tasks, abort) = (Mutex::default(), TaskTracker::new(), CancellationToken::new());
        Self { shared: Arc::new(Shared { parts, records, active, tasks, stop, abort, superseded }) }
    }

    /// Begins a run in the current span, or attaches to the same run when it is already going on.
    ///
    /// `parent` is the caller's `traceparent`, under which the run is taken up again should it be cut off.
    pub(crate) async fn start(&self, spec: RunSpec, parent: Option<String>) -> Result<Attached, StartError> {
        let shared = &self.shared;
        let plan = plan(&spec, shared.parts.clock.today(), &shared.parts.calendar, shared.parts.limits.max_days.get())?;
        if shared.stop.is_cancelled() {
            return Err(StartError::Stopping);
        }
        let started_at = shared.parts.clock.now();
        let run_id = Uuid::now_v7().to_string();
        let span = run_span(&run_id, &spec, None);
        let trace_id = span.in_scope(context::current_trace_id).unwrap_or_else(|| Uuid::now_v7().simple().to_string());
        let traceparent = parent.or_else(context::current_traceparent).unwrap_or_default();
        let attached = Attached::new(run_id.clone(), trace_id.clone());
        let guard = match self.open(&spec, &attached, started_at) {
            Ok(guard) => guard,
            Err(going_on) => return Ok(going_on),
        };
        let run = NewRun { run_id, trace_id, traceparent, spec, started_at };
        shared.records.run(run.record()).await.inspect_err(|error| shared.look_whether_superseded(error))?;
        shared.parts.journal.begin_run(run).await?;
        self.spawn(guard, plan, Progress::default(), false, span);
        Ok(attached)
    }

    /// Takes up the runs that were cut off and returns how many.
    ///
    /// # Errors
    /// [`JournalError`] when the journal cannot be read or written.
    pub(crate) async fn resume_unfinished(&self) -> Result<usize, JournalError> {
        let shared = &self.shared;
        let mut resumed = 0;
        for run in shared.parts.journal.unfinished().await? {
            let RunRecord { run_id, trace_id, traceparent, spec, started_at, .. } = run;
            let plan = match plan(
                &spec,
                shared.parts.clock.today(),
                &shared.parts.calendar,
                shared.parts.limits.max_days.get(),
            ) {
                Ok(plan) => plan,
                Err(error) => {
                    // A clock set back or a tighter limit: the run cannot go on and must not stay open for ever.
                    warn!(run_id, %error, "run that was cut off cannot go on");
                    shared.finish(&run_id, End::Failed(error.to_string())).await?;
                    continue;
                }
            };
            let progress = shared.parts.journal.progress(&run_id).await?;
            let span = run_span(&run_id, &spec, Some(&traceparent));
            let attached = Attached::new(run_id, trace_id);
            if let Ok(guard) = self.open(&spec, &attached, started_at) {
                self.spawn(guard, plan, progress, true, span);
                resumed += 1;
            } else {
                // Two unfinished runs of one range: the first one does the work of both.
                let error = "the same range was taken up under another run".to_owned();
                shared.finish(&attached.run_id, End::Failed(error)).await?;
            }
        }
        Ok(resumed)
    }

    /// Waits until the runs have come to a stop after the stop signal; those that have not by the deadline are dropped.
    pub(crate) async fn stopped(&self, grace: Duration) {
        let tasks = &self.shared.tasks;
        tasks.close();
        if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
            warn!(runs = tasks.len(), "runs still in a step after the grace period; they go on at the next start");
            self.shared.abort.cancel();
            let _ = tokio::time::timeout(ABORT_GRACE, tasks.wait()).await;
        }
    }

    /// Drops the runs where they stand: another orchestrator takes them up.
    pub(crate) async fn abandoned(&self) {
        let tasks = &self.shared.tasks;
        tasks.close();
        self.shared.abort.cancel();
        let _ = tokio::time::timeout(ABORT_GRACE, tasks.wait()).await;
    }

    /// Ends a run and waits until that is noted; tells whether the run was going on.
    pub(crate) async fn cancel(&self, run_id: &str) -> bool {
        let attached = {
            let active = self.shared.active.lock().unwrap_or_else(PoisonError::into_inner);
            active.values().find(|attached| attached.run_id == run_id).cloned()
        };
        let Some(attached) = attached else { return false };
        attached.cancel.cancel();
        let last = attached.feed.read().fold(None, |_, told| std::future::ready(Some(told))).await;
        matches!(last, Some(Told::Event(Event::Finished { status: RunStatus::Cancelled, .. })))
    }

    /// Returns the number of runs of a dataset and exchange that go on.
    pub(crate) fn in_progress(&self, dataset: Dataset, exchange: Exchange) -> u32 {
        let active = self.shared.active.lock().unwrap_or_else(PoisonError::into_inner);
        let count = active.keys().filter(|key| (key.0, key.1) == (dataset, exchange)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Enters a run into the list, or returns the same run that is there.
    fn open(&self, spec: &RunSpec, attached: &Attached, started_at: DateTime<Utc>) -> Result<Open, Attached> {
        let mut active = self.shared.active.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(going_on) = active.get(&key_of(spec)) {
            return Err(going_on.clone());
        }
        active.insert(key_of(spec), attached.clone());
        self.shared.parts.metrics.run_opened(spec.dataset, started_at);
        Ok(Open { shared: Arc::clone(&self.shared), spec: *spec, attached: attached.clone(), started_at })
    }

    /// Drives a run in a task of its own: it belongs to the orchestrator, not to the client that asked.
    fn spawn(&self, open: Open, plan: Plan, progress: Progress, resumed: bool, span: Span) {
        let (abort, cancel) = (self.shared.abort.clone(), open.attached.cancel.clone());
        let run = async move {
            // Whichever comes first drops the others: a call in progress ends down to its socket.
            tokio::select! {
                () = abort.cancelled() => drop(open),
                () = cancel.cancelled() => cancelled(&open).await,
                () = live(&open, plan, progress, resumed) => {}
            }
        };
        self.shared.tasks.spawn(run.instrument(span));
    }
}

impl Shared {
    /// Notes the end of a run in the journal and in the lake.
    async fn finish(&self, run_id: &str, end: End) -> Result<(RunStatus, String, Totals), JournalError> {
        let finished = self.parts.journal.finish_run(run_id, end, self.parts.clock.now()).await?;
        if let Some(run) = self.parts.journal.run(run_id).await?
            && let Err(error) = self.records.run(run).await
        {
            self.look_whether_superseded(&error);
        }
        Ok(finished)
    }

    fn look_whether_superseded(&self, error: &RecordError) {
        match error {
            RecordError::Superseded(_) => self.superseded.cancel(),
            RecordError::Journal(_) | RecordError::Stopped => {}
        }
    }
}

/// A run in the list; dropping it, by whatever way, takes it off and tells its clients that nothing follows.
struct Open {
    shared: Arc<Shared>,
    spec: RunSpec,
    attached: Attached,
    started_at: DateTime<Utc>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut active = self.shared.active.lock().unwrap_or_else(PoisonError::into_inner);
        active.remove(&key_of(&self.spec));
        self.shared.parts.metrics.run_closed(self.spec.dataset, self.started_at);
        self.attached.feed.close();
    }
}

async fn live(open: &Open, plan: Plan, progress: Progress, resumed: bool) {
    let Open { shared, spec, attached, started_at } = open;
    let Attached { run_id, feed, .. } = attached;
    let began = Instant::now();
    info!(run_id, dataset = %spec.dataset, from = %spec.from, to = %spec.to, resumed, "run begins");
    feed.push(Event::Started { sessions_planned: plan.sessions, days_in_range: plan.days, resumed });
    let context = RunContext {
        run_id: run_id.clone(),
        spec: *spec,
        journal: shared.parts.journal.clone(),
        records: shared.records.clone(),
        stages: Arc::clone(&shared.parts.stages),
        feed: Arc::clone(feed),
        metrics: shared.parts.metrics.clone(),
        clock: shared.parts.clock.clone(),
        stop: shared.stop.clone(),
        concurrent_days: shared.parts.limits.concurrent_days.get(),
    };
    let end = match drive(&context, plan, progress).await {
        Ok(()) => End::Reached,
        Err(DriveError::Stopped) => {
            info!(run_id, "run is cut off by the stop; it goes on at the next start");
            return;
        }
        Err(DriveError::Superseded(epoch)) => {
            warn!(run_id, epoch, "another orchestrator leads; the run goes on there");
            shared.superseded.cancel();
            return;
        }
        Err(DriveError::Journal(failure)) => {
            shared.parts.metrics.run_broke_off(spec.dataset);
            End::Failed(failure.to_string())
        }
    };
    let now = shared.parts.clock.now();
    // A run that was cut off is told with the time it was away; the metric counts work.
    let worked = began.elapsed();
    let duration = if resumed { (now - *started_at).to_std().unwrap_or_default() } else { worked };
    let (status, message, totals) = match shared.finish(run_id, end.clone()).await {
        Ok(finished) => finished,
        Err(second) => {
            error!(run_id, error = %second, "end of the run not noted; it is taken up again at the next start");
            let reason = if let End::Failed(first) = end { first } else { second.to_string() };
            (RunStatus::Failed, reason, Totals::default())
        }
    };
    let succeeded = status == RunStatus::Succeeded;
    let span = Span::current();
    span.record(semconv::CHAMPION_ROWS, totals.counts.published);
    if !succeeded {
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", message.as_str());
        span.record(semconv::ERROR_TYPE, "failed_days");
    }
    shared.parts.metrics.run_finished(spec.dataset, succeeded, worked);
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    info!(run_id, dataset = %spec.dataset, %status, error = message, duration_ms, "run finished");
    feed.push(Event::Finished { status, error: message, totals, duration_ms });
}

/// Notes that an operator ended a run. What was done stays done; what was dropped is asked anew by a later run.
async fn cancelled(open: &Open) {
    let Open { shared, spec, attached, started_at } = open;
    let now = shared.parts.clock.now();
    match shared.finish(&attached.run_id, End::Cancelled).await {
        Ok((status, error, totals)) => {
            let duration_ms = u64::try_from((now - *started_at).num_milliseconds()).unwrap_or_default();
            info!(run_id = attached.run_id, dataset = %spec.dataset, "run cancelled");
            attached.feed.push(Event::Finished { status, error, totals, duration_ms });
        }
        Err(error) => error!(run_id = attached.run_id, %error, "the cancellation could not be noted"),
    }
}

/// Opens the span of a run below the current one, or below the parent it had before it was cut off.
fn run_span(run_id: &str, spec: &RunSpec, parent: Option<&str>) -> Span {
    let span = info_span!(
        "run",
        otel.name = format!("run {}", spec.dataset),
        champion.run_id = run_id,
        champion.dataset = %spec.dataset,
        champion.exchange = %spec.exchange,
        champion.from_date = %spec.from,
        champion.to_date = %spec.to,
        champion.resumed = parent.is_some(),
        champion.mode = %spec.mode,
        champion.rows = field::Empty,
        otel.status_code = field::Empty,
        otel.status_description = field::Empty,
        error.type = field::Empty,
    );
    if let Some(parent) = parent {
        context::set_parent(&span, parent);
    }
    span
}
