//! The previous session under today's date: a good file of the right day whose rows are those of the day before.
//!
//! No two sessions are alike: of the 2,790 lines of 2025-02-21 two (0.07 %) stand with the same prices and volume in the
//! file of 2025-02-20, and of five more real pairs none shares a tenth of a percent. More than nine tenths is a copy.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use champion_decode::{Request, decode};
use champion_market_data::{Dataset, Exchange, Sha256, TradeDate};

/// Share of identical rows above which a file is a copy.
const COPIED_ABOVE: f64 = 0.9;
/// Fewer rows than this prove nothing.
const LEAST_ROWS: u64 = 50;
/// What makes a line of a session: who, at what prices, how much.
const COLUMNS: [&str; 9] = ["symbol", "series", "open", "high", "low", "close", "last", "volume", "turnover"];

/// The rows of a session as hashes of identity, prices and volume, with how often each occurs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    counts: HashMap<u64, u64>,
    total: u64,
}

impl Rows {
    /// Reads the rows of a file, which takes time; `None` where the dataset has no sessions or the file does not decode.
    pub(crate) fn of(bytes: &[u8], dataset: Dataset, exchange: Exchange, date: TradeDate) -> Option<Self> {
        match dataset {
            Dataset::Bhavcopy | Dataset::FullBhavcopy => {}
            // Filings of two days have no prices to compare, and a day may well have none.
            Dataset::CorporateActions => return None,
        }
        let decoded = decode(bytes, &Request::new(dataset, exchange, Some(date))).ok()?;
        let is_one = |batch: &RecordBatch| COLUMNS.iter().all(|name| batch.column_by_name(name).is_some());
        let batch = decoded.tables.into_iter().map(|(_, batch)| batch).find(is_one)?;
        let options = FormatOptions::default();
        let columns: Vec<ArrayFormatter<'_>> = COLUMNS
            .iter()
            .filter_map(|name| {
                ArrayFormatter::try_new(batch.column_by_name(name)?.as_ref() as &dyn Array, &options).ok()
            })
            .collect();
        let mut rows = Self::default();
        for row in 0..batch.num_rows() {
            let mut hasher = DefaultHasher::new();
            for column in &columns {
                hasher.write(column.value(row).to_string().as_bytes());
                hasher.write_u8(0xff);
            }
            rows.add(hasher.finish());
        }
        Some(rows)
    }

    fn add(&mut self, row: u64) {
        *self.counts.entry(row).or_default() += 1;
        self.total += 1;
    }

    /// Returns which share of these rows, 0 to 1, stands in the other session too; each of its rows counts once.
    pub(crate) fn share_in(&self, other: &Self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        let found = |(row, count): (&u64, &u64)| other.counts.get(row).map_or(0, |there| *there.min(count));
        self.counts.iter().map(found).sum::<u64>() as f64 / self.total as f64
    }

    /// Tells whether these rows are those of the previous session, and returns the share.
    pub(crate) fn copied_from(&self, previous: &Self) -> Option<f64> {
        let share = self.share_in(previous);
        (self.total >= LEAST_ROWS && share > COPIED_ABOVE).then_some(share)
    }
}

/// Rows of the files that were looked into last: in a backfill, today's file is tomorrow's previous one.
#[derive(Debug, Default)]
pub(crate) struct Lately(Mutex<VecDeque<(Sha256, Arc<Rows>)>>);

/// Sessions that are remembered, of some 60 kB each: those of the fetches that run at the same time, and their neighbours.
const REMEMBERED: usize = 32;

impl Lately {
    /// Returns the rows of a file, from memory or by `read`.
    pub(crate) fn rows(&self, sha256: Sha256, read: impl FnOnce() -> Option<Rows>) -> Option<Arc<Rows>> {
        let known = self.files().iter().find(|(known, _)| *known == sha256).map(|(_, rows)| Arc::clone(rows));
        if known.is_some() {
            return known;
        }
        let rows = Arc::new(read()?);
        let mut files = self.files();
        files.truncate(REMEMBERED - 1);
        files.push_front((sha256, Arc::clone(&rows)));
        Some(rows)
    }

    fn files(&self) -> MutexGuard<'_, VecDeque<(Sha256, Arc<Rows>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: impl IntoIterator<Item = u64>) -> Rows {
        let mut all = Rows::default();
        rows.into_iter().for_each(|row| all.add(row));
        all
    }

    #[test]
    fn promise_11_more_than_nine_tenths_of_the_previous_session_is_a_copy() {
        let previous = rows(0..100);
        for (new, copied) in [
            (rows(0..100), true),
            (rows((0..91).chain(500..509)), true),
            (rows((0..90).chain(500..510)), false),
            (rows(500..600), false),
            (rows(0..49), false), // too few to prove anything
            (rows(0..50), true),
            (rows(std::iter::repeat_n(7, 100)), false), // one row of the previous session, a hundred times
            (rows([]), false),
        ] {
            assert_eq!(new.copied_from(&previous).is_some(), copied, "{} rows", new.total);
        }
        assert_eq!(rows(0..100).copied_from(&Rows::default()), None);
    }

    #[test]
    fn a_file_is_looked_into_once_while_it_is_remembered() {
        let lately = Lately::default();
        let file = |number: usize| Sha256::of(&number.to_le_bytes());
        for number in 0..=REMEMBERED {
            assert!(lately.rows(file(number), || Some(rows(0..3))).is_some());
        }
        assert_eq!(lately.rows(file(REMEMBERED), || None).as_deref(), Some(&rows(0..3)));
        assert_eq!(lately.rows(file(0), || None), None, "the oldest is forgotten");
    }

    #[test]
    fn filings_and_files_that_do_not_decode_are_not_compared() {
        let date = "2025-02-24".parse().expect("a date");
        assert_eq!(Rows::of(b"[]", Dataset::CorporateActions, Exchange::Nse, date), None);
        assert_eq!(Rows::of(b"<html>", Dataset::FullBhavcopy, Exchange::Nse, date), None);
    }

    /// Real neighbours from the folder beside the checkout, where it is there.
    #[test]
    fn real_neighbours_differ_nearly_everywhere() {
        let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/exchange-mirror");
        let folder = std::env::var("CHAMPION_EXCHANGE_ARCHIVE").unwrap_or_else(|_| default.to_owned());
        let read = |day: &str| {
            let date: TradeDate = day.parse().expect("a date");
            let report = Dataset::FullBhavcopy.report(date);
            let bytes = std::fs::read(format!("{folder}/{}{}", report.host, report.path)).ok()?;
            Rows::of(&bytes, Dataset::FullBhavcopy, Exchange::Nse, date)
        };
        let (Some(thursday), Some(friday)) = (read("2025-02-20"), read("2025-02-21")) else { return };
        let share = friday.share_in(&thursday);
        assert!(thursday.total > 2_000 && friday.total > 2_000);
        assert!(share < 0.01, "{share} of {} rows", friday.total);
        assert!(friday.share_in(&friday) > 0.999);
    }
}
