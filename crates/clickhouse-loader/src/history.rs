//! The lake's history of a session: the files that corrections took the place of.

use champion_lake::{Lake, LakeError};
use champion_market_data::ArtifactRef;
use champion_market_data::artifact::{CuratedKey, HistoryKey};
use tracing::warn;

use crate::LoadError;
use crate::curated::{self, Session, SessionVersion};

/// Reads the versions of a session before this one, oldest first, verified against the hash in their key.
///
/// # Errors
/// [`LoadError`] for a file that is not what its key says: a correction is not loaded while what it replaces is lost.
pub(crate) async fn earlier(lake: &Lake, id: &SessionVersion) -> Result<Vec<Session>, LoadError> {
    let mut sessions = Vec::new();
    for (key, version) in listed(lake, id).await? {
        if version.version < id.version {
            sessions.push(read(lake, key, version).await?);
        }
    }
    Ok(sessions)
}

/// Returns the versions of a session before this one that the lake keeps, oldest first.
pub(crate) async fn versions(lake: &Lake, id: &SessionVersion) -> Result<Vec<SessionVersion>, LakeError> {
    let listed = listed(lake, id).await?.into_iter().map(|(_, found)| found);
    Ok(listed.filter(|found| found.version < id.version).collect())
}

/// Lists the versions of a session in the history, with their keys, oldest first.
async fn listed(lake: &Lake, id: &SessionVersion) -> Result<Vec<(String, SessionVersion)>, LakeError> {
    let session = CuratedKey { table: id.table, exchange: id.exchange, trade_date: id.trade_date };
    let mut found: Vec<(String, SessionVersion)> = Vec::new();
    for key in lake.list(&session.history_folder()).await? {
        let Ok(HistoryKey { version, sha256, .. }) = key.parse() else { continue };
        found.push((key, SessionVersion { version, sha256, ..*id }));
    }
    found.sort_by_key(|(_, found)| found.version);
    found.dedup_by(|(key, later), (_, first)| {
        let twice = later.version == first.version;
        if twice {
            warn!(key, version = later.version, "the history holds two files of one version; the first one counts");
        }
        twice
    });
    Ok(found)
}

async fn read(lake: &Lake, key: String, id: SessionVersion) -> Result<Session, LoadError> {
    let bytes = lake.size(&key).await?.ok_or_else(|| LakeError::NotFound { key: key.clone() })?;
    let reference = ArtifactRef { key: key.clone(), sha256: id.sha256, bytes, rows: 0 };
    let bytes = lake.get_verified(&reference).await?;
    curated::session(bytes, key, id, None).await
}
