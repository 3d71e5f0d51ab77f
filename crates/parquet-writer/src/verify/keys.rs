//! Reading keys back: what they are of.

use std::str::FromStr;

use champion_market_data::{Dataset, Exchange, Sha256, Table, TradeDate};

/// A table of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Session {
    pub(super) table: Table,
    pub(super) exchange: Exchange,
    pub(super) date: TradeDate,
}

impl Session {
    pub(super) const fn replay(self) -> (Dataset, Exchange, TradeDate) {
        (self.table.dataset(), self.exchange, self.date)
    }
}

/// A file of the raw zone: `raw/<exchange>/<dataset>/<date>/<sha256>.<extension>`.
pub(super) struct RawKey {
    pub(super) exchange: Exchange,
    pub(super) dataset: Dataset,
    pub(super) date: TradeDate,
    pub(super) sha256: Sha256,
    pub(super) is_facts: bool,
}

pub(super) fn raw(key: &str) -> Option<RawKey> {
    let [_, exchange, dataset, date, name] = parts(key)?;
    let (sha256, extension) = name.split_once('.')?;
    Some(RawKey {
        exchange: parse(exchange)?,
        dataset: parse(dataset)?,
        date: parse(date)?,
        sha256: parse(sha256)?,
        is_facts: extension == "facts.json",
    })
}

/// A file of the curated zone, or the manifest beside it.
pub(super) fn curated(key: &str) -> Option<Session> {
    let [_, table, exchange, _, _, name] = parts(key)?;
    let date = name.strip_suffix(".manifest.json").or_else(|| name.strip_suffix(".parquet"))?;
    Some(Session { table: parse(table)?, exchange: parse(exchange.strip_prefix("exchange=")?)?, date: parse(date)? })
}

/// An earlier version: `history/<table>/exchange=<x>/<date>/v<n>-<sha256>.parquet`.
pub(super) fn history(key: &str) -> Option<(Session, u32, Sha256)> {
    let [_, table, exchange, date, name] = parts(key)?;
    let (version, sha256) = name.strip_prefix('v')?.strip_suffix(".parquet")?.split_once('-')?;
    let exchange = parse(exchange.strip_prefix("exchange=")?)?;
    Some((Session { table: parse(table)?, exchange, date: parse(date)? }, parse(version)?, parse(sha256)?))
}

/// The date of a staged artifact or report: `staged/<table>/<exchange>/<date>/<name>`.
pub(super) fn staged_date(key: &str) -> Option<TradeDate> {
    let [_, _, _, date, _] = parts(key)?;
    parse(date)
}

fn parts<const N: usize>(key: &str) -> Option<[&str; N]> {
    key.split('/').collect::<Vec<_>>().try_into().ok()
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}
