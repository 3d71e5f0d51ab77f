//! The raw store: the exact bytes, create-once, with the response's facts beside them.

use bytes::Bytes;
use champion_lake::{Lake, LakeError, Turn};
use champion_market_data::artifact::{Disbelief, FactsKey, keys};
use champion_market_data::{ArtifactRef, Dataset, Exchange, RawArtifact, Sha256, TradeDate};
use champion_retry::Deadline;
use chrono::TimeDelta;
use tracing::warn;

use crate::facts::{Facts, Refusal};
use crate::set_aside::{self, RECORD, SetAside, Wanted, ZONE};
use crate::{Clock, FetchError};

/// How the key of facts ends.
const FACTS: &str = ".facts.json";

/// The raw zone of the lake.
#[derive(Debug, Clone)]
pub(crate) struct RawStore {
    lake: Lake,
    clock: Clock,
}

impl RawStore {
    pub(crate) const fn new(lake: Lake, clock: Clock) -> Self {
        Self { lake, clock }
    }

    /// Checks that a call is made for the orchestrator that leads.
    pub(crate) async fn check_fencing_token(&self, token: u64) -> Result<(), LakeError> {
        self.lake.check_fencing_token(token).await
    }

    /// Waits until no other process on the lake downloads the report.
    pub(crate) async fn turn(
        &self,
        exchange: Exchange,
        dataset: Dataset,
        date: TradeDate,
        deadline: Deadline,
    ) -> Result<Turn, FetchError> {
        let name = keys::raw_folder(exchange, dataset, date);
        match tokio::time::timeout_at(deadline.instant().into(), self.lake.turn(&name)).await {
            Ok(turn) => Ok(turn?),
            Err(_) => Err(FetchError::Deadline { waiting_for: "another scraper that downloads the same report" }),
        }
    }

    /// Returns the facts of what was last observed for a session, if anything was.
    ///
    /// # Errors
    /// [`LakeError::Unbelievable`] names facts from the future: beside them no correction would be the newest.
    pub(crate) async fn latest(
        &self,
        exchange: Exchange,
        dataset: Dataset,
        date: TradeDate,
    ) -> Result<Option<Facts>, LakeError> {
        let mut latest: Option<Facts> = None;
        for key in self.lake.list(&keys::raw_folder(exchange, dataset, date)).await? {
            if !key.ends_with(FACTS) {
                continue;
            }
            let Some(facts) = self.read_facts(&key).await? else { continue };
            let newer = latest.as_ref().is_none_or(|latest| facts.observed_at > latest.observed_at);
            if newer && self.lake.size(&facts.artifact.key).await? == Some(facts.artifact.bytes) {
                latest = Some(facts);
            }
        }
        Ok(latest)
    }

    /// Keeps bytes for ever, then their facts, so that they are what was last observed.
    ///
    /// Bytes that were observed before are not written again: their facts of this time stand beside those of the first,
    /// as `<sha256>.<microseconds>.facts.json`. Bytes that were the last observed anyway keep the facts they have.
    pub(crate) async fn keep(&self, bytes: Bytes, mut facts: Facts) -> Result<RawArtifact, LakeError> {
        let (exchange, dataset, trade_date) = (facts.exchange, facts.dataset, facts.trade_date);
        self.lake.put_if_absent(&facts.artifact.key, bytes).await?;
        let latest = self.latest(exchange, dataset, trade_date).await?;
        match latest {
            Some(latest) if latest.artifact.sha256 == facts.artifact.sha256 => return Ok(latest.raw()),
            // A clock that was set back must not hide the newer observation behind the older one.
            Some(latest) if latest.observed_at >= facts.observed_at => {
                facts.observed_at = latest.observed_at + TimeDelta::microseconds(1);
            }
            Some(_) | None => {}
        }
        let json = Bytes::from(serde_json::to_vec_pretty(&facts).expect("facts are plain data"));
        let sha256 = facts.artifact.sha256;
        let key = keys::raw_facts(exchange, dataset, trade_date, &sha256);
        match self.lake.put_if_absent(&key, json.clone()).await {
            Ok(_) => {}
            Err(LakeError::Conflict { .. }) => match self.latest(exchange, dataset, trade_date).await? {
                // Another scraper kept the same bytes in the same moment.
                Some(latest) if latest.artifact.sha256 == facts.artifact.sha256 => return Ok(latest.raw()),
                Some(_) | None => {
                    let observed = facts.observed_at.timestamp_micros();
                    let again = keys::raw_facts_again(exchange, dataset, trade_date, &sha256, observed);
                    self.lake.put_if_absent(&again, json).await?;
                }
            },
            Err(error) => return Err(error),
        }
        Ok(facts.raw())
    }

    /// Keeps bytes that are not the report for people to look at, with facts and reason beside them; never as raw.
    /// Returns their key.
    pub(crate) async fn set_aside(&self, bytes: Bytes, refusal: Refusal) -> Result<String, LakeError> {
        let Facts { dataset, exchange, trade_date, ref artifact, .. } = refusal.facts;
        let file = artifact.key.rsplit('/').next().unwrap_or_default();
        let folder = format!("{ZONE}/{dataset}/{exchange}/{trade_date}");
        let key = format!("{folder}/{file}");
        let reason = format!("{folder}/{}{RECORD}", artifact.sha256);
        self.lake.put_if_absent(&key, bytes).await?;
        let json = serde_json::to_vec_pretty(&refusal).expect("a refusal is plain data");
        match self.lake.put_if_absent(&reason, Bytes::from(json)).await {
            // It was set aside before; the first reason stays.
            Ok(_) | Err(LakeError::Conflict { .. }) => Ok(key),
            Err(error) => Err(error),
        }
    }

    /// Lists what was set aside, as the lake says it.
    pub(crate) async fn listed_aside(&self, wanted: &Wanted) -> Result<Vec<SetAside>, LakeError> {
        set_aside::list(&self.lake, wanted).await
    }

    /// Reads the bytes that facts speak of; damaged ones are as good as none.
    pub(crate) async fn bytes(&self, facts: &Facts) -> Result<Option<Bytes>, LakeError> {
        match self.lake.get_verified(&facts.artifact).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error @ (LakeError::NotFound { .. } | LakeError::Corrupt { .. })) => {
                warn!(%error, "raw bytes cannot be read");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Facts that cannot be read, are of other bytes or older than their session are as good as none: the report is asked
    /// again and nothing is lost.
    async fn read_facts(&self, key: &str) -> Result<Option<Facts>, LakeError> {
        let Some(bytes) = self.lake.get(key).await? else { return Ok(None) };
        let read = || {
            let place = key.parse::<FactsKey>().map_err(|error| Disbelief::Unreadable(error.to_string()))?;
            let facts: Facts =
                serde_json::from_slice(&bytes).map_err(|error| Disbelief::Unreadable(error.to_string()))?;
            place.believe(&facts.raw(), self.clock.now()).map(|()| facts)
        };
        match read() {
            Ok(facts) => Ok(Some(facts)),
            Err(reason @ Disbelief::Late { .. }) => Err(LakeError::Unbelievable { key: key.to_owned(), reason }),
            Err(error) => {
                warn!(key, %error, "facts are not believed");
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
