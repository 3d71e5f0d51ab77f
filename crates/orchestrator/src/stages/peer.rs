//! One stage, and the patience with it.

use std::time::Duration;

use champion_retry::Backoff;
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status};
use tracing::{debug, warn};

use super::Caller;
use super::error::{StageError, Trouble, message_of, trouble_of};
use crate::config::{StageConfig, StagesConfig};
use crate::feed::{Event, Feed};
use crate::vocabulary::Stage;

/// How long and how often a stage is asked again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    backoff: Backoff,
    wait: Duration,
}

impl Patience {
    pub(super) const fn new(config: &StagesConfig) -> Self {
        let initial = Duration::from_millis(config.backoff_initial_ms);
        let backoff = Backoff::new(initial, Duration::from_millis(config.backoff_max_ms));
        Self { backoff, wait: Duration::from_secs(config.wait_seconds) }
    }
}

/// The client of one stage.
#[derive(Debug)]
pub(super) struct Peer<C> {
    stage: Stage,
    url: String,
    deadline: Duration,
    attempts: u32,
    unavailable: Duration,
    client: C,
}

impl<C: Clone> Peer<C> {
    pub(super) fn new(stage: Stage, config: &StageConfig, client: C) -> Self {
        let (url, deadline, attempts) = (config.url.clone(), config.deadline(), config.attempts.get());
        let unavailable = Duration::from_secs(config.unavailable_seconds);
        Self { stage, url, deadline, attempts, unavailable, client }
    }

    /// Calls the stage until it answers, the patience ends or the orchestrator stops.
    pub(super) async fn ask<R, T, F, Answer>(
        &self,
        patience: &Patience,
        caller: Caller<'_>,
        request: R,
        call: F,
    ) -> Result<T, StageError>
    where
        R: Clone,
        F: Fn(C, Request<R>) -> Answer,
        Answer: Future<Output = Result<Response<T>, Status>>,
    {
        let mut away_since = None;
        let mut unavailable_since = None;
        let mut failures = 0;
        let mut busy = 0;
        loop {
            if caller.stop.is_cancelled() {
                return Err(self.stopped());
            }
            let mut attempt = Request::new(request.clone());
            attempt.set_timeout(self.deadline);
            let status = match call(self.client.clone(), attempt).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => status,
            };
            failures += 1;
            let trouble = trouble_of(&status);
            let wait = patience.backoff.draw(failures, &mut rand::rng());
            let go_on = match trouble {
                Trouble::Away => {
                    let since: Instant = *away_since.get_or_insert_with(Instant::now);
                    since.elapsed() + wait <= patience.wait
                }
                Trouble::Busy => {
                    // The stage is there, so the wait for its coming begins anew if it goes away again.
                    away_since = None;
                    busy += 1;
                    // What the stage needs is away: the run waits with it, and takes up no more work meanwhile.
                    let unavailable = status.code() == Code::Unavailable;
                    let since: Instant = *unavailable_since.get_or_insert_with(Instant::now);
                    busy < self.attempts || unavailable && since.elapsed() + wait <= self.unavailable
                }
                Trouble::Answered(_) | Trouble::BadAnswer | Trouble::Superseded(_) | Trouble::Stopped => false,
            };
            if !go_on {
                return Err(self.failed(trouble, &status));
            }
            self.tell(failures, &status, caller.feed);
            tokio::select! {
                () = caller.stop.cancelled() => return Err(self.stopped()),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Tells of a wait: the first time aloud, then quietly.
    fn tell(&self, failures: u32, status: &Status, feed: &Feed) {
        let (stage, url, reason) = (self.stage.service(), &self.url, message_of(status));
        if failures == 1 {
            feed.push(Event::Waiting { stage: self.stage, reason: format!("{stage} at {url}: {reason}") });
            warn!(stage, url, reason, "stage does not do its work; it is asked again");
        } else {
            debug!(stage, url, reason, failures, "stage is asked again");
        }
    }

    fn failed(&self, trouble: Trouble, status: &Status) -> StageError {
        let reason = message_of(status);
        let message = match trouble {
            Trouble::Away => format!("the {} at {} cannot be reached: {reason}", self.stage.service(), self.url),
            Trouble::Busy => format!("the {} gave up for now: {reason}", self.stage.service()),
            Trouble::Answered(kind) => format!("the {} says {}: {reason}", self.stage.service(), kind.as_str()),
            Trouble::BadAnswer | Trouble::Superseded(_) | Trouble::Stopped => reason,
        };
        StageError { stage: self.stage, trouble, message }
    }

    /// Makes the error for an answer that does not fit the question.
    pub(super) fn bad_answer(&self, reason: impl std::fmt::Display) -> StageError {
        let message = format!("the {}'s answer does not fit the question: {reason}", self.stage.service());
        StageError { stage: self.stage, trouble: Trouble::BadAnswer, message }
    }

    fn stopped(&self) -> StageError {
        let message = "the orchestrator is stopping".to_owned();
        StageError { stage: self.stage, trouble: Trouble::Stopped, message }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::config::Config;
    use crate::feed::Told;

    /// Asks a stage that says "unavailable" for some time.
    async fn ask(unavailable_seconds: u64, away: Duration) -> Result<u32, StageError> {
        let config: Config = champion_service::config::load(&crate::SPEC, None).expect("the defaults");
        let mut stages = config.stages;
        (stages.backoff_initial_ms, stages.backoff_max_ms) = (1, 20);
        stages.clickhouse_loader.attempts = std::num::NonZeroU32::MIN;
        stages.clickhouse_loader.unavailable_seconds = unavailable_seconds;
        let peer = Peer::new(Stage::Load, &stages.clickhouse_loader, ());
        let back = Instant::now() + away;
        let call = |(), _| async move {
            if Instant::now() < back { Err(Status::unavailable("no warehouse")) } else { Ok(Response::new(7)) }
        };
        let (stop, feed) = (CancellationToken::new(), Feed::new());
        let answer = peer
            .ask(&Patience::new(&stages), Caller { run_id: "r", fencing_token: 1, stop: &stop, feed: &feed }, (), call)
            .await;
        feed.close();
        let told: Vec<Told> = feed.read().collect().await;
        let waits = |told: &Told| matches!(told, Told::Event(Event::Waiting { stage: Stage::Load, .. }));
        let waited = usize::from(unavailable_seconds > 0);
        assert_eq!(told.iter().filter(|told| waits(told)).count(), waited, "clients are told once: {told:?}");
        answer
    }

    #[tokio::test]
    async fn promise_06_a_loader_without_its_warehouse_is_waited_for_as_long_as_configured() {
        assert_eq!(ask(60, Duration::from_millis(300)).await, Ok(7));
        let error = ask(0, Duration::from_secs(60)).await.expect_err("no patience is configured");
        assert_eq!(error.trouble, Trouble::Busy);
        let began = Instant::now();
        ask(1, Duration::from_secs(60)).await.expect_err("the warehouse does not come back in time");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn promise_06_by_default_a_warehouse_may_be_away_for_more_than_an_hour() {
        let config: Config = champion_service::config::load(&crate::SPEC, None).expect("the defaults");
        assert!(config.stages.clickhouse_loader.unavailable_seconds > 3_600);
    }
}
