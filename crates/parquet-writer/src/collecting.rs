//! Collection by itself: on a timer, by one writer of all on the lake.
//!
//! When it was done last stands in the lake, so that neither a restart nor a second writer does it more often. The turn
//! is one of its own: no session waits for it.

use std::time::Duration;

use bytes::Bytes;
use champion_lake::{Change, LakeError};
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::WriteError;
use crate::collect::{Collection, Collector};
use crate::metrics::CollectMetrics;

/// When the lake is collected by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectConfig {
    /// Whether it is.
    pub enabled: bool,
    /// Seconds between two collections of the lake, whichever writer makes them.
    pub every_seconds: u64,
    /// Longest random wait before each look at whether it is time, in seconds, so that writers do not look together.
    pub jitter_seconds: u64,
}

/// Name of the turn.
const TURN: &str = "collect";
/// Where it stands when the lake was collected last.
const REGISTER: &str = "state/collect.json";
/// Shortest time between two looks.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
struct Last {
    finished_at: DateTime<Utc>,
}

/// Collects when it is time. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Collecting {
    collector: Collector,
    config: CollectConfig,
    metrics: CollectMetrics,
}

impl Collecting {
    /// Makes a timer over a collector.
    #[must_use]
    pub const fn new(collector: Collector, config: CollectConfig, metrics: CollectMetrics) -> Self {
        Self { collector, config, metrics }
    }

    /// Looks again and again until the stop.
    pub(crate) async fn keep(self, stop: CancellationToken) {
        if !self.config.enabled {
            return;
        }
        loop {
            let jitter = rand::rng().random_range(0..=self.config.jitter_seconds.saturating_mul(1000));
            let wait = Duration::from_millis(jitter).max(SHORTEST_LOOK);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            let again = match self.collect_if_due().await {
                Ok(Some(_)) => Duration::from_secs(self.config.every_seconds),
                Ok(None) => Duration::from_secs(self.config.every_seconds / 4),
                Err(error) => {
                    warn!(%error, "the lake is not collected; it is tried again");
                    Duration::from_secs(self.config.every_seconds / 4)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(again.max(SHORTEST_LOOK)) => {}
            }
        }
    }

    /// Collects if the last time is long ago and no other writer is at it.
    ///
    /// # Errors
    /// [`WriteError`] when the lake cannot be read.
    pub async fn collect_if_due(&self) -> Result<Option<Collection>, WriteError> {
        let Some(turn) = self.collector.lake().only(TURN).await? else {
            debug!("another writer collects the lake");
            return Ok(None);
        };
        let outcome = self.collect_in_turn().await;
        turn.end().await;
        outcome
    }

    async fn collect_in_turn(&self) -> Result<Option<Collection>, WriteError> {
        if !self.is_due().await? {
            return Ok(None);
        }
        let collection = self.collector.collect(true).await?;
        self.metrics.collected(&collection, self.collector.now());
        let last = Last { finished_at: self.collector.now() };
        let json = Bytes::from(serde_json::to_vec(&last).expect("an instant always serialises"));
        self.collector.lake().update(REGISTER, |_| Change::Write(json.clone(), ())).await?;
        Ok(Some(collection))
    }

    async fn is_due(&self) -> Result<bool, LakeError> {
        let held = self.collector.lake().get(REGISTER).await?;
        // One that cannot be read says nothing: collecting once more does no harm.
        let last = held.and_then(|json| serde_json::from_slice::<Last>(&json).ok());
        let every = TimeDelta::seconds(i64::try_from(self.config.every_seconds).unwrap_or(i64::MAX / 2_000));
        let now = self.collector.now();
        // A time that lies ahead is that of a clock that was wrong.
        Ok(last.is_none_or(|last| last.finished_at > now || now - last.finished_at >= every))
    }
}
