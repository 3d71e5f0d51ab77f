//! Making the lake small again: what nobody needs goes, raw bytes never.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use champion_lake::{Entry, Lake, LakeError, Leftover};
use champion_market_data::{Sha256, TradeDate};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tracing::{debug, info, warn};

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
    /// Hours the file of a crashed write and a lock file are kept, so that none in use is taken away.
    pub leftover_hours: u32,
}

/// What can be collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Staged artifacts that are published.
    Staged,
    /// Files of crashed writes.
    Leftovers,
    /// Earlier versions past their retention.
    History,
    /// Lock files that nobody holds, and registers half written.
    Locks,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Staged, Self::Leftovers, Self::History, Self::Locks];

    /// Returns its one spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Leftovers => "leftovers",
            Self::History => "history",
            Self::Locks => "locks",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Objects and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a collection removed, or would: after a removal, what a second look no longer found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collection {
    /// Staged artifacts that are published.
    pub staged: Tally,
    /// Files of crashed writes.
    pub leftovers: Tally,
    /// Earlier versions past their retention.
    pub history: Tally,
    /// Lock files that nobody held.
    pub locks: Tally,
    /// What could not be looked at or was still there after its removal; the rest was done all the same.
    pub failures: Vec<CollectFailure>,
}

/// An object that could not be collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectFailure {
    /// What it is.
    pub kind: Kind,
    /// Its key, or its path in the lake's folder.
    pub key: String,
    /// Why.
    pub reason: String,
}

impl Collection {
    /// Returns what was collected of a kind.
    #[must_use]
    pub const fn of(&self, kind: Kind) -> Tally {
        match kind {
            Kind::Staged => self.staged,
            Kind::Leftovers => self.leftovers,
            Kind::History => self.history,
            Kind::Locks => self.locks,
        }
    }

    fn add(&mut self, item: &Item) {
        let tally = match item.kind {
            Kind::Staged => &mut self.staged,
            Kind::Leftovers => &mut self.leftovers,
            Kind::History => &mut self.history,
            Kind::Locks => &mut self.locks,
        };
        tally.objects += 1;
        tally.bytes += item.bytes;
    }

    fn fail(&mut self, kind: Kind, key: &str, reason: String) {
        warn!(%kind, key, reason, "object not collected");
        self.failures.push(CollectFailure { kind, key: key.to_owned(), reason });
    }
}

/// Something that may go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    kind: Kind,
    key: String,
    bytes: u64,
}

/// What became of an item.
enum Removed {
    Gone,
    /// Somebody holds the lock, so it is in use and stays.
    InUse,
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

    pub(crate) const fn lake(&self) -> &Lake {
        &self.lake
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// Removes what is no longer needed and looks again, or only says what that is.
    ///
    /// # Errors
    /// [`WriteError`] when the lake cannot be listed. What is wrong with one object is a failure of the collection.
    pub async fn collect(&self, remove: bool) -> Result<Collection, WriteError> {
        let mut outcome = Collection::default();
        let found = self.look(&mut outcome).await?;
        let mut gone = BTreeSet::new();
        if remove {
            for item in &found {
                match self.remove(item).await {
                    Ok(Removed::Gone) => {
                        debug!(kind = %item.kind, key = item.key, "object removed");
                        gone.insert(item);
                    }
                    Ok(Removed::InUse) => {}
                    Err(error) => outcome.fail(item.kind, &item.key, error.to_string()),
                }
            }
            for item in &self.look(&mut Collection::default()).await? {
                if gone.remove(item) {
                    outcome.fail(item.kind, &item.key, "it was removed and is still there".to_owned());
                }
            }
        } else {
            gone.extend(&found);
        }
        gone.into_iter().for_each(|item| outcome.add(item));
        let Collection { staged, leftovers, history, locks, failures } = &outcome;
        info!(
            remove,
            staged = staged.objects,
            leftovers = leftovers.objects,
            history = history.objects,
            locks = locks.objects,
            failures = failures.len(),
            "lake collected"
        );
        Ok(outcome)
    }

    /// Finds what is no longer needed; what cannot be looked at becomes a failure.
    async fn look(&self, outcome: &mut Collection) -> Result<BTreeSet<Item>, WriteError> {
        let mut found = BTreeSet::new();
        self.staged(&mut found, outcome).await?;
        let age = Duration::from_secs(u64::from(self.retention.leftover_hours) * 3600);
        let leftovers = self.lake.leftovers(age).await?;
        for (path, reason) in &leftovers.unreadable {
            outcome.fail(Kind::Leftovers, path, reason.clone());
        }
        let item = |kind, Leftover { path, bytes }| Item { kind, key: path, bytes };
        found.extend(leftovers.files.into_iter().map(|leftover| item(Kind::Leftovers, leftover)));
        found.extend(self.lake.old_locks(age).await?.into_iter().map(|lock| item(Kind::Locks, lock)));
        if self.retention.history_days > 0 {
            let entries = self.lake.list_entries("history").await?;
            let old = entries.into_iter().filter(|entry| self.is_older(entry, self.retention.history_days));
            found.extend(old.map(|Entry { key, bytes, .. }| Item { kind: Kind::History, key, bytes }));
        }
        Ok(found)
    }

    fn is_older(&self, entry: &Entry, days: u32) -> bool {
        entry.modified < self.now() - TimeDelta::days(i64::from(days))
    }

    /// Takes tables whose session is published from them, or from what came later. Reports stay: they are the books.
    async fn staged(&self, found: &mut BTreeSet<Item>, outcome: &mut Collection) -> Result<(), WriteError> {
        for entry in self.lake.list_entries("staged").await? {
            if !entry.key.ends_with(".arrow") || !self.is_older(&entry, self.retention.staged_days) {
                continue;
            }
            match self.is_published(&entry).await {
                Ok(true) => drop(found.insert(Item { kind: Kind::Staged, key: entry.key, bytes: entry.bytes })),
                Ok(false) => {}
                Err(error) => outcome.fail(Kind::Staged, &entry.key, error.to_string()),
            }
        }
        Ok(())
    }

    async fn is_published(&self, entry: &Entry) -> Result<bool, LakeError> {
        let Some(key) = manifest_of(&entry.key) else { return Ok(false) };
        let Some(json) = self.lake.get(&key).await? else { return Ok(false) };
        // One that cannot be read vouches for nothing; the sweep finds it.
        let Ok(manifest) = Manifest::from_json(&json) else { return Ok(false) };
        if manifest.replaced_by.is_some()
            || manifest.session().manifest() != key
            || self.lake.size(&manifest.key).await? != Some(manifest.bytes)
        {
            return Ok(false);
        }
        // It lay there when its session was published from other bytes: an earlier version or an earlier decoder.
        if entry.modified < manifest.published_at {
            return Ok(true);
        }
        let staged = self.lake.get(&entry.key).await?;
        Ok(staged.is_some_and(|bytes| Sha256::of(&bytes) == manifest.staged_sha256))
    }

    async fn remove(&self, item: &Item) -> Result<Removed, LakeError> {
        let leftover = || Leftover { path: item.key.clone(), bytes: item.bytes };
        match item.kind {
            Kind::Staged | Kind::History => self.lake.delete(&item.key).await?,
            Kind::Leftovers => self.lake.remove_leftover(&leftover()).await?,
            Kind::Locks if self.lake.remove_lock(&leftover()).await? => {}
            Kind::Locks => return Ok(Removed::InUse),
        }
        Ok(Removed::Gone)
    }
}

/// The manifest of the session that a staged key (`staged/<table>/<exchange>/<date>/…`) is of.
fn manifest_of(staged: &str) -> Option<String> {
    let mut parts = staged.split('/').skip(1);
    let (table, exchange) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let date: TradeDate = parts.next()?.parse().ok()?;
    Some(champion_market_data::artifact::keys::manifest(table, exchange, date))
}
