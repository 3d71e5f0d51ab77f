//! The lake's history of a session: the files that corrections took the place of.

use champion_lake::{Lake, LakeError};
use champion_market_data::{ArtifactRef, Sha256};
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
    let folder = folder(id);
    let mut found: Vec<(String, SessionVersion)> = Vec::new();
    for key in lake.list(&folder).await? {
        let Some((version, sha256)) = key.strip_prefix(&folder).and_then(version_and_hash) else { continue };
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

fn folder(id: &SessionVersion) -> String {
    let key = id.history_key();
    key.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned())
}

/// Reads `/v<version>-<sha256>.parquet`.
fn version_and_hash(name: &str) -> Option<(u32, Sha256)> {
    let (version, sha256) = name.strip_prefix("/v")?.strip_suffix(".parquet")?.split_once('-')?;
    Some((version.parse().ok()?, sha256.parse().ok()?))
}

async fn read(lake: &Lake, key: String, id: SessionVersion) -> Result<Session, LoadError> {
    let bytes = lake.size(&key).await?.ok_or_else(|| LakeError::NotFound { key: key.clone() })?;
    let reference = ArtifactRef { key: key.clone(), sha256: id.sha256, bytes, rows: 0 };
    let bytes = lake.get_verified(&reference).await?;
    curated::session(bytes, key, id, None).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_the_history_is_read_back() {
        let sha256 = Sha256::of(b"x");
        assert_eq!(version_and_hash(&format!("/v12-{sha256}.parquet")), Some((12, sha256)));
        for name in ["/v12.parquet", "/v-ab.parquet", "/v1-ab.parquet", "/v1-ab.manifest.json", ""] {
            assert_eq!(version_and_hash(name), None, "{name}");
        }
    }
}
