//! The raw zone and the parser's books as the lake holds them: the fields that an audit needs.
//!
//! The contract is the scraper's `Facts` and the parser's `Report`; unknown fields are passed over, so both may add to them.

use std::collections::BTreeMap;

use champion_lake::{Lake, LakeError};
use champion_market_data::artifact::{FactsKey, keys};
use champion_market_data::{ArtifactRef, Dataset, Exchange, RawArtifact, Sha256, Table, TradeDate};
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt};
use serde::Deserialize;

use crate::audit::Parsed;

/// How the key of facts ends.
const FACTS: &str = ".facts.json";

/// Facts read at the same time.
const READS: usize = 16;

/// Bytes as they were observed at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observation {
    pub(crate) sha256: Sha256,
    pub(crate) observed_at: DateTime<Utc>,
}

/// Everything observed of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Observations whose bytes are there.
    pub(crate) whole: Vec<Observation>,
    /// Observations whose bytes are gone or have another length, with the key.
    pub(crate) missing: Vec<(Observation, String)>,
    /// Facts that cannot be read, with the reason.
    pub(crate) unreadable: Vec<(String, String)>,
}

impl Observed {
    /// Returns the newest observation whose bytes are there.
    pub(crate) fn newest(&self) -> Option<&Observation> {
        self.whole.iter().max_by_key(|seen| seen.observed_at)
    }

    /// Returns the key of bytes that are gone although nothing newer was observed.
    pub(crate) fn lost(&self) -> Option<&str> {
        let newest = self.newest().map(|seen| seen.observed_at);
        let lost = self.missing.iter().filter(|(seen, _)| Some(seen.observed_at) > newest);
        lost.max_by_key(|(seen, _)| seen.observed_at).map(|(_, key)| key.as_str())
    }
}

#[derive(Debug, Deserialize)]
struct Report {
    staged: Vec<Staged>,
}

#[derive(Debug, Deserialize)]
struct Staged {
    table: Table,
    artifact: ArtifactRef,
}

#[derive(Debug, Deserialize)]
struct Line {
    line: u64,
    code: String,
    reason: String,
}

/// A session of one dataset.
pub(crate) type Session = (TradeDate, Exchange);

/// Lists what the raw zone holds of a dataset: the keys of each session with their lengths.
pub(crate) async fn listed(
    lake: &Lake,
    dataset: Dataset,
) -> Result<BTreeMap<Session, BTreeMap<String, u64>>, LakeError> {
    let mut sessions: BTreeMap<Session, BTreeMap<String, u64>> = BTreeMap::new();
    for &exchange in Exchange::ALL {
        for entry in lake.list_entries(&format!("raw/{exchange}/{dataset}")).await? {
            let date = entry.key.split('/').nth(3).and_then(|date| date.parse::<TradeDate>().ok());
            if let Some(date) = date {
                sessions.entry((date, exchange)).or_default().insert(entry.key, entry.bytes);
            }
        }
    }
    Ok(sessions)
}

/// Reads the facts of sessions; `now` bounds the times that are believed. What cannot be read of one keeps the others from nothing.
pub(crate) async fn observed(
    lake: &Lake,
    sessions: &BTreeMap<Session, BTreeMap<String, u64>>,
    range: impl Fn(&Session) -> bool,
    now: DateTime<Utc>,
) -> BTreeMap<Session, Observed> {
    let mut found: BTreeMap<Session, Observed> = BTreeMap::new();
    let mut reads = Vec::new();
    for (session, keys) in sessions.iter().filter(|(session, _)| range(session)) {
        found.entry(*session).or_default();
        for key in keys.keys().filter(|key| key.ends_with(FACTS)) {
            reads.push(async move { (*session, keys, key, facts(lake, key, now).await) });
        }
    }
    let mut reads = stream::iter(reads).buffered(READS);
    while let Some((session, keys, key, facts)) = reads.next().await {
        let observed = found.entry(session).or_default();
        match facts {
            Err(reason) => observed.unreadable.push((key.clone(), reason)),
            Ok(RawArtifact { artifact, observed_at, .. }) => {
                let seen = Observation { sha256: artifact.sha256, observed_at };
                if keys.get(&artifact.key) == Some(&artifact.bytes) {
                    observed.whole.push(seen);
                } else {
                    observed.missing.push((seen, artifact.key));
                }
            }
        }
    }
    found
}

async fn facts(lake: &Lake, key: &str, now: DateTime<Utc>) -> Result<RawArtifact, String> {
    let bytes = lake.get(key).await.map_err(|error| error.to_string())?.ok_or("it is gone")?;
    let facts: RawArtifact = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let parsed: FactsKey = key.parse().map_err(|_| "its name is none of facts")?;
    parsed.believe(&facts, now).map_err(|reason| reason.to_string())?;
    Ok(facts)
}

/// Asks the parser's books what became of an observation, by its newest decoder.
///
/// # Errors
/// Says which book cannot be read and why.
pub(crate) async fn parsed(
    lake: &Lake,
    dataset: Dataset,
    (date, exchange): Session,
    source: &Sha256,
) -> Result<Parsed, String> {
    let failed = |error: LakeError| error.to_string();
    let report = keys::parse_report(dataset, exchange, date, source, 0);
    let report = newest(lake, &report).await.map_err(failed)?;
    let refused = keys::quarantine(dataset, exchange, date, source, 0);
    let refused = newest(lake, &refused).await.map_err(failed)?;
    let mut parsed = Parsed::default();
    if let Some((_, key)) = &report
        && let Some(json) = lake.get(key).await.map_err(failed)?
    {
        let report: Report = serde_json::from_slice(&json).map_err(|error| format!("{key}: {error}"))?;
        parsed.staged = Some(report.staged.into_iter().map(|staged| (staged.table, staged.artifact.sha256)).collect());
    }
    // A later decoder may have taken what an earlier one refused.
    let decoder = report.map_or(0, |(decoder, _)| decoder);
    if let Some((_, key)) = refused.filter(|(refused_by, _)| *refused_by >= decoder)
        && let Some(lines) = lake.get(&key).await.map_err(failed)?
    {
        let first = lines.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let first: Line = serde_json::from_slice(first).map_err(|error| format!("{key}: {error}"))?;
        // Line 0 speaks of the whole file; others of rows that were set aside beside the published ones.
        parsed.refused = (first.line == 0).then(|| format!("refused, {}: {} ({key})", first.code, first.reason));
    }
    Ok(parsed)
}

/// Returns the newest decoder's file beside a key of decoder 0.
async fn newest(lake: &Lake, key: &str) -> Result<Option<(u32, String)>, LakeError> {
    let Some((folder, name)) = key.rsplit_once('/') else { return Ok(None) };
    let Some((source, extension)) = name.split_once("-d0.") else { return Ok(None) };
    let decoder = |key: &String| {
        let name = key.rsplit('/').next()?.strip_prefix(source)?.strip_prefix("-d")?;
        name.strip_suffix(extension)?.strip_suffix('.')?.parse::<u32>().ok()
    };
    let found = lake.list(folder).await?.into_iter().filter_map(|key| Some((decoder(&key)?, key)));
    Ok(found.max())
}
