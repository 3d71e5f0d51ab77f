//! One source with everything that belongs to it alone: a slow host holds up no other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use champion_lake::Lake;
use champion_retry::{BreakerState, Deadline};
use chrono::{DateTime, Utc};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Source;
use super::guard::Guard;
use super::http::HttpClient;
use super::session::Session;
use super::timetable::{Stop, Timetable};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::{Clock, Error, FetchError};

/// A source and what is known of it.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) source: Source,
    pub(crate) client: HttpClient,
    pub(crate) guard: Arc<Guard>,
    pub(crate) timetable: Timetable,
    pub(crate) session: Session,
    places: Semaphore,
    clock: Clock,
    requests_per_second: f64,
}

/// A source as an operator sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceState {
    /// Which.
    pub source: Source,
    /// State of its circuit breaker in this process.
    pub breaker: BreakerState,
    /// Calls in the breaker's window, or in the window that opened it.
    pub window_calls: usize,
    /// How many of them failed.
    pub window_failures: usize,
    /// When the breaker opened, while it is not closed.
    pub opened_at: Option<DateTime<Utc>>,
    /// When an open breaker lets probes through.
    pub retry_at: Option<DateTime<Utc>>,
    /// Until when the host is not asked because it has blocked us.
    pub blocked_until: Option<DateTime<Utc>>,
    /// What it said then; empty without a block.
    pub blocked_reason: String,
    /// Until when the host is not asked because it said so.
    pub not_before: Option<DateTime<Utc>>,
    /// Requests a second; 0 is unlimited.
    pub requests_per_second: f64,
    /// The last request of this process that showed that the source works.
    pub last_success_at: Option<DateTime<Utc>>,
    /// The last request of this process that showed that it does not.
    pub last_failure_at: Option<DateTime<Utc>>,
    /// Whether pace, block and wait are shared by all processes on the lake.
    pub shared: bool,
    /// The last reset by an operator: when and by whom.
    pub last_reset: Option<(DateTime<Utc>, String)>,
}

impl Host {
    pub(crate) fn new(
        source: Source,
        config: &Config,
        lake: &Lake,
        clock: &Clock,
        metrics: &Metrics,
    ) -> Result<Self, Error> {
        let session = Session::new(Duration::from_secs(config.source.session_max_age_seconds));
        let cookies = match source {
            Source::NseArchive => None,
            Source::NseApi => Some(session.cookies()),
        };
        let guard = Arc::new(Guard::new(
            source,
            config.breaker.breaker(),
            config.retry.budget(),
            clock.clone(),
            metrics.clone(),
        ));
        Ok(Self {
            source,
            client: HttpClient::new(&config.source, &config.limits, cookies)?,
            timetable: Timetable::new(source, config, lake.clone(), clock.clone(), Arc::clone(&guard)),
            guard,
            places: Semaphore::new(config.limits.concurrent_requests),
            clock: clock.clone(),
            requests_per_second: config.pace.requests_per_second,
            session,
        })
    }

    /// Tells whether the source is asked at all.
    ///
    /// # Errors
    /// [`Stop::Silent`] while it is not; then the register was looked at, in which an operator may have reset it.
    pub(crate) async fn check(&self) -> Result<(), Stop> {
        if self.guard.check(Instant::now()).is_ok() {
            return Ok(());
        }
        let _ = self.timetable.look().await;
        self.guard.check(Instant::now()).map_err(Stop::Silent)
    }

    /// Returns what an operator sees.
    pub(crate) async fn state(&self) -> SourceState {
        let register = self.timetable.look().await;
        let (now, wall) = (Instant::now(), self.clock.now());
        let guard = self.guard.view(now);
        let at = |instant: Instant| match instant.checked_duration_since(now) {
            Some(ahead) => wall + ahead,
            None => wall - (now - instant),
        };
        let shared = register.is_some();
        let register = register.unwrap_or_default();
        let own_block = guard.blocked.map(|(left, reason)| (wall + left, reason));
        let blocked = register.blocked(wall).map(|block| (block.until, block.reason.clone())).or(own_block);
        let (blocked_until, blocked_reason) = blocked.unzip();
        SourceState {
            source: self.source,
            breaker: guard.breaker.state,
            window_calls: guard.breaker.calls,
            window_failures: guard.breaker.failures,
            opened_at: guard.breaker.opened_at.map(at),
            retry_at: guard.breaker.retry_at.map(at),
            blocked_until,
            blocked_reason: blocked_reason.unwrap_or_default(),
            not_before: register.held(wall),
            requests_per_second: self.requests_per_second,
            last_success_at: guard.last_success,
            last_failure_at: guard.last_failure,
            shared,
            last_reset: register.last_reset.map(|reset| (reset.at, reset.by)),
        }
    }

    /// Waits for a place among the requests that run at the same time.
    pub(crate) async fn place(&self, deadline: Deadline) -> Result<SemaphorePermit<'_>, FetchError> {
        match tokio::time::timeout_at(deadline.instant().into(), self.places.acquire()).await {
            Ok(place) => Ok(place.expect("the semaphore is never closed")),
            Err(_) => Err(FetchError::Deadline { waiting_for: "a place among the concurrent requests" }),
        }
    }
}
