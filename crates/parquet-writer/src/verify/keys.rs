//! Reading keys back: what they are of.

use champion_market_data::artifact::{self, CuratedKey, FactsKey, HistoryKey, RawSource};
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

/// A file of the raw zone: received bytes, or the facts of an observation of them.
pub(super) struct RawKey {
    pub(super) exchange: Exchange,
    pub(super) dataset: Dataset,
    pub(super) date: TradeDate,
    pub(super) sha256: Sha256,
    pub(super) is_facts: bool,
}

pub(super) fn raw(key: &str) -> Option<RawKey> {
    let (source, is_facts) = match key.parse::<FactsKey>() {
        Ok(facts) => (facts.source, true),
        Err(_) => (key.parse::<artifact::RawKey>().ok()?.source, false),
    };
    let RawSource { exchange, dataset, trade_date: date, sha256 } = source;
    Some(RawKey { exchange, dataset, date, sha256, is_facts })
}

/// A file of the curated zone, or the manifest beside it.
pub(super) fn curated(key: &str) -> Option<Session> {
    key.parse().or_else(|_| CuratedKey::of_manifest(key)).ok().map(session)
}

/// An earlier version: `history/<table>/exchange=<x>/<date>/v<n>-<sha256>.parquet`.
pub(super) fn history(key: &str) -> Option<(Session, u32, Sha256)> {
    key.parse::<HistoryKey>().ok().map(|kept| (session(kept.session), kept.version, kept.sha256))
}

const fn session(CuratedKey { table, exchange, trade_date: date }: CuratedKey) -> Session {
    Session { table, exchange, date }
}

/// The date of a staged artifact or report: `staged/<table>/<exchange>/<date>/<name>`.
pub(super) fn staged_date(key: &str) -> Option<TradeDate> {
    key.split('/').nth(3)?.parse().ok()
}
