//! Making the lake small again: what nobody needs goes, raw bytes never.

use std::time::Duration;

use champion_lake::{Entry, Lake};
use champion_market_data::{Sha256, TradeDate};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tracing::{debug, info};

use crate::WriteError;
use crate::manifest::Manifest;

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionConfig {
    /// Days a staged artifact is kept after it was written.
    pub staged_days: u32,
    /// Days an earlier version is kept after it was replaced; 0 for ever.
    pub history_days: u32,
    /// Hours the file of a crashed write is kept, so that none in progress is taken away.
    pub leftover_hours: u32,
}

/// Objects and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

/// What a collection removed, or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collection {
    /// Staged artifacts that are published.
    pub staged: Tally,
    /// Files of crashed writes.
    pub leftovers: Tally,
    /// Earlier versions past their retention.
    pub history: Tally,
}

/// Removes what is no longer needed. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Collector {
    lake: Lake,
    retention: RetentionConfig,
    clock: fn() -> DateTime<Utc>,
}

impl Collector {
    /// Makes a collector; `clock` says how old things are.
    #[must_use]
    pub const fn new(lake: Lake, retention: RetentionConfig, clock: fn() -> DateTime<Utc>) -> Self {
        Self { lake, retention, clock }
    }

    /// Removes what is no longer needed, or only says what that is.
    ///
    /// # Errors
    /// [`WriteError`] when the lake fails; what was removed until then was not needed.
    pub async fn collect(&self, remove: bool) -> Result<Collection, WriteError> {
        let collection = Collection {
            staged: self.staged(remove).await?,
            leftovers: self.leftovers(remove).await?,
            history: self.history(remove).await?,
        };
        let Collection { staged, leftovers, history } = collection;
        info!(
            remove,
            staged = staged.objects,
            leftovers = leftovers.objects,
            history = history.objects,
            "lake collected"
        );
        Ok(collection)
    }

    fn is_older(&self, entry: &Entry, days: u32) -> bool {
        entry.modified < (self.clock)() - TimeDelta::days(i64::from(days))
    }

    /// Takes tables whose session is published from them, or from what came later. Reports stay: they are the books.
    async fn staged(&self, remove: bool) -> Result<Tally, WriteError> {
        let mut tally = Tally::default();
        for entry in self.lake.list_entries("staged").await? {
            if !entry.key.ends_with(".arrow") || !self.is_older(&entry, self.retention.staged_days) {
                continue;
            }
            if !self.is_published(&entry).await? {
                continue;
            }
            tally.add(entry.bytes);
            self.remove(&entry.key, remove).await?;
        }
        Ok(tally)
    }

    async fn is_published(&self, entry: &Entry) -> Result<bool, WriteError> {
        let Some(key) = manifest_of(&entry.key) else { return Ok(false) };
        let Some(json) = self.lake.get(&key).await? else { return Ok(false) };
        // One that cannot be read vouches for nothing; the sweep finds it.
        let Ok(manifest) = Manifest::from_json(&json) else { return Ok(false) };
        if manifest.replaced_by.is_some() || self.lake.size(&manifest.key).await? != Some(manifest.bytes) {
            return Ok(false);
        }
        // It lay there when its session was published from other bytes: an earlier version or an earlier decoder.
        if entry.modified < manifest.published_at {
            return Ok(true);
        }
        let staged = self.lake.get(&entry.key).await?;
        Ok(staged.is_some_and(|bytes| Sha256::of(&bytes) == manifest.staged_sha256))
    }

    async fn leftovers(&self, remove: bool) -> Result<Tally, WriteError> {
        let mut tally = Tally::default();
        let age = Duration::from_secs(u64::from(self.retention.leftover_hours) * 3600);
        for leftover in self.lake.leftovers(age).await? {
            tally.add(leftover.bytes);
            if remove {
                debug!(path = leftover.path, "leftover removed");
                self.lake.remove_leftover(&leftover).await?;
            }
        }
        Ok(tally)
    }

    async fn history(&self, remove: bool) -> Result<Tally, WriteError> {
        let mut tally = Tally::default();
        if self.retention.history_days == 0 {
            return Ok(tally);
        }
        for entry in self.lake.list_entries("history").await? {
            if self.is_older(&entry, self.retention.history_days) {
                tally.add(entry.bytes);
                self.remove(&entry.key, remove).await?;
            }
        }
        Ok(tally)
    }

    async fn remove(&self, key: &str, remove: bool) -> Result<(), WriteError> {
        if remove {
            debug!(key, "object removed");
            self.lake.delete(key).await?;
        }
        Ok(())
    }
}

/// The manifest of the session that a staged key (`staged/<table>/<exchange>/<date>/…`) is of.
fn manifest_of(staged: &str) -> Option<String> {
    let mut parts = staged.split('/').skip(1);
    let (table, exchange) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let date: TradeDate = parts.next()?.parse().ok()?;
    Some(champion_market_data::artifact::keys::manifest(table, exchange, date))
}
