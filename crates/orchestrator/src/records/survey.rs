//! Reading the lake: one listing a zone, and the small objects side by side. An object that cannot be read is a finding and
//! stops nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use champion_lake::{Entry, Lake, LakeError};
use champion_market_data::{Dataset, Exchange, RowCounts, Table, TradeDate};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::derive::{Known, derive};
use super::fact::{DAYS, DayFact, ENDED_RUNS, Month, MonthFact, OPEN_RUNS, RunFact};

/// Objects that are read at the same time.
const AT_ONCE: usize = 64;
/// Ended runs that are read, the newest first: as many as are ever listed.
const ENDED_RUNS_READ: usize = 1_000;
/// Listings until one stands still: a month that is written while it is read goes on under another key.
const LISTINGS: u32 = 5;
const MANIFEST: &str = ".manifest.json";

/// What of a manifest says that a session is published, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Published {
    pub(super) table: Table,
    pub(super) exchange: Exchange,
    pub(super) trade_date: TradeDate,
    pub(super) counts: RowCounts,
    pub(super) run_id: String,
    pub(super) published_at: DateTime<Utc>,
}

/// An object of the lake that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) key: String,
    pub(crate) reason: String,
}

/// How far a reading of the lake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) zone: &'static str,
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// What two listings tell of the lake's memory: equal glances, equal memories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Glance {
    /// The newest version of each month, by the month's folder.
    pub(crate) months: BTreeMap<String, String>,
    runs: BTreeSet<String>,
}

/// What the lake says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Survey {
    pub(crate) glance: Glance,
    pub(crate) days: BTreeMap<(Dataset, Exchange, TradeDate), DayFact>,
    /// Ends of days as their runs concluded them.
    pub(crate) concluded: Vec<(Dataset, Exchange, TradeDate, DayFact)>,
    pub(crate) runs: Vec<RunFact>,
    pub(crate) findings: Vec<Finding>,
}

/// Reads the lake, and what it has read before only once.
pub(crate) struct Surveyor {
    lake: Lake,
    months: HashMap<String, Result<MonthFact, String>>,
    runs: HashMap<String, Result<RunFact, String>>,
    manifests: HashMap<String, (Entry, Result<Published, String>)>,
}

impl Surveyor {
    pub(crate) fn new(lake: Lake) -> Self {
        Self { lake, months: HashMap::new(), runs: HashMap::new(), manifests: HashMap::new() }
    }

    /// Lists the lake's memory without reading it.
    pub(crate) async fn glance(&self) -> Result<Glance, LakeError> {
        let mut months = BTreeMap::new();
        for key in self.lake.list(DAYS).await? {
            if let Some(month) = Month::from_key(&key) {
                // Keys come in rising order, so the newest version is the last one.
                months.insert(month.to_string(), key);
            }
        }
        let runs = self.lake.list("state/runs").await?;
        Ok(Glance { months, runs: runs.into_iter().filter(|key| key.ends_with(".json")).collect() })
    }

    /// Reads the runs that go on by what the lake says; one that cannot be read is left to the findings of a survey.
    pub(crate) async fn open_runs(&mut self) -> Result<Vec<RunFact>, LakeError> {
        let glance = self.glance().await?;
        let open: Vec<String> = glance.runs.into_iter().filter(|key| key.starts_with(OPEN_RUNS)).collect();
        let read = read_all::<RunFact>(&self.lake, open, |_| {}).await?;
        let mut runs: Vec<RunFact> = read.into_values().flatten().filter_map(Result::ok).collect();
        runs.sort_by(|one, other| one.run_id.cmp(&other.run_id));
        Ok(runs)
    }

    /// Reads a run that has ended by what the lake says.
    pub(crate) async fn ended_run(&self, run_id: &str) -> Result<Option<RunFact>, LakeError> {
        let found = self.lake.get(&format!("{ENDED_RUNS}/{run_id}.json")).await?;
        Ok(found.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Reads everything that says how days ended and which runs there are.
    ///
    /// # Errors
    /// [`LakeError::Store`] when a zone cannot be listed.
    pub(crate) async fn survey(&mut self, tell: &(dyn Fn(Reading) + Sync)) -> Result<Survey, LakeError> {
        let mut glance = self.glance().await?;
        for _ in 0..LISTINGS {
            if self.read_memory(&glance, tell).await? {
                break;
            }
            glance = self.glance().await?;
        }
        let published = self.read_manifests(tell).await?;
        let mut known = Known { published, ..Known::default() };
        let (mut findings, mut concluded) = (Vec::new(), Vec::new());
        for key in glance.months.values() {
            let (Some(month), Some(read)) = (Month::from_key(key), self.months.get(key)) else { continue };
            match read {
                Ok(fact) => {
                    let of_month =
                        |(date, fact): (&TradeDate, &DayFact)| (month.dataset, month.exchange, *date, fact.clone());
                    concluded.extend(fact.days.iter().map(of_month));
                }
                Err(reason) => findings.push(Finding { key: key.clone(), reason: reason.clone() }),
            }
        }
        let mut runs = Vec::new();
        for key in wanted_runs(&glance) {
            match self.runs.get(&key) {
                Some(Ok(run)) => runs.push(run.clone()),
                Some(Err(reason)) => findings.push(Finding { key, reason: reason.clone() }),
                None => {}
            }
        }
        for key in self.lake.list("raw").await? {
            known.received.extend(session_of(&key, "raw", &[1, 0, 2]));
        }
        for key in self.lake.list("quarantine").await? {
            known.refused.extend(session_of(&key, "quarantine", &[0, 1, 2]).map(|session| (session, key.clone())));
            known.refused.extend(session_of(&key, "quarantine/raw", &[0, 1, 2]).map(|session| (session, key.clone())));
        }
        known.open = runs.iter().filter(|run| run.finished_at.is_none()).cloned().collect();
        known.concluded = concluded
            .iter()
            .map(|(dataset, exchange, date, fact)| ((*dataset, *exchange, *date), fact.clone()))
            .collect();
        findings.extend(known.unreadable());
        findings.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(Survey { days: derive(&known), concluded, runs, findings, glance })
    }

    /// Reads months and runs; `false` when one was gone before it was read.
    async fn read_memory(&mut self, glance: &Glance, tell: &(dyn Fn(Reading) + Sync)) -> Result<bool, LakeError> {
        let months: BTreeSet<&String> = glance.months.values().collect();
        self.months.retain(|key, read| read.is_ok() && months.contains(key));
        let todo: Vec<String> = months.into_iter().filter(|key| !self.months.contains_key(*key)).cloned().collect();
        let told = |(done, total)| tell(Reading { zone: "state", done, total });
        let mut whole = true;
        for (key, read) in read_all(&self.lake, todo, told).await? {
            whole &= read.is_some();
            self.months.extend(read.map(|read| (key, read)));
        }
        let wanted: BTreeSet<String> = wanted_runs(glance).collect();
        self.runs.retain(|key, read| read.is_ok() && wanted.contains(key));
        let todo: Vec<String> = wanted.into_iter().filter(|key| !self.runs.contains_key(key)).collect();
        for (key, read) in read_all(&self.lake, todo, |_| {}).await? {
            whole &= read.is_some();
            self.runs.extend(read.map(|read| (key, read)));
        }
        Ok(whole)
    }

    /// Reads the manifests that are new or were written since, and returns all by table, exchange and date.
    async fn read_manifests(
        &mut self,
        tell: &(dyn Fn(Reading) + Sync),
    ) -> Result<BTreeMap<(Table, Exchange, TradeDate), Result<Published, Finding>>, LakeError> {
        let mut entries = self.lake.list_entries("curated").await?;
        entries.retain(|entry| entry.key.ends_with(MANIFEST));
        let unread =
            |entry: &&Entry| self.manifests.get(&entry.key).is_none_or(|(seen, read)| seen != *entry || read.is_err());
        let todo: Vec<String> = entries.iter().filter(unread).map(|entry| entry.key.clone()).collect();
        let told = |(done, total)| tell(Reading { zone: "curated", done, total });
        let mut read = read_all::<Published>(&self.lake, todo, told).await?;
        let mut before = std::mem::take(&mut self.manifests);
        let mut published = BTreeMap::new();
        for entry in entries {
            let found = match read.remove(&entry.key) {
                Some(None) => continue,
                Some(Some(found)) => found,
                None => match before.remove(&entry.key) {
                    Some((_, found)) => found,
                    None => continue,
                },
            };
            let Some(session) = session_of_manifest(&entry.key) else { continue };
            // A manifest that names another session than its key is one that cannot be believed.
            let found = found.and_then(|found| match (found.table, found.exchange, found.trade_date) == session {
                true => Ok(found),
                false => Err(format!("it names {} {} {}", found.table, found.exchange, found.trade_date)),
            });
            let finding = |reason: String| Finding { key: entry.key.clone(), reason };
            published.insert(session, found.clone().map_err(finding));
            self.manifests.insert(entry.key.clone(), (entry, found));
        }
        Ok(published)
    }
}

/// Returns the keys of the runs that are read: all that go on, and the newest that have ended.
fn wanted_runs(glance: &Glance) -> impl Iterator<Item = String> {
    let of = |zone: &'static str| glance.runs.iter().filter(move |key| key.starts_with(zone)).cloned();
    // Run ids are UUIDs of version 7: their order is the order of time.
    let ended: Vec<String> = of(ENDED_RUNS).collect();
    let from = ended.len().saturating_sub(ENDED_RUNS_READ);
    of(OPEN_RUNS).chain(ended.into_iter().skip(from)).collect::<Vec<_>>().into_iter()
}

/// Reads objects side by side; `None` for one that is gone.
async fn read_all<T: DeserializeOwned>(
    lake: &Lake,
    keys: Vec<String>,
    tell: impl Fn((u64, u64)),
) -> Result<BTreeMap<String, Option<Result<T, String>>>, LakeError> {
    let (mut done, total) = (0, keys.len() as u64);
    let reading = futures::stream::iter(keys).map(|key| async move {
        let read = match lake.get(&key).await {
            Ok(None) => None,
            Ok(Some(bytes)) => Some(serde_json::from_slice(&bytes).map_err(|reason| reason.to_string())),
            Err(reason) => Some(Err(reason.to_string())),
        };
        (key, read)
    });
    let mut reading = reading.buffer_unordered(AT_ONCE);
    let mut read = BTreeMap::new();
    while let Some((key, found)) = reading.next().await {
        read.insert(key, found);
        done += 1;
        tell((done, total));
    }
    Ok(read)
}

/// Reads dataset, exchange and date from the parts of a key behind its zone, in the order given.
fn session_of(key: &str, zone: &str, order: &[usize; 3]) -> Option<(Dataset, Exchange, TradeDate)> {
    let parts: Vec<&str> = key.strip_prefix(zone)?.strip_prefix('/')?.split('/').collect();
    let part = |at: usize| parts.get(order[at]).copied();
    Some((part(0)?.parse().ok()?, part(1)?.parse().ok()?, part(2)?.parse().ok()?))
}

/// Reads table, exchange and date from a manifest's key.
fn session_of_manifest(key: &str) -> Option<(Table, Exchange, TradeDate)> {
    let mut parts = key.strip_prefix("curated/")?.split('/');
    let (table, exchange) = (parts.next()?.parse().ok()?, parts.next()?.strip_prefix("exchange=")?.parse().ok()?);
    let date = parts.next_back()?.strip_suffix(MANIFEST)?.parse().ok()?;
    Some((table, exchange, date))
}

#[cfg(test)]
mod tests {
    use champion_market_data::{Sha256, artifact::keys};

    use super::*;

    #[test]
    fn sessions_are_found_in_the_keys_of_each_zone() {
        let (date, hash) = ("2025-02-04".parse().expect("a date"), Sha256::of(b""));
        let session = Some((Dataset::Bhavcopy, Exchange::Nse, date));
        let raw = keys::raw(Exchange::Nse, Dataset::Bhavcopy, date, &hash, "csv.zip");
        assert_eq!(session_of(&raw, "raw", &[1, 0, 2]), session);
        let rows = keys::quarantine(Dataset::Bhavcopy, Exchange::Nse, date, &hash, 3);
        assert_eq!(session_of(&rows, "quarantine", &[0, 1, 2]), session);
        let aside = format!("quarantine/raw/bhavcopy/nse/{date}/{hash}.csv");
        assert_eq!(session_of(&aside, "quarantine/raw", &[0, 1, 2]), session);
        assert_eq!(session_of(&aside, "quarantine", &[0, 1, 2]), None);
        let manifest = keys::manifest(Table::EquityDelivery, Exchange::Nse, date);
        assert_eq!(session_of_manifest(&manifest), Some((Table::EquityDelivery, Exchange::Nse, date)));
    }
}
