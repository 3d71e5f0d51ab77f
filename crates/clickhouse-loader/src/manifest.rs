//! The manifest beside a curated file, as the parquet-writer publishes it: the fields that this stage needs.
//!
//! The contract is the writer's `Manifest`; unknown fields are passed over, so the writer may add to it.

use std::collections::BTreeMap;

use champion_lake::Lake;
use champion_market_data::artifact::keys;
use champion_market_data::{ArtifactRef, CuratedArtifact, Exchange, Sha256, Table, TradeDate};
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
    #[serde(default)]
    observed_at: DateTime<Utc>,
}

impl From<Manifest> for CuratedArtifact {
    fn from(manifest: Manifest) -> Self {
        let Manifest { table, exchange, trade_date, version, key, sha256, bytes, rows, source_sha256, observed_at } =
            manifest;
        let artifact = ArtifactRef { key, sha256, bytes, rows };
        Self { artifact, table, exchange, trade_date, source_sha256, version, observed_at }
    }
}

/// Reads what is published of a table, by session.
///
/// # Errors
/// [`LoadError::Manifest`] names a manifest that cannot be read.
pub(crate) async fn published(
    lake: &Lake,
    table: Table,
    scope: &Scope,
) -> Result<BTreeMap<(TradeDate, Exchange), CuratedArtifact>, LoadError> {
    let mut published = BTreeMap::new();
    for key in lake.list(&format!("curated/{table}")).await? {
        let Some(session) = session_of(&key).filter(|(date, exchange)| scope.holds(*exchange, *date)) else { continue };
        if let Some(curated) = read(lake, &key).await? {
            published.insert(session, curated);
        }
    }
    Ok(published)
}

/// Reads what is published of one session now.
pub(crate) async fn of_session(
    lake: &Lake,
    table: Table,
    (date, exchange): (TradeDate, Exchange),
) -> Result<Option<CuratedArtifact>, LoadError> {
    read(lake, &keys::manifest(table, exchange, date)).await
}

async fn read(lake: &Lake, key: &str) -> Result<Option<CuratedArtifact>, LoadError> {
    let Some(bytes) = lake.get(key).await? else { return Ok(None) };
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|source| LoadError::Manifest { key: key.to_owned(), source })?;
    Ok(Some(manifest.into()))
}

/// Reads date and exchange out of `curated/<table>/exchange=<x>/…/<date>.manifest.json`.
fn session_of(key: &str) -> Option<(TradeDate, Exchange)> {
    let date = key.rsplit_once('/')?.1.strip_suffix(".manifest.json")?.parse().ok()?;
    let exchange = key.split('/').find_map(|part| part.strip_prefix("exchange="))?.parse().ok()?;
    Some((date, exchange))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_manifest_names_its_session() {
        let date: TradeDate = "2025-02-24".parse().expect("a date");
        let key = keys::manifest(Table::EquityDelivery, Exchange::Nse, date);
        assert_eq!(session_of(&key), Some((date, Exchange::Nse)));
        assert_eq!(session_of(&keys::curated(Table::EquityDelivery, Exchange::Nse, date)), None);
    }
}
