//! Keys of the lake read back: what an artifact is, its key says, and nothing else parses.
//!
//! A stage is told keys. What it then works on (table, exchange, session, source) it reads here and not from its caller.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{Sha256, keys};
use crate::{Dataset, Exchange, Table, TradeDate};

/// A text that is no key of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected {form}, found {key:?}")]
pub struct InvalidKey {
    /// How such a key reads.
    pub form: &'static str,
    /// The text, cut after 250 letters.
    pub key: String,
}

impl InvalidKey {
    fn of(form: &'static str, key: &str) -> Self {
        Self { form, key: key.chars().take(250).collect() }
    }
}

/// Raw bytes of a report, wherever they lie: what everything made of them goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RawSource {
    /// Who published them.
    pub exchange: Exchange,
    /// What they are meant to hold.
    pub dataset: Dataset,
    /// The session they were asked for.
    pub trade_date: TradeDate,
    /// Their hash.
    pub sha256: Sha256,
}

impl RawSource {
    /// Returns the folder in which the bytes and their facts lie.
    #[must_use]
    pub fn folder(&self) -> String {
        keys::raw_folder(self.exchange, self.dataset, self.trade_date)
    }

    /// Returns the key of the parser's report on them.
    #[must_use]
    pub fn report(&self, decoder: u32) -> String {
        keys::parse_report(self.dataset, self.exchange, self.trade_date, &self.sha256, decoder)
    }
}

/// Received bytes: `raw/<exchange>/<dataset>/<date>/<sha256>.<extension>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawKey {
    /// What the bytes are.
    pub source: RawSource,
    /// One or two parts of small letters and digits, such as `csv.zip`.
    pub extension: String,
}

/// The facts of an observation: `raw/<exchange>/<dataset>/<date>/<sha256>[.<microseconds>].facts.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactsKey {
    /// The bytes beside the facts.
    pub source: RawSource,
    /// When they were observed again, in microseconds since 1970; none for the first time.
    pub observed: Option<i64>,
}

/// A staged table: `staged/<table>/<exchange>/<date>/<source sha>-d<decoder>.arrow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StagedKey {
    /// The table.
    pub table: Table,
    /// The raw bytes it was decoded from.
    pub source: RawSource,
    /// Version of the decoder.
    pub decoder: u32,
}

/// Rows set aside: `quarantine/<dataset>/<exchange>/<date>/<source sha>-d<decoder>.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuarantineKey {
    /// The raw bytes the rows come from.
    pub source: RawSource,
    /// Version of the decoder.
    pub decoder: u32,
}

/// The curated file of a session: `curated/<table>/exchange=<x>/year=<y>/month=<m>/<date>.parquet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CuratedKey {
    /// The table.
    pub table: Table,
    /// Who published the source.
    pub exchange: Exchange,
    /// The session.
    pub trade_date: TradeDate,
}

/// An earlier version of a curated file: `history/<table>/exchange=<x>/<date>/v<version>-<sha256>.parquet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryKey {
    /// The session.
    pub session: CuratedKey,
    /// The version.
    pub version: u32,
    /// Hash of the file.
    pub sha256: Sha256,
}

impl CuratedKey {
    /// Returns the key of the session's manifest.
    #[must_use]
    pub fn manifest(&self) -> String {
        keys::manifest(self.table, self.exchange, self.trade_date)
    }

    /// Returns the folder of the session's earlier versions.
    #[must_use]
    pub fn history_folder(&self) -> String {
        keys::history_folder(self.table, self.exchange, self.trade_date)
    }

    /// Reads the session out of the key of its manifest.
    ///
    /// # Errors
    /// [`InvalidKey`] for any other text.
    pub fn of_manifest(key: &str) -> Result<Self, InvalidKey> {
        let form = "curated/<table>/exchange=<exchange>/year=<year>/month=<month>/<date>.manifest.json";
        let read = || session_in(key, ".manifest.json");
        read().filter(|session| session.manifest() == key).ok_or_else(|| InvalidKey::of(form, key))
    }
}

impl HistoryKey {
    /// Reads the version out of the key of its manifest.
    ///
    /// # Errors
    /// [`InvalidKey`] for any other text.
    pub fn of_manifest(key: &str) -> Result<Self, InvalidKey> {
        let form = "history/<table>/exchange=<exchange>/<date>/v<version>-<sha256>.manifest.json";
        let file = key.strip_suffix(".manifest.json").map(|stem| format!("{stem}.parquet"));
        let read = || file?.parse::<Self>().ok();
        read().filter(|kept| kept.manifest() == key).ok_or_else(|| InvalidKey::of(form, key))
    }

    /// Returns the key of the version's manifest.
    #[must_use]
    pub fn manifest(&self) -> String {
        let CuratedKey { table, exchange, trade_date } = self.session;
        keys::history_manifest(table, exchange, trade_date, self.version, &self.sha256)
    }
}

impl fmt::Display for RawKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RawSource { exchange, dataset, trade_date, sha256 } = &self.source;
        f.write_str(&keys::raw(*exchange, *dataset, *trade_date, sha256, &self.extension))
    }
}

impl fmt::Display for FactsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RawSource { exchange, dataset, trade_date, sha256 } = self.source;
        f.write_str(&match self.observed {
            None => keys::raw_facts(exchange, dataset, trade_date, &sha256),
            Some(observed) => keys::raw_facts_again(exchange, dataset, trade_date, &sha256, observed),
        })
    }
}

impl fmt::Display for StagedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RawSource { exchange, trade_date, sha256, .. } = &self.source;
        f.write_str(&keys::staged(self.table, *exchange, *trade_date, sha256, self.decoder))
    }
}

impl fmt::Display for QuarantineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RawSource { exchange, dataset, trade_date, sha256 } = &self.source;
        f.write_str(&keys::quarantine(*dataset, *exchange, *trade_date, sha256, self.decoder))
    }
}

impl fmt::Display for CuratedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&keys::curated(self.table, self.exchange, self.trade_date))
    }
}

impl fmt::Display for HistoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CuratedKey { table, exchange, trade_date } = self.session;
        f.write_str(&keys::history(table, exchange, trade_date, self.version, &self.sha256))
    }
}

/// Takes what was read only where it is written in the very same letters, so that a thing has one key.
fn exactly<T: fmt::Display>(key: &str, form: &'static str, read: Option<T>) -> Result<T, InvalidKey> {
    read.filter(|read| read.to_string() == key).ok_or_else(|| InvalidKey::of(form, key))
}

impl FromStr for RawKey {
    type Err = InvalidKey;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (source, extension) = raw_file(key)?;
            let is_part =
                |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
            let parts: Vec<&str> = extension.split('.').collect();
            let plain = parts.len() <= 2 && parts.iter().all(|part| is_part(part)) && extension != "facts.json";
            plain.then(|| Self { source, extension: extension.to_owned() })
        };
        exactly(key, "raw/<exchange>/<dataset>/<date>/<sha256>.<extension>", read())
    }
}

impl FromStr for FactsKey {
    type Err = InvalidKey;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (source, extension) = raw_file(key)?;
            let observed = match extension.strip_suffix("facts.json")? {
                "" => None,
                again => Some(parse(again.strip_suffix('.')?)?),
            };
            Some(Self { source, observed })
        };
        exactly(key, "raw/<exchange>/<dataset>/<date>/<sha256>[.<microseconds>].facts.json", read())
    }
}

impl FromStr for StagedKey {
    type Err = InvalidKey;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let read = || {
            let ["staged", table, exchange, date, name] = parts(key)? else { return None };
            let (sha256, decoder) = name.strip_suffix(".arrow")?.split_once("-d")?;
            let table: Table = parse(table)?;
            let (exchange, trade_date, sha256) = (parse(exchange)?, parse(date)?, parse(sha256)?);
            let source = RawSource { exchange, dataset: table.dataset(), trade_date, sha256 };
            Some(Self { table, source, decoder: parse(decoder)? })
        };
        exactly(key, "staged/<table>/<exchange>/<date>/<source sha256>-d<decoder>.arrow", read())
    }
}

impl FromStr for QuarantineKey {
    type Err = InvalidKey;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let read = || {
            let ["quarantine", dataset, exchange, date, name] = parts(key)? else { return None };
            let (sha256, decoder) = name.strip_suffix(".jsonl")?.split_once("-d")?;
            let (exchange, dataset, trade_date) = (parse(exchange)?, parse(dataset)?, parse(date)?);
            let source = RawSource { exchange, dataset, trade_date, sha256: parse(sha256)? };
            Some(Self { source, decoder: parse(decoder)? })
        };
        exactly(key, "quarantine/<dataset>/<exchange>/<date>/<source sha256>-d<decoder>.jsonl", read())
    }
}

impl FromStr for CuratedKey {
    type Err = InvalidKey;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let form = "curated/<table>/exchange=<exchange>/year=<year>/month=<month>/<date>.parquet";
        exactly(key, form, session_in(key, ".parquet"))
    }
}

impl FromStr for HistoryKey {
    type Err = InvalidKey;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let read = || {
            let ["history", table, exchange, date, name] = parts(key)? else { return None };
            let (version, sha256) = name.strip_prefix('v')?.strip_suffix(".parquet")?.split_once('-')?;
            let exchange = parse(exchange.strip_prefix("exchange=")?)?;
            let session = CuratedKey { table: parse(table)?, exchange, trade_date: parse(date)? };
            Some(Self { session, version: parse(version)?, sha256: parse(sha256)? })
        };
        exactly(key, "history/<table>/exchange=<exchange>/<date>/v<version>-<sha256>.parquet", read())
    }
}

/// Reads `raw/<exchange>/<dataset>/<date>/<sha256>.<extension>`, whatever the extension.
fn raw_file(key: &str) -> Option<(RawSource, &str)> {
    let ["raw", exchange, dataset, date, name] = parts(key)? else { return None };
    let (sha256, extension) = name.split_once('.')?;
    let (exchange, dataset, trade_date) = (parse(exchange)?, parse(dataset)?, parse(date)?);
    Some((RawSource { exchange, dataset, trade_date, sha256: parse(sha256)? }, extension))
}

/// Reads `curated/<table>/exchange=<x>/<year>/<month>/<date><suffix>`; year and month are held by whoever calls.
fn session_in(key: &str, suffix: &str) -> Option<CuratedKey> {
    let ["curated", table, exchange, _, _, name] = parts(key)? else { return None };
    let exchange = parse(exchange.strip_prefix("exchange=")?)?;
    Some(CuratedKey { table: parse(table)?, exchange, trade_date: parse(name.strip_suffix(suffix)?)? })
}

fn parts<const N: usize>(key: &str) -> Option<[&str; N]> {
    key.split('/').collect::<Vec<_>>().try_into().ok()
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

#[cfg(test)]
#[path = "read_key_tests.rs"]
mod tests;
