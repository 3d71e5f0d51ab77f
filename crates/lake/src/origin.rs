//! What stands beside the bytes: the facts of raw bytes and the parser's report, read and checked.

use champion_market_data::RawArtifact;
use champion_market_data::artifact::{Disbelief, FactsKey, ParseBooks, RawSource};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;

use crate::{Lake, LakeError};

impl Lake {
    /// Reads what is known of raw bytes: the facts of their newest observation. `now` is the reader's clock.
    ///
    /// # Errors
    /// [`LakeError::NotFound`] for bytes without facts, which do not count as there; [`LakeError::Unbelievable`] names
    /// facts that are of other bytes or of a time that cannot be. An older observation is never taken in their place: it
    /// could be older than a correction.
    pub async fn raw_facts(&self, source: &RawSource, now: DateTime<Utc>) -> Result<RawArtifact, LakeError> {
        let keys = self.list(&source.folder()).await?;
        let of_source = |key: &String| key.parse::<FactsKey>().ok().filter(|facts| facts.source == *source);
        // The first observation has no time in its key.
        let newest = keys.iter().filter_map(of_source).max_by_key(|facts| facts.observed);
        let facts_key = newest.unwrap_or(FactsKey { source: *source, observed: None });
        let key = facts_key.to_string();
        let facts: RawArtifact = self.read_json(&key).await?.ok_or_else(|| LakeError::NotFound { key: key.clone() })?;
        facts_key.believe(&facts, now).map_err(|reason| LakeError::Unbelievable { key, reason })?;
        Ok(facts)
    }

    /// Reads the parser's report on raw bytes, if it is there.
    ///
    /// # Errors
    /// [`LakeError::Unbelievable`] names a report that is of other bytes, or whose books lose rows.
    pub async fn parse_books(&self, source: &RawSource, decoder: u32) -> Result<Option<ParseBooks>, LakeError> {
        let key = source.report(decoder);
        let Some(books) = self.read_json::<ParseBooks>(&key).await? else { return Ok(None) };
        books.believe(*source, decoder).map_err(|reason| LakeError::Unbelievable { key, reason })?;
        Ok(Some(books))
    }

    async fn read_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, LakeError> {
        let Some(bytes) = self.get(key).await? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let reason = Disbelief::Unreadable(error.to_string());
            LakeError::Unbelievable { key: key.to_owned(), reason }
        })
    }
}
