//! The manifest beside a curated file, as the parquet-writer publishes it: the fields that this stage needs.
//!
//! The contract is the writer's `Manifest`; unknown fields are passed over, so the writer may add to it.

use std::collections::BTreeMap;

use champion_lake::{Lake, LakeError};
use champion_market_data::artifact::{CuratedKey, Disbelief, HistoryKey};
use champion_market_data::{ArtifactRef, CuratedArtifact, Exchange, RowCounts, Sha256, Table, TradeDate};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::LoadError;
use crate::reconciliation::Scope;

#[derive(Debug, Deserialize)]
struct Manifest {
    table: Table,
    exchange: Exchange,
    trade_date: TradeDate,
    version: u32,
    key: String,
    sha256: Sha256,
    bytes: u64,
    rows: u64,
    source_sha256: Sha256,
    counts: RowCounts,
    observed_at: DateTime<Utc>,
}

impl From<Manifest> for CuratedArtifact {
    fn from(manifest: Manifest) -> Self {
        let Manifest {
            table, exchange, trade_date, version, key, sha256, bytes, rows, source_sha256, observed_at, ..
        } = manifest;
        let artifact = ArtifactRef { key, sha256, bytes, rows };
        Self { artifact, table, exchange, trade_date, source_sha256, version, observed_at }
    }
}

/// Reads what is published of a table, by session; `now` bounds the times that are believed.
///
/// # Errors
/// [`LoadError::Manifest`] or [`LakeError::Unbelievable`] names a manifest that cannot be read or be true.
pub(crate) async fn published(
    lake: &Lake,
    table: Table,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Result<BTreeMap<(TradeDate, Exchange), CuratedArtifact>, LoadError> {
    let mut published = BTreeMap::new();
    for key in lake.list(&format!("curated/{table}")).await? {
        let Ok(session) = CuratedKey::of_manifest(&key) else { continue };
        if !scope.holds(session.exchange, session.trade_date) {
            continue;
        }
        if let Some(curated) = read(lake, session, now).await? {
            published.insert((session.trade_date, session.exchange), curated);
        }
    }
    Ok(published)
}

/// Reads what is published of one session now.
pub(crate) async fn of_session(
    lake: &Lake,
    table: Table,
    (trade_date, exchange): (TradeDate, Exchange),
    now: DateTime<Utc>,
) -> Result<Option<CuratedArtifact>, LoadError> {
    read(lake, CuratedKey { table, exchange, trade_date }, now).await
}

/// Reads the manifest of a session, published or, of an earlier version, kept in the history: the one of this content.
///
/// # Errors
/// [`LoadError::Unknown`] where no manifest names the content.
pub(crate) async fn of_content(
    lake: &Lake,
    session: CuratedKey,
    sha256: Sha256,
    now: DateTime<Utc>,
) -> Result<CuratedArtifact, LoadError> {
    if let Some(published) = read(lake, session, now).await?
        && published.artifact.sha256 == sha256
    {
        return Ok(published);
    }
    let kept = lake.list(&session.history_folder()).await?;
    let of_content = |key: &String| key.parse::<HistoryKey>().ok().filter(|kept| kept.sha256 == sha256);
    if let Some(kept) = kept.iter().filter_map(of_content).max_by_key(|kept| kept.version)
        && let Some(earlier) = read_under(lake, &kept.manifest(), session, now).await?
    {
        if (earlier.version, earlier.artifact.sha256) != (kept.version, kept.sha256) {
            let found = format!("version {} with sha256 {}", earlier.version, earlier.artifact.sha256);
            return Err(unbelievable(&kept.manifest(), Disbelief::Foreign { found }));
        }
        return Ok(earlier);
    }
    Err(LoadError::Unknown { key: session.to_string(), sha256 })
}

async fn read(lake: &Lake, session: CuratedKey, now: DateTime<Utc>) -> Result<Option<CuratedArtifact>, LoadError> {
    read_under(lake, &session.manifest(), session, now).await
}

async fn read_under(
    lake: &Lake,
    key: &str,
    session: CuratedKey,
    now: DateTime<Utc>,
) -> Result<Option<CuratedArtifact>, LoadError> {
    let Some(bytes) = lake.get(key).await? else { return Ok(None) };
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|source| LoadError::Manifest { key: key.to_owned(), source })?;
    if !manifest.counts.conserved() {
        return Err(unbelievable(key, Disbelief::Books));
    }
    let curated = CuratedArtifact::from(manifest);
    session.believe(&curated, now).map_err(|reason| unbelievable(key, reason))?;
    Ok(Some(curated))
}

fn unbelievable(key: &str, reason: Disbelief) -> LoadError {
    LakeError::Unbelievable { key: key.to_owned(), reason }.into()
}
