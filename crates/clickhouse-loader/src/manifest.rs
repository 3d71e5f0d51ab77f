//! The manifest beside a curated file, as the parquet-writer publishes it: the fields that this stage needs.
//!
//! The contract is the writer's `Manifest`; unknown fields are passed over, so the writer may add to it.

use std::collections::BTreeMap;

use champion_lake::{Lake, LakeError};
use champion_market_data::artifact::{CuratedKey, Disbelief, HistoryKey};
use champion_market_data::{ArtifactRef, CuratedArtifact, Exchange, RowCounts, Sha256, Table, TradeDate};
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt};
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
    #[serde(default)]
    staged_sha256: Option<Sha256>,
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

/// A session of one table.
pub(crate) type Session = (TradeDate, Exchange);

/// What is published of a table within a scope.
#[derive(Debug, Default)]
pub(crate) struct Published {
    pub(crate) sessions: BTreeMap<Session, CuratedArtifact>,
    /// Hashes of the staged bytes the files were encoded from.
    pub(crate) staged: BTreeMap<Session, Sha256>,
    /// Sessions whose manifest says nothing that can be relied on, with the reason.
    pub(crate) unreadable: BTreeMap<Session, String>,
}

impl Published {
    /// Returns every session that has a manifest.
    pub(crate) fn all(&self) -> impl Iterator<Item = Session> {
        self.sessions.keys().chain(self.unreadable.keys()).copied()
    }
}

/// Manifests read at the same time.
const READS: usize = 16;

/// Reads what is published of a table, by session; `now` bounds the times that are believed. A manifest that cannot be
/// read, or be true, keeps the others from nothing.
///
/// # Errors
/// [`LoadError::Lake`] when the lake cannot be listed.
pub(crate) async fn published(
    lake: &Lake,
    table: Table,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Result<Published, LoadError> {
    let mut published = Published::default();
    let keys = sessions(lake, table, scope).await?;
    let reads = keys.into_iter().map(|(trade_date, exchange)| async move {
        let session = CuratedKey { table, exchange, trade_date };
        ((trade_date, exchange), read_under(lake, &session.manifest(), session, now).await)
    });
    let mut reads = stream::iter(reads).buffered(READS);
    while let Some((session, manifest)) = reads.next().await {
        match manifest {
            Ok(Some((curated, staged))) => {
                published.staged.extend(staged.map(|sha256| (session, sha256)));
                published.sessions.insert(session, curated);
            }
            Ok(None) => {}
            Err(error) => drop(published.unreadable.insert(session, error.to_string())),
        }
    }
    Ok(published)
}

/// Lists the sessions of a scope that have a manifest.
pub(crate) async fn sessions(lake: &Lake, table: Table, scope: &Scope) -> Result<Vec<Session>, LoadError> {
    let year = |date: Option<TradeDate>| date.map(|date| date.month().0);
    let folders = match (year(scope.from), year(scope.to)) {
        (Some(first), Some(last)) if first == last => Exchange::ALL
            .iter()
            .map(|exchange| format!("curated/{table}/exchange={exchange}/year={first}"))
            .collect::<Vec<_>>(),
        _ => vec![format!("curated/{table}")],
    };
    let mut found = Vec::new();
    for folder in folders {
        let keys = lake.list(&folder).await?;
        let sessions = keys.iter().filter_map(|key| CuratedKey::of_manifest(key).ok());
        let sessions = sessions.filter(|key| scope.holds(key.exchange, key.trade_date));
        found.extend(sessions.map(|key| (key.trade_date, key.exchange)));
    }
    Ok(found)
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
        && let Some((earlier, _)) = read_under(lake, &kept.manifest(), session, now).await?
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
    Ok(read_under(lake, &session.manifest(), session, now).await?.map(|(curated, _)| curated))
}

/// Returns what the manifest under a key names, with the hash of the staged bytes.
async fn read_under(
    lake: &Lake,
    key: &str,
    session: CuratedKey,
    now: DateTime<Utc>,
) -> Result<Option<(CuratedArtifact, Option<Sha256>)>, LoadError> {
    let Some(bytes) = lake.get(key).await? else { return Ok(None) };
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|source| LoadError::Manifest { key: key.to_owned(), source })?;
    if !manifest.counts.conserved() {
        return Err(unbelievable(key, Disbelief::Books));
    }
    let staged = manifest.staged_sha256;
    let curated = CuratedArtifact::from(manifest);
    session.believe(&curated, now).map_err(|reason| unbelievable(key, reason))?;
    Ok(Some((curated, staged)))
}

fn unbelievable(key: &str, reason: Disbelief) -> LoadError {
    LakeError::Unbelievable { key: key.to_owned(), reason }.into()
}
