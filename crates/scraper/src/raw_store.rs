//! The raw store: the exact bytes, create-once, with the response's facts beside them.

use bytes::Bytes;
use champion_lake::{Lake, LakeError};
use champion_market_data::artifact::keys;
use champion_market_data::{ArtifactRef, Dataset, Exchange, RawArtifact, Sha256, TradeDate};
use tracing::warn;

use crate::facts::Facts;

/// The raw zone of the lake.
#[derive(Debug, Clone)]
pub(crate) struct RawStore {
    lake: Lake,
}

impl RawStore {
    pub(crate) const fn new(lake: Lake) -> Self {
        Self { lake }
    }

    /// Returns what was last observed for a session, if anything was.
    pub(crate) async fn latest(
        &self,
        exchange: Exchange,
        dataset: Dataset,
        date: TradeDate,
    ) -> Result<Option<RawArtifact>, LakeError> {
        let mut latest: Option<Facts> = None;
        for key in self.lake.list(&keys::raw_folder(exchange, dataset, date)).await? {
            if !key.ends_with(".facts.json") {
                continue;
            }
            let Some(facts) = self.read_facts(&key).await? else { continue };
            let newer = latest.as_ref().is_none_or(|latest| facts.observed_at > latest.observed_at);
            if newer && self.lake.size(&facts.artifact.key).await? == Some(facts.artifact.bytes) {
                latest = Some(facts);
            }
        }
        Ok(latest.map(|facts| RawArtifact {
            artifact: facts.artifact,
            dataset,
            exchange,
            trade_date: date,
            observed_at: facts.observed_at,
        }))
    }

    /// Keeps bytes for ever, then their facts. Bytes that are there already keep the facts of their first observation.
    pub(crate) async fn keep(&self, bytes: Bytes, facts: Facts) -> Result<RawArtifact, LakeError> {
        let (exchange, dataset, trade_date) = (facts.exchange, facts.dataset, facts.trade_date);
        self.lake.put_if_absent(&facts.artifact.key, bytes).await?;
        let key = keys::raw_facts(exchange, dataset, trade_date, &facts.artifact.sha256);
        let json = serde_json::to_vec_pretty(&facts).expect("facts are plain data");
        match self.lake.put_if_absent(&key, Bytes::from(json)).await {
            Ok(_) | Err(LakeError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        let observed_at = facts.observed_at;
        Ok(RawArtifact { artifact: facts.artifact, dataset, exchange, trade_date, observed_at })
    }

    /// Facts that cannot be read are as good as none: the report is asked again and nothing is lost.
    async fn read_facts(&self, key: &str) -> Result<Option<Facts>, LakeError> {
        let Some(bytes) = self.lake.get(key).await? else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(facts) => Ok(Some(facts)),
            Err(error) => {
                warn!(key, %error, "facts cannot be read");
                Ok(None)
            }
        }
    }
}

/// Returns the reference of bytes in the raw store; the extension is that of the exchange's file name.
pub(crate) fn reference(
    exchange: Exchange,
    dataset: Dataset,
    date: TradeDate,
    bytes: &[u8],
    file_name: &str,
) -> ArtifactRef {
    let sha256 = Sha256::of(bytes);
    let extension = file_name.split_once('.').map_or("bin", |(_, extension)| extension).to_ascii_lowercase();
    let key = keys::raw(exchange, dataset, date, &sha256, &extension);
    ArtifactRef { key, sha256, bytes: bytes.len() as u64, rows: 0 }
}
