//! The books of one file: every row is published or set aside, and the file is judged as a whole at the end.

use std::collections::BTreeMap;

use champion_market_data::{RowCounts, TradeDate};

use super::header::Plan;
use super::row::Broken;
use crate::csv::Line;
use crate::{Limits, Refusal, RefusalCode, RefusedRow, Request, RuleCode};

/// Refused rows kept of a file that is refused; an accepted file keeps all of its own.
const MAX_REPORTED_ROWS: u64 = 10_000;

/// Bytes of a refused row that are kept.
const MAX_RAW_BYTES: usize = 4096;

/// What has been read so far.
#[derive(Debug)]
pub(crate) struct Books {
    rows_in: u64,
    published: u64,
    rows: Vec<RefusedRow>,
    keep: u64,
    failures: BTreeMap<RuleCode, Failures>,
    dates: Dates,
}

/// How many rows broke a rule, and what the first of them had to say.
#[derive(Debug)]
struct Failures {
    rows: u64,
    first: String,
}

impl Books {
    /// Opens the books of a text with so many lines.
    pub(crate) fn new(lines: u64, limits: &Limits) -> Self {
        // A file with more refused rows than this is refused itself, so that no more need be remembered.
        let bearable = (lines as f64 * limits.max_quarantined_ratio) as u64;
        Self {
            rows_in: 0,
            published: 0,
            rows: Vec::new(),
            keep: bearable.max(limits.min_quarantined_rows).max(MAX_REPORTED_ROWS),
            failures: BTreeMap::new(),
            dates: Dates::default(),
        }
    }

    /// Books a published row.
    pub(crate) fn publish(&mut self) {
        self.rows_in += 1;
        self.published += 1;
    }

    /// Books a row set aside.
    #[cold]
    pub(crate) fn set_aside(&mut self, line: Line<'_>, broken: Broken) {
        self.rows_in += 1;
        let of_rule = || Failures { rows: 0, first: format!("line {}: {}", line.number, broken.reason) };
        self.failures.entry(broken.code).or_insert_with(of_rule).rows += 1;
        if (self.rows.len() as u64) < self.keep {
            let raw = String::from_utf8_lossy(&line.bytes[..line.bytes.len().min(MAX_RAW_BYTES)]).into_owned();
            self.rows.push(RefusedRow { line: line.number, code: broken.code, reason: broken.reason, raw });
        }
    }

    /// Counts a row's date, whatever becomes of the row.
    pub(crate) fn count_date(&mut self, date: TradeDate) {
        self.dates.count(date);
    }

    /// Returns the date that most rows carry; of two with equally many the preferred one, else the earlier one.
    pub(crate) fn content_date(&self, preferred: Option<TradeDate>) -> Option<TradeDate> {
        self.dates.most(preferred)
    }

    /// Returns what the first row said that broke a rule which most rows break.
    fn prevailing(&self, code: RuleCode) -> Option<&str> {
        self.failures.get(&code).filter(|failures| failures.rows * 2 > self.rows_in).map(|failures| &*failures.first)
    }

    fn counts(&self) -> RowCounts {
        let quarantined = self.rows_in - self.published;
        RowCounts { rows_in: self.rows_in, published: self.published, quarantined, filtered: 0 }
    }

    /// Refuses the file because its last line ends in the middle: nothing says what else is missing behind it.
    pub(crate) fn cut_off(self, plan: &Plan, line: Line<'_>, found: usize) -> Refusal {
        let reason = format!(
            "line {} is cut off: expected {} fields, found {found}, and no line end follows",
            line.number, plan.width
        );
        let refusal = Refusal::new(RefusalCode::Truncated, reason).of_era(plan.layout.era);
        refusal.of_date(self.content_date(None)).after_rows(self.rows_in, self.rows)
    }

    /// Judges the file as a whole and closes the books.
    pub(crate) fn close(self, plan: &Plan, request: &Request) -> Result<Closed, Refusal> {
        let content_date = self.content_date(request.trade_date);
        let counts = self.counts();
        let refuse = |code, reason: String, rows| {
            let refusal = Refusal::new(code, reason).of_era(plan.layout.era).of_date(content_date);
            Err(refusal.after_rows(counts.rows_in, rows))
        };
        if counts.rows_in == 0 {
            return refuse(RefusalCode::NoRows, "the file has a header and no rows".to_owned(), Vec::new());
        }
        let strange = [RuleCode::BadDate, RuleCode::WrongSegment].into_iter().find_map(|code| self.prevailing(code));
        if let Some(first) = strange {
            return refuse(RefusalCode::WrongFormat, format!("most rows are not of this report; {first}"), Vec::new());
        }
        if let (Some(content), Some(requested)) = (content_date, request.trade_date)
            && content != requested
        {
            let reason = format!("the file holds {content}, asked for {requested}");
            return refuse(RefusalCode::StaleContent, reason, Vec::new());
        }
        let (Some(date), false) = (content_date, self.too_many(&request.limits)) else {
            let RowCounts { rows_in, quarantined, .. } = counts;
            let first = self.rows.first().map(|row| format!("; first: {row}")).unwrap_or_default();
            let reason = format!("{quarantined} of {rows_in} rows are refused{first}");
            return refuse(RefusalCode::TooManyBadRows, reason, self.rows);
        };
        let failures = self.failures.iter().map(|(code, failures)| (code.as_str(), failures.rows)).collect();
        Ok(Closed { date, counts, rows: self.rows, failures })
    }

    fn too_many(&self, limits: &Limits) -> bool {
        let quarantined = self.rows_in - self.published;
        let bearable = self.rows_in as f64 * limits.max_quarantined_ratio;
        self.published == 0 || (quarantined >= limits.min_quarantined_rows && quarantined as f64 > bearable)
    }
}

/// The books of an accepted file.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) date: TradeDate,
    pub(crate) counts: RowCounts,
    pub(crate) rows: Vec<RefusedRow>,
    pub(crate) failures: BTreeMap<&'static str, u64>,
}

/// How many rows carry which date. Rows of one date follow each other, so that the map is rarely touched.
#[derive(Debug, Default)]
pub(crate) struct Dates {
    current: Option<(TradeDate, u64)>,
    earlier: BTreeMap<TradeDate, u64>,
}

impl Dates {
    pub(crate) fn count(&mut self, date: TradeDate) {
        match &mut self.current {
            Some((current, rows)) if *current == date => *rows += 1,
            current => {
                if let Some((before, rows)) = current.replace((date, 1)) {
                    *self.earlier.entry(before).or_insert(0) += rows;
                }
            }
        }
    }

    pub(crate) fn most(&self, preferred: Option<TradeDate>) -> Option<TradeDate> {
        let mut all = self.earlier.clone();
        if let Some((date, rows)) = self.current {
            *all.entry(date).or_insert(0) += rows;
        }
        let rank = |date: TradeDate, rows: u64| (rows, Some(date) == preferred, std::cmp::Reverse(date));
        all.into_iter().max_by_key(|(date, rows)| rank(*date, *rows)).map(|(date, _)| date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_most_rows_wins_and_a_tie_goes_to_the_requested_one() {
        let date = |day| TradeDate::from_ymd(2024, 7, day).expect("a date");
        let mut dates = Dates::default();
        assert_eq!(dates.most(None), None);
        for day in [9, 8, 8, 9, 10] {
            dates.count(date(day));
        }
        assert_eq!(dates.most(None), Some(date(8)));
        assert_eq!(dates.most(Some(date(9))), Some(date(9)));
        assert_eq!(dates.most(Some(date(10))), Some(date(8)));
    }
}
