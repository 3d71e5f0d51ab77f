//! What a comparison of lake and warehouse can find, session by session: pure.

use std::fmt;

use champion_market_data::{CuratedArtifact, Exchange, Table, TradeDate};

use crate::audit::DifferenceKind;
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
    /// What the lake has of it cannot be read, so that nothing can be compared with it.
    Unreadable,
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
            Self::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What puts a difference right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Loading what the lake publishes again, which `repair` does.
    Load,
    /// Running the dataset again for the date from its raw bytes: the lake publishes less than was known.
    Replay,
    /// Repairing the lake first.
    Verify,
    /// A person.
    Person,
}

impl Remedy {
    /// Returns its one spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Replay => "replay",
            Self::Verify => "verify",
            Self::Person => "person",
        }
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
    /// How it differs, as an audit names it.
    pub difference: DifferenceKind,
    /// What puts it right.
    pub remedy: Remedy,
    /// Whether it was loaded again and a second look found nothing.
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
    Found(Fault),
    /// The ledger does not know what the rows ought to be: the file is asked.
    AskFile,
}

/// How a session differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FindingKind,
    pub(crate) difference: DifferenceKind,
    pub(crate) remedy: Remedy,
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(
        kind: FindingKind,
        difference: DifferenceKind,
        remedy: Remedy,
        detail: impl Into<String>,
    ) -> Self {
        Self { kind, difference, remedy, detail: detail.into() }
    }
}

/// Compares one published session with the warehouse; `entries` are the ledger's of this session.
pub(crate) fn judge(published: &CuratedArtifact, entries: &[&Entry], content: Option<&Content>) -> Judgement {
    let (version, rows) = (published.version, published.artifact.rows);
    let sha256 = published.artifact.sha256.to_string();
    let held = content.map_or(0, |content| content.fingerprint.rows());
    let found =
        |kind, difference, remedy, detail: String| Judgement::Found(Fault::new(kind, difference, remedy, detail));
    let newest = entries.iter().max_by_key(|entry| entry.version);
    let ours = entries.iter().find(|entry| entry.version == version && entry.sha256 == sha256);
    let of_rows = |entry: &Entry| match content {
        Some(content) if is_whole(content, entry) => Judgement::Equal,
        None if entry.rows == 0 => Judgement::Equal,
        None => found(
            FindingKind::LedgerWithoutRows,
            DifferenceKind::RowsMissing,
            Remedy::Load,
            format!("0 of {rows} rows"),
        ),
        Some(_) if held == rows => found(
            FindingKind::Differs,
            DifferenceKind::RowsDiffer,
            Remedy::Load,
            format!("values differ in its {rows} rows"),
        ),
        Some(_) => found(
            FindingKind::Differs,
            DifferenceKind::RowsDiffer,
            Remedy::Load,
            format!("{held} rows in place of {rows}"),
        ),
    };
    match (ours, newest) {
        // The lake was restored and counts its versions anew; the newest content of both is the same.
        (_, Some(newest)) if newest.version > version && newest.sha256 == sha256 => of_rows(newest),
        (_, Some(newest)) if newest.version > version => found(
            FindingKind::Differs,
            DifferenceKind::LoadedNewer,
            // Loading the older version again changes nothing: the newer rows would stay in its place.
            Remedy::Replay,
            format!(
                "the warehouse holds version {} ({}), the lake publishes version {version}: was an older manifest put back?",
                newest.version,
                short(&newest.sha256)
            ),
        ),
        (Some(entry), _) => of_rows(entry),
        (None, Some(newest)) => found(
            FindingKind::Differs,
            DifferenceKind::LoadedOlder,
            Remedy::Load,
            format!(
                "the ledger knows version {} ({}), the lake publishes version {version}",
                newest.version,
                short(&newest.sha256)
            ),
        ),
        (None, None) if held == 0 => found(
            FindingKind::Missing,
            DifferenceKind::NotLoaded,
            Remedy::Load,
            format!("{rows} rows of version {version}"),
        ),
        (None, None) => Judgement::AskFile,
    }
}

/// Joins the findings before and after a repair, session by session of a table: what the second look finds remains,
/// whatever the repair took itself to have done.
pub(crate) fn after_repair(first: Vec<(Finding, Option<String>)>, mut second: Vec<Finding>) -> Vec<Finding> {
    let mut all = Vec::with_capacity(first.len());
    for (mut finding, failure) in first {
        let same = |other: &Finding| {
            (other.table, other.exchange, other.trade_date) == (finding.table, finding.exchange, finding.trade_date)
        };
        match second.iter().position(same) {
            None => finding.repaired = true,
            Some(position) => {
                let remedy = if failure.is_some() { finding.remedy } else { second[position].remedy };
                finding = Finding { remedy, ..second.remove(position) };
                if let Some(failure) = failure {
                    finding.detail = format!("{}; not repaired: {failure}", finding.detail);
                }
            }
        }
        all.push(finding);
    }
    all.extend(second);
    all
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or_default()
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
            Judgement::Found(fault) => Some(fault.kind),
            Judgement::Equal | Judgement::AskFile => None,
        }
    }

    #[test]
    fn every_difference_has_its_name() {
        let (one, entry_one) = (published(1), entry(1));
        let mut entry_two = entry(2);
        entry_two.sha256 = Sha256::of(b"b").to_string();
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
    fn an_older_manifest_that_came_back_is_for_a_replay_and_the_same_content_is_no_difference() {
        let (one, entry_one, whole) = (published(1), entry(1), content(2, 7));
        let mut newer = entry(2);
        assert_eq!(judge(&one, &[&entry_one, &newer], Some(&whole)), Judgement::Equal, "counted anew");
        assert_eq!(kind(&one, &[&entry_one, &newer], Some(&content(1, 7))), Some(FindingKind::Differs));
        newer.sha256 = Sha256::of(b"b").to_string();
        let Judgement::Found(fault) = judge(&one, &[&entry_one, &newer], Some(&whole)) else { panic!("it differs") };
        assert_eq!((fault.difference, fault.remedy), (DifferenceKind::LoadedNewer, Remedy::Replay));
    }

    #[test]
    fn promise_42_what_a_second_look_finds_remains_and_nothing_else_does() {
        let finding = |day: &str, remedy| Finding {
            table: TABLE,
            exchange: Exchange::Nse,
            trade_date: day.parse().expect("a date"),
            kind: FindingKind::Differs,
            detail: "d".to_owned(),
            difference: DifferenceKind::RowsDiffer,
            remedy,
            repaired: false,
        };
        let first = vec![
            (finding("2025-02-20", Remedy::Load), None),
            (finding("2025-02-21", Remedy::Load), None),
            (finding("2025-02-24", Remedy::Verify), Some("why".to_owned())),
        ];
        let second = vec![
            finding("2025-02-21", Remedy::Replay),
            finding("2025-02-24", Remedy::Load),
            finding("2025-02-25", Remedy::Load),
        ];
        let judged: Vec<_> = after_repair(first, second)
            .into_iter()
            .map(|found| (found.trade_date.to_string(), found.repaired, found.remedy, found.detail))
            .collect();
        let expected = [
            ("2025-02-20", true, Remedy::Load, "d"),
            ("2025-02-21", false, Remedy::Replay, "d"),
            ("2025-02-24", false, Remedy::Verify, "d; not repaired: why"),
            ("2025-02-25", false, Remedy::Load, "d"),
        ];
        assert_eq!(
            judged,
            expected.map(|(day, done, remedy, detail)| (day.to_owned(), done, remedy, detail.to_owned()))
        );
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
