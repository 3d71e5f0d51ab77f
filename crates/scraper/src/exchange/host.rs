//! One source with everything that belongs to it alone: a slow host holds up no other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use champion_lake::Lake;
use champion_retry::Deadline;
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
        let guard = Guard::new(source, config.breaker.breaker(), config.retry.budget(), metrics.clone());
        let guard = Arc::new(guard);
        Ok(Self {
            source,
            client: HttpClient::new(&config.source, &config.limits, cookies)?,
            timetable: Timetable::new(source, config, lake.clone(), clock.clone(), Arc::clone(&guard)),
            guard,
            places: Semaphore::new(config.limits.concurrent_requests),
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

    /// Waits for a place among the requests that run at the same time.
    pub(crate) async fn place(&self, deadline: Deadline) -> Result<SemaphorePermit<'_>, FetchError> {
        match tokio::time::timeout_at(deadline.instant().into(), self.places.acquire()).await {
            Ok(place) => Ok(place.expect("the semaphore is never closed")),
            Err(_) => Err(FetchError::Deadline { waiting_for: "a place among the concurrent requests" }),
        }
    }
}
