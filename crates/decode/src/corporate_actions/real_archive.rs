//! Real filings: every file of the archive is read whole, and what its texts announce is what people read in them.
//!
//! The files belong to the exchange and are not part of the repository. `CHAMPION_EXCHANGE_ARCHIVE` names their folder;
//! without it `../shared/exchange-mirror` beside the workspace is looked at. In continuous integration (`CI=true`) a
//! missing archive is a failure, elsewhere the tests say that they were skipped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow::array::AsArray;
use champion_market_data::{Dataset, Exchange};

use super::text;
use crate::{Decoded, Request, decode};

fn archive() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/exchange-mirror");
    let folder = std::env::var_os("CHAMPION_EXCHANGE_ARCHIVE").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "no exchange archive at {}", folder.display());
    #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
    {
        eprintln!("skipped: no exchange archive at {}", folder.display());
    }
    None
}

fn decoded(archive: &std::path::Path, name: &str) -> Decoded {
    let bytes = std::fs::read(archive.join("www.nseindia.com/samples").join(name)).expect("a readable file");
    decode(&bytes, &Request::new(Dataset::CorporateActions, Exchange::Nse, None)).expect("a good file")
}

/// Action type and review reason of every leg, counted, and the subjects of the legs in doubt.
fn distribution(decoded: &Decoded) -> (BTreeMap<String, usize>, Vec<String>) {
    let (_, batch) = &decoded.tables[0];
    let column = |name: &str| batch.column_by_name(name).expect("a column").as_string::<i32>();
    let (actions, reasons, subjects) = (column("action_type"), column("review_reason"), column("subject"));
    let mut counts = BTreeMap::new();
    let mut doubtful = Vec::new();
    for row in 0..batch.num_rows() {
        *counts.entry(actions.value(row).to_owned()).or_insert(0) += 1;
        if !reasons.value(row).is_empty() {
            doubtful.push(format!("{}: {}", reasons.value(row), subjects.value(row)));
        }
    }
    (counts, doubtful)
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(action, count)| ((*action).to_owned(), *count)).collect()
}

#[test]
fn half_a_year_of_filings_is_read_and_only_demergers_are_in_doubt() {
    let Some(archive) = archive() else { return };
    let decoded = decoded(&archive, "CF-CA-equities.csv");
    assert_eq!((decoded.counts.rows_in, decoded.counts.published), (578, 578));
    assert_eq!(decoded.trade_date, None);
    let (actions, doubtful) = distribution(&decoded);
    let expected = [
        ("bonus", 19),
        ("consolidation", 1),
        ("distribution", 40),
        ("dividend", 414),
        ("inert", 66),
        ("rights", 25),
        ("split", 23),
        ("unquantified", 10),
    ];
    assert_eq!(actions, counts(&expected));
    assert!(doubtful.iter().all(|text| text == "unquantified: Demerger"), "{doubtful:#?}");
}

#[test]
fn answers_of_the_api_are_read_and_only_demergers_are_in_doubt() {
    let Some(archive) = archive() else { return };
    for (name, filings) in [("nse_actions_2022-09-03_ae5d08.json", 87), ("nse_actions_2023-03-25_596124.json", 21)] {
        let decoded = decoded(&archive, name);
        assert_eq!((decoded.counts.rows_in, decoded.counts.published), (filings, filings), "{name}");
        let (_, doubtful) = distribution(&decoded);
        assert!(doubtful.iter().all(|text| text == "unquantified: Demerger"), "{name}: {doubtful:#?}");
    }
}

/// The bundle of reports prints the same announcements in capitals, cut after 24 characters.
#[test]
fn amounts_survive_the_short_spelling_of_the_report_bundle() {
    for (short, long) in [
        ("AGM/DIV - RS 1.75 PER SH", "Annual General Meeting/Dividend - Rs 1.75 Per Share"),
        ("DISTRTN-RS 2.15 PR UNT", "Distribution - Rs 2.15 Per Unit"),
        ("INT DIV - RS 5 PER SH", "Interim Dividend - Rs 5 Per Share"),
    ] {
        let numbers = |subject: &str| -> Vec<_> {
            text::read(subject, None).legs.into_iter().map(|leg| (leg.action, leg.ratio, leg.amount)).collect()
        };
        assert_eq!(numbers(short), numbers(long));
    }
}
