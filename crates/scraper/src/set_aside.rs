//! The use case: which files were set aside whole, as the lake says it.
//!
//! Nobody keeps a list of them: the records beside the bytes are read at each question, and a record that says something
//! else than its key is told as damaged and not believed.

use champion_lake::{Lake, LakeError};
use champion_market_data::artifact::keys;
use champion_market_data::{Dataset, Exchange, Sha256, TradeDate};
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::facts::Refusal;

/// The folder of all files that were set aside.
pub(crate) const ZONE: &str = "quarantine/raw";
/// How the key of a record ends.
pub(crate) const RECORD: &str = ".reason.json";
/// Records read at the same time.
const READS: usize = 8;
/// Most bytes of a record that is read; real ones have about 1 KB.
const MOST_BYTES: u64 = 256 << 10;

/// Which files are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Only this dataset.
    pub dataset: Option<Dataset>,
    /// Only files whose hash begins so.
    pub sha256_prefix: String,
    /// How many at most.
    pub limit: usize,
}

/// One file that was set aside. Its place in the lake says what it is, its record why.
#[derive(Debug, Clone, PartialEq)]
pub struct SetAside {
    /// What was asked for.
    pub dataset: Dataset,
    /// Of whom.
    pub exchange: Exchange,
    /// The session.
    pub trade_date: TradeDate,
    /// Hash of the bytes.
    pub sha256: Sha256,
    /// Key of the bytes; where they are gone, of the record.
    pub key: String,
    /// The record, where it can be read and fits its place.
    pub refusal: Option<Refusal>,
    /// Whether another file of the session is raw.
    pub superseded: bool,
    /// What is wrong with the record or the bytes; empty where nothing is.
    pub problem: String,
}

/// A record's place, as its key says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    dataset: Dataset,
    exchange: Exchange,
    trade_date: TradeDate,
    sha256: Sha256,
}

/// Lists the files that were set aside, newest session first.
///
/// # Errors
/// [`LakeError`] when the lake cannot be listed or read; a record that makes no sense is listed with its problem.
pub(crate) async fn list(lake: &Lake, wanted: &Wanted) -> Result<Vec<SetAside>, LakeError> {
    let folder = wanted.dataset.map_or_else(|| ZONE.to_owned(), |dataset| format!("{ZONE}/{dataset}"));
    let keys = lake.list(&folder).await?;
    let mut places: Vec<(Place, String)> = keys.iter().filter_map(|key| Some((place_of(key)?, key.clone()))).collect();
    places.retain(|(place, _)| place.sha256.to_string().starts_with(&wanted.sha256_prefix));
    places.sort_by_key(|(place, _)| {
        (std::cmp::Reverse(place.trade_date), place.dataset.as_str(), *place.sha256.as_bytes())
    });
    places.truncate(wanted.limit);
    let keys = keys.as_slice();
    stream::iter(places).map(|(place, record)| read(lake, keys, place, record)).buffered(READS).try_collect().await
}

/// Reads where a record lies: `quarantine/raw/<dataset>/<exchange>/<date>/<sha256>.reason.json`, and nothing else.
fn place_of(key: &str) -> Option<Place> {
    let parts: Vec<&str> = key.strip_prefix(ZONE)?.strip_prefix('/')?.split('/').collect();
    let [dataset, exchange, date, file] = parts.as_slice() else { return None };
    Some(Place {
        dataset: dataset.parse().ok()?,
        exchange: exchange.parse().ok()?,
        trade_date: date.parse().ok()?,
        sha256: file.strip_suffix(RECORD)?.parse().ok()?,
    })
}

async fn read(lake: &Lake, keys: &[String], place: Place, record: String) -> Result<SetAside, LakeError> {
    let Place { dataset, exchange, trade_date, sha256 } = place;
    let stem = record.strip_suffix(RECORD).unwrap_or(&record);
    let of_bytes = |key: &&String| key.starts_with(&format!("{stem}.")) && !key.ends_with(RECORD);
    let bytes = keys.iter().find(of_bytes);
    let mut problems = Vec::new();
    let refusal = match record_of(lake, place, &record).await? {
        Ok(refusal) => Some(refusal),
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    match bytes {
        None => problems.push("the bytes are gone from the lake".to_owned()),
        Some(key) => match lake.get(key).await? {
            Some(found) if Sha256::of(&found) == sha256 => {}
            Some(_) | None => problems.push("the bytes in the lake are damaged".to_owned()),
        },
    }
    let raw = lake.list(&keys::raw_folder(exchange, dataset, trade_date)).await?;
    Ok(SetAside {
        dataset,
        exchange,
        trade_date,
        sha256,
        key: bytes.unwrap_or(&record).clone(),
        refusal,
        superseded: !raw.is_empty(),
        problem: problems.join("; "),
    })
}

/// Reads a record; the inner error says why it is not believed.
async fn record_of(lake: &Lake, place: Place, key: &str) -> Result<Result<Refusal, String>, LakeError> {
    if lake.size(key).await?.is_some_and(|bytes| bytes > MOST_BYTES) {
        return Ok(Err(format!("its record has more than {MOST_BYTES} bytes")));
    }
    let Some(bytes) = lake.get(key).await? else { return Ok(Err("its record is gone from the lake".to_owned())) };
    let refusal: Refusal = match serde_json::from_slice(&bytes) {
        Ok(refusal) => refusal,
        Err(error) => return Ok(Err(format!("its record cannot be read: {error}"))),
    };
    let facts = &refusal.facts;
    let said = Place {
        dataset: facts.dataset,
        exchange: facts.exchange,
        trade_date: facts.trade_date,
        sha256: facts.artifact.sha256,
    };
    Ok(if said == place { Ok(refusal) } else { Err("its record speaks of another file than its key".to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_record_at_its_place_is_one() {
        let hash = "ab".repeat(32);
        let good = format!("quarantine/raw/bhavcopy/nse/2025-02-24/{hash}.reason.json");
        assert_eq!(place_of(&good).map(|place| place.trade_date.to_string()).as_deref(), Some("2025-02-24"));
        for key in [
            format!("quarantine/raw/bhavcopy/nse/2025-02-24/{hash}.csv"),
            format!("quarantine/raw/bhavcopy/nse/2025-02-24/x/{hash}.reason.json"),
            format!("quarantine/raw/nothing/nse/2025-02-24/{hash}.reason.json"),
            format!("quarantine/raw/bhavcopy/nse/2025-02-30/{hash}.reason.json"),
            "quarantine/raw/bhavcopy/nse/2025-02-24/zz.reason.json".to_owned(),
            format!("raw/bhavcopy/nse/2025-02-24/{hash}.reason.json"),
        ] {
            assert_eq!(place_of(&key), None, "{key}");
        }
    }
}
