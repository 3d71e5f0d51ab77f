//! What an audit can find: the newest observation of a session, what is published of it and what is loaded. Pure.

use std::fmt;

use champion_market_data::{CuratedArtifact, Dataset, Exchange, Sha256, Table, TradeDate};
use chrono::{DateTime, TimeDelta, Utc};

use crate::raw::{Observation, Observed};

/// How the newest observation, what is published and what is loaded differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// Newer bytes were observed than those that are published.
    RawNewer,
    /// Bytes were observed and nothing of them is published.
    NotPublished,
    /// The newest observation was refused or set aside by the parser, and its quarantine says why. Explained.
    Refused,
    /// What is published comes from bytes that the raw zone does not hold.
    PublishedWithoutRaw,
    /// What is published is said to be known since a time at which nothing was observed.
    Unobserved,
    /// The newest observation names bytes that are not there.
    RawMissing,
    /// It is published, and the warehouse has neither rows nor a ledger row of it.
    NotLoaded,
    /// The warehouse holds an older content than the published one.
    LoadedOlder,
    /// The warehouse holds a newer content than the published one.
    LoadedNewer,
    /// The warehouse holds it, and nothing is published.
    LoadedWithoutPublished,
    /// The ledger names it, and the table holds no row of it.
    RowsMissing,
    /// The table holds other rows than the ledger wrote down.
    RowsDiffer,
    /// The table holds its rows, and the ledger does not know it.
    NotInLedger,
    /// The history lacks a version that the lake keeps.
    HistoryDiffers,
    /// Facts, manifest, report or file cannot be read.
    Unreadable,
}

impl DifferenceKind {
    /// Returns its one spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RawNewer => "raw_newer",
            Self::NotPublished => "not_published",
            Self::Refused => "refused",
            Self::PublishedWithoutRaw => "published_without_raw",
            Self::Unobserved => "unobserved",
            Self::RawMissing => "raw_missing",
            Self::NotLoaded => "not_loaded",
            Self::LoadedOlder => "loaded_older",
            Self::LoadedNewer => "loaded_newer",
            Self::LoadedWithoutPublished => "loaded_without_published",
            Self::RowsMissing => "rows_missing",
            Self::RowsDiffer => "rows_differ",
            Self::NotInLedger => "not_in_ledger",
            Self::HistoryDiffers => "history_differs",
            Self::Unreadable => "unreadable",
        }
    }

    /// Tells whether nothing is wrong with it: somebody decided that it is so, and it says where.
    #[must_use]
    pub const fn is_explained(self) -> bool {
        matches!(self, Self::Refused)
    }
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What was observed.
    pub dataset: Dataset,
    /// The table, where the difference is one of a table.
    pub table: Option<Table>,
    /// The exchange.
    pub exchange: Exchange,
    /// The session.
    pub trade_date: TradeDate,
    /// Which.
    pub kind: DifferenceKind,
    /// In a person's words.
    pub detail: String,
}

/// How far an audit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditEvent {
    /// Sessions of a dataset that are done, of all of it.
    Progress(Dataset, u64, u64),
    /// Something differs.
    Difference(Difference),
}

/// What an audit came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditSummary {
    /// Sessions of a dataset that were looked at.
    pub sessions: u64,
    /// Differences that nothing explains.
    pub differences: u64,
    /// Differences that are explained.
    pub explained: u64,
}

/// What the parser made of an observation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// The staged tables by hash, as the report names them; none without a report.
    pub(crate) staged: Option<Vec<(Table, Sha256)>>,
    /// Why the whole file was refused, and where that stands.
    pub(crate) refused: Option<String>,
}

/// What is published of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manifest<'a> {
    pub(crate) curated: &'a CuratedArtifact,
    pub(crate) staged_sha256: Option<Sha256>,
}

/// Clocks and formats between the stages keep less than nanoseconds.
const SAME_INSTANT: TimeDelta = TimeDelta::seconds(1);

/// Holds the newest observation of a session against what is published of one table. `parsed` is needed only where they
/// do not fit, so it is asked for then.
pub(crate) fn needs_the_parse(observed: &Observed, manifest: Option<Manifest<'_>>) -> bool {
    match (observed.newest(), manifest) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(newest), Some(manifest)) => newest.sha256 != manifest.curated.source_sha256,
    }
}

/// Says how the newest observation of a session and what is published of one table differ.
pub(crate) fn judge(
    table: Table,
    observed: &Observed,
    manifest: Option<Manifest<'_>>,
    parsed: &Parsed,
) -> Option<(DifferenceKind, String)> {
    match (observed.newest(), manifest) {
        (None, None) => None,
        (None, Some(Manifest { curated, .. })) => {
            let detail = format!(
                "version {} comes from {}, and the raw zone holds no bytes",
                curated.version,
                short(&curated.source_sha256)
            );
            Some((DifferenceKind::PublishedWithoutRaw, detail))
        }
        (Some(newest), None) => not_published(table, newest, parsed),
        (Some(newest), Some(manifest)) => published(table, observed, newest, manifest, parsed),
    }
}

fn not_published(table: Table, newest: &Observation, parsed: &Parsed) -> Option<(DifferenceKind, String)> {
    if let Some(reason) = &parsed.refused {
        return Some((DifferenceKind::Refused, format!("{}: {reason}", said(newest))));
    }
    let detail = match &parsed.staged {
        // The file has nothing for this table.
        Some(staged) if staged.iter().all(|(named, _)| *named != table) => return None,
        Some(_) => "was parsed and is not published",
        None => "was not parsed",
    };
    Some((DifferenceKind::NotPublished, format!("{} {detail}", said(newest))))
}

fn published(
    table: Table,
    observed: &Observed,
    newest: &Observation,
    Manifest { curated, staged_sha256 }: Manifest<'_>,
    parsed: &Parsed,
) -> Option<(DifferenceKind, String)> {
    let version = format!(
        "version {} comes from {} observed {}",
        curated.version,
        short(&curated.source_sha256),
        instant(curated.observed_at)
    );
    let of_source: Vec<&Observation> =
        observed.whole.iter().filter(|seen| seen.sha256 == curated.source_sha256).collect();
    if curated.source_sha256 == newest.sha256 {
        let is_known = curated.observed_at == DateTime::UNIX_EPOCH
            || of_source.iter().any(|seen| (seen.observed_at - curated.observed_at).abs() <= SAME_INSTANT);
        let detail = || format!("{version}; {}", said(newest));
        return (!is_known).then(|| (DifferenceKind::Unobserved, detail()));
    }
    // Other bytes with the same rows, such as the same table zipped again, are no new version.
    let same_rows =
        parsed.staged.iter().flatten().any(|(named, sha256)| *named == table && Some(*sha256) == staged_sha256);
    if same_rows {
        return None;
    }
    if let Some(reason) = &parsed.refused {
        return Some((DifferenceKind::Refused, format!("{}: {reason}; {version}", said(newest))));
    }
    if of_source.is_empty() {
        let detail = format!("{version}, which the raw zone does not hold; {}", said(newest));
        return Some((DifferenceKind::PublishedWithoutRaw, detail));
    }
    if curated.observed_at > newest.observed_at + SAME_INSTANT {
        return Some((DifferenceKind::Unobserved, format!("{version}; {}", said(newest))));
    }
    Some((DifferenceKind::RawNewer, format!("{}; {version}", said(newest))))
}

fn said(newest: &Observation) -> String {
    format!("the newest observation {} of {}", short(&newest.sha256), instant(newest.observed_at))
}

fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn short(sha256: &Sha256) -> String {
    sha256.to_string()[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use champion_market_data::ArtifactRef;

    use super::*;

    const TABLE: Table = Table::EquityDelivery;

    fn at(hour: i64) -> DateTime<Utc> {
        "2025-02-24T12:00:00Z".parse::<DateTime<Utc>>().expect("an instant") + TimeDelta::hours(hour)
    }

    fn seen(text: &str, hour: i64) -> Observation {
        Observation { sha256: Sha256::of(text.as_bytes()), observed_at: at(hour) }
    }

    fn observed(whole: &[(&str, i64)]) -> Observed {
        Observed { whole: whole.iter().map(|(text, hour)| seen(text, *hour)).collect(), ..Observed::default() }
    }

    fn curated(source: &str, hour: i64) -> CuratedArtifact {
        CuratedArtifact {
            artifact: ArtifactRef { key: "k".to_owned(), sha256: Sha256::of(b"file"), bytes: 1, rows: 1 },
            table: TABLE,
            exchange: Exchange::Nse,
            trade_date: "2025-02-24".parse().expect("a date"),
            source_sha256: Sha256::of(source.as_bytes()),
            version: 1,
            observed_at: at(hour),
        }
    }

    fn kind(observed: &Observed, published: Option<&CuratedArtifact>, parsed: &Parsed) -> Option<DifferenceKind> {
        let manifest = published.map(|curated| Manifest { curated, staged_sha256: Some(Sha256::of(b"staged")) });
        judge(TABLE, observed, manifest, parsed).map(|(kind, _)| kind)
    }

    #[test]
    fn promise_43_every_difference_between_raw_and_published_has_its_name() {
        let none = Parsed::default();
        let refused = Parsed { staged: None, refused: Some("bad_header: no column symbol".to_owned()) };
        let staged = |bytes: &[u8]| Parsed { staged: Some(vec![(TABLE, Sha256::of(bytes))]), refused: None };
        let other_table = Parsed { staged: Some(vec![(Table::RawEquityOhlc, Sha256::of(b"x"))]), refused: None };
        let (a, b) = (curated("a", 1), curated("b", 2));
        let (one, two) = (observed(&[("a", 1)]), observed(&[("a", 1), ("b", 2)]));
        assert_eq!(kind(&one, Some(&a), &none), None);
        assert_eq!(kind(&two, Some(&b), &none), None);
        assert_eq!(kind(&Observed::default(), None, &none), None);
        assert_eq!(kind(&two, Some(&a), &none), Some(DifferenceKind::RawNewer));
        assert_eq!(kind(&two, Some(&a), &refused), Some(DifferenceKind::Refused));
        assert_eq!(kind(&two, Some(&a), &staged(b"staged")), None, "other bytes with the same rows");
        assert_eq!(kind(&two, Some(&a), &staged(b"other rows")), Some(DifferenceKind::RawNewer));
        assert_eq!(kind(&one, None, &none), Some(DifferenceKind::NotPublished));
        assert_eq!(kind(&one, None, &refused), Some(DifferenceKind::Refused));
        assert_eq!(kind(&one, None, &other_table), None, "the file has nothing for the table");
        assert_eq!(kind(&Observed::default(), Some(&a), &none), Some(DifferenceKind::PublishedWithoutRaw));
        assert_eq!(kind(&one, Some(&b), &none), Some(DifferenceKind::PublishedWithoutRaw));
        assert_eq!(kind(&one, Some(&curated("a", 69_000_000)), &none), Some(DifferenceKind::Unobserved), "year 9999");
        assert_eq!(kind(&two, Some(&curated("a", 3)), &none), Some(DifferenceKind::Unobserved));
    }

    #[test]
    fn a_correction_that_was_taken_back_is_the_newest_observation_again() {
        let back = observed(&[("a", 1), ("b", 2), ("a", 3)]);
        assert_eq!(kind(&back, Some(&curated("a", 3)), &Parsed::default()), None);
        assert_eq!(kind(&back, Some(&curated("b", 2)), &Parsed::default()), Some(DifferenceKind::RawNewer));
    }
}
