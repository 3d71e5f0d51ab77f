//! What a comparison of lake and warehouse can find, session by session: pure.

use std::fmt;

use champion_market_data::{CuratedArtifact, Exchange, Table, TradeDate};

use crate::ledger::Entry;
use crate::verification::Content;

/// Which sessions are compared. Dates are included; nothing given is everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only this table.
    pub table: Option<Table>,
    /// Only this exchange.
    pub exchange: Option<Exchange>,
    /// From this trade date.
    pub from: Option<TradeDate>,
    /// To this trade date.
    pub to: Option<TradeDate>,
}

impl Scope {
    /// Tells whether a session is compared.
    #[must_use]
    pub fn holds(&self, exchange: Exchange, date: TradeDate) -> bool {
        self.exchange.is_none_or(|only| only == exchange)
            && self.from.is_none_or(|first| first <= date)
            && self.to.is_none_or(|last| date <= last)
    }
}

/// How lake and warehouse differ in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// The lake publishes it; the warehouse has neither rows nor a ledger row of it.
    Missing,
    /// The warehouse holds other rows, or another version, than the lake publishes.
    Differs,
    /// The warehouse has it and the lake has no manifest of it. Never removed: only a manifest can say what is to go.
    Extra,
    /// The ledger says it is in and the table holds no row of it.
    LedgerWithoutRows,
    /// The table holds exactly its rows and the ledger does not know it.
    RowsWithoutLedger,
}

impl FindingKind {
    /// Returns its one spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Differs => "differs",
            Self::Extra => "extra",
            Self::LedgerWithoutRows => "ledger_without_rows",
            Self::RowsWithoutLedger => "rows_without_ledger",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One session that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The table.
    pub table: Table,
    /// The exchange.
    pub exchange: Exchange,
    /// The session.
    pub trade_date: TradeDate,
    /// How it differs.
    pub kind: FindingKind,
    /// The difference in words.
    pub detail: String,
    /// Whether it was loaded again and verified.
    pub repaired: bool,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Sessions compared.
    pub sessions: u64,
    /// Those that differ, by table and date.
    pub findings: Vec<Finding>,
}

/// What comparing manifest, ledger and the number of rows says, before any file is read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Equal,
    Found(FindingKind, String),
    /// The ledger does not know what the rows ought to be: the file is asked.
    AskFile,
}

/// Compares one published session with the warehouse; `entries` are the ledger's of this session.
pub(crate) fn judge(published: &CuratedArtifact, entries: &[&Entry], content: Option<&Content>) -> Judgement {
    let (version, rows) = (published.version, published.artifact.rows);
    let held = content.map_or(0, |content| content.fingerprint.rows());
    let found = |kind, detail: String| Judgement::Found(kind, detail);
    let newest = entries.iter().max_by_key(|entry| entry.version);
    let ours =
        entries.iter().find(|entry| entry.version == version && entry.sha256 == published.artifact.sha256.to_string());
    match (ours, newest) {
        (_, Some(newest)) if newest.version > version => found(
            FindingKind::Differs,
            format!("the warehouse holds version {}, the lake publishes version {version}", newest.version),
        ),
        (Some(entry), _) => match content {
            Some(content) if is_whole(content, entry) => Judgement::Equal,
            None if entry.rows == 0 => Judgement::Equal,
            None => found(FindingKind::LedgerWithoutRows, format!("0 of {rows} rows")),
            Some(_) if held == rows => found(FindingKind::Differs, format!("values differ in its {rows} rows")),
            Some(_) => found(FindingKind::Differs, format!("{held} rows in place of {rows}")),
        },
        (None, Some(newest)) => found(
            FindingKind::Differs,
            format!(
                "the ledger knows version {} ({}), the lake publishes version {version}",
                newest.version,
                newest.sha256.get(..12).unwrap_or_default()
            ),
        ),
        (None, None) if held == 0 => found(FindingKind::Missing, format!("{rows} rows of version {version}")),
        (None, None) => Judgement::AskFile,
    }
}

/// Tells whether a table holds what a ledger wrote down.
pub(crate) fn is_whole(content: &Content, entry: &Entry) -> bool {
    content.keys == entry.rows
        && content.fingerprint.rows() == entry.rows
        && content.fingerprint.checksum() == entry.checksum
}

#[cfg(test)]
mod tests {
    use champion_market_data::{ArtifactRef, Sha256};
    use chrono::DateTime;

    use super::*;
    use crate::fingerprint::Fingerprint;

    const TABLE: Table = Table::EquityDelivery;

    fn published(version: u32) -> CuratedArtifact {
        CuratedArtifact {
            artifact: ArtifactRef { key: "k".to_owned(), sha256: Sha256::of(b"a"), bytes: 1, rows: 2 },
            table: TABLE,
            exchange: Exchange::Nse,
            trade_date: "2025-02-24".parse().expect("a date"),
            source_sha256: Sha256::of(b"s"),
            version,
            observed_at: DateTime::UNIX_EPOCH,
        }
    }

    fn content(rows: u64, sum: u64) -> Content {
        let sums = vec![sum; TABLE.spec().columns.len()];
        Content { fingerprint: Fingerprint::computed(TABLE, rows, sums), keys: rows }
    }

    fn entry(version: u32) -> Entry {
        let content = content(2, 7);
        let checksum = content.fingerprint.checksum();
        Entry::for_test(TABLE, "2025-02-24", version, Sha256::of(b"a"), 2, checksum)
    }

    fn kind(published: &CuratedArtifact, entries: &[&Entry], content: Option<&Content>) -> Option<FindingKind> {
        match judge(published, entries, content) {
            Judgement::Found(kind, _) => Some(kind),
            Judgement::Equal | Judgement::AskFile => None,
        }
    }

    #[test]
    fn every_difference_has_its_name() {
        let (one, entry_one, entry_two) = (published(1), entry(1), entry(2));
        let whole = content(2, 7);
        assert_eq!(judge(&one, &[&entry_one], Some(&whole)), Judgement::Equal);
        assert_eq!(judge(&one, &[], Some(&whole)), Judgement::AskFile);
        assert_eq!(kind(&one, &[], None), Some(FindingKind::Missing));
        assert_eq!(kind(&one, &[&entry_one], None), Some(FindingKind::LedgerWithoutRows));
        assert_eq!(kind(&one, &[&entry_one], Some(&content(2, 8))), Some(FindingKind::Differs));
        assert_eq!(kind(&one, &[&entry_one], Some(&content(1, 7))), Some(FindingKind::Differs));
        assert_eq!(kind(&one, &[&entry_one, &entry_two], Some(&whole)), Some(FindingKind::Differs), "a newer one");
        assert_eq!(kind(&published(2), &[&entry_one], Some(&whole)), Some(FindingKind::Differs), "a correction");
    }

    #[test]
    fn the_scope_includes_its_ends() {
        let date = |text: &str| text.parse().expect("a date");
        let scope = Scope { from: Some(date("2025-02-24")), to: Some(date("2025-02-25")), ..Scope::default() };
        let held =
            ["2025-02-23", "2025-02-24", "2025-02-25", "2025-02-26"].map(|day| scope.holds(Exchange::Nse, date(day)));
        assert_eq!(held, [false, true, true, false]);
        assert!(!Scope { exchange: Some(Exchange::Bse), ..scope }.holds(Exchange::Nse, date("2025-02-24")));
    }
}
