//! The books of a file of filings: each is published, set aside, or left out because it is of another date.

use std::collections::BTreeMap;

use champion_market_data::{Era, RowCounts, TradeDate};

use super::filing::{Broken, Filing};
use crate::{Refusal, RefusalCode, RefusedRow, Request, RuleCode};

/// Refused filings kept of a file that is refused.
const MAX_REPORTED_ROWS: usize = 10_000;
/// Bytes of a refused filing that are kept.
const MAX_RAW_BYTES: usize = 4096;

/// What has been read so far.
#[derive(Debug)]
pub(super) struct Books {
    requested: Option<TradeDate>,
    /// The filings to publish, with the date each is kept under.
    pub(super) filings: Vec<(Filing, TradeDate)>,
    rows: Vec<RefusedRow>,
    quarantined: u64,
    filtered: u64,
    failures: BTreeMap<&'static str, u64>,
}

/// The books of an accepted file.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) counts: RowCounts,
    pub(super) filings: Vec<(Filing, TradeDate)>,
    pub(super) rows: Vec<RefusedRow>,
    pub(super) failures: BTreeMap<&'static str, u64>,
}

impl Books {
    /// Opens the books.
    pub(super) fn new(requested: Option<TradeDate>) -> Self {
        let (filings, rows, failures) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { requested, filings, rows, quarantined: 0, filtered: 0, failures }
    }

    /// Books a filing, read or broken. `line` is its line in a CSV file, its ordinal in a JSON list.
    pub(super) fn enter(&mut self, line: u64, raw: &[u8], filing: Result<Filing, Broken>) {
        match filing.and_then(|filing| Ok((self.date_of(&filing)?, filing))) {
            Ok((Some(date), filing)) => self.filings.push((filing, date)),
            Ok((None, _)) => self.filtered += 1,
            Err(broken) => self.set_aside(line, raw, broken),
        }
    }

    /// Returns the date a filing is kept under, `None` if it is of another date than asked for.
    ///
    /// That is the ex-date. A filing whose ex-date is not fixed yet (`-`) is kept under the date it was asked for, and
    /// in a file that was asked for no date under its record date.
    fn date_of(&self, filing: &Filing) -> Result<Option<TradeDate>, Broken> {
        match (self.requested, filing.ex_date) {
            (Some(requested), Some(ex_date)) => Ok((requested == ex_date).then_some(requested)),
            (Some(requested), None) => Ok(Some(requested)),
            (None, Some(ex_date)) => Ok(Some(ex_date)),
            (None, None) => filing.record_date.map(Some).ok_or_else(|| {
                let reason = "fields exDate and recDate are empty: no date to keep the filing under";
                Broken::new(RuleCode::MissingValue, reason)
            }),
        }
    }

    #[cold]
    fn set_aside(&mut self, line: u64, raw: &[u8], broken: Broken) {
        self.quarantined += 1;
        *self.failures.entry(broken.code.as_str()).or_insert(0) += 1;
        if self.rows.len() < MAX_REPORTED_ROWS {
            let raw = String::from_utf8_lossy(&raw[..raw.len().min(MAX_RAW_BYTES)]).into_owned();
            self.rows.push(RefusedRow { line, code: broken.code, reason: broken.reason, raw });
        }
    }

    fn counts(&self) -> RowCounts {
        let published = self.filings.len() as u64;
        let rows_in = published + self.quarantined + self.filtered;
        RowCounts { rows_in, published, quarantined: self.quarantined, filtered: self.filtered }
    }

    /// Refuses the whole file for a reason that only shows once its filings have been read.
    pub(super) fn refuse(self, era: Era, code: RefusalCode, reason: String) -> Refusal {
        let rows_in = self.counts().rows_in;
        Refusal::new(code, reason).of_era(era).of_date(self.common_date()).after_rows(rows_in, self.rows)
    }

    /// Judges the file as a whole. A file without filings is a good one: on most days some exchange has none.
    pub(super) fn close(self, era: Era, request: &Request) -> Result<Closed, Refusal> {
        let counts = self.counts();
        let RowCounts { rows_in, published, quarantined, filtered } = counts;
        let bearable = rows_in as f64 * request.limits.max_quarantined_ratio;
        let too_many = quarantined >= request.limits.min_quarantined_rows && quarantined as f64 > bearable;
        if quarantined > 0 && (too_many || published + filtered == 0) {
            let first = self.rows.first().map(|row| format!("; first: {row}")).unwrap_or_default();
            let reason = format!("{quarantined} of {rows_in} filings are refused{first}");
            return Err(self.refuse(era, RefusalCode::TooManyBadRows, reason));
        }
        Ok(Closed { counts, filings: self.filings, rows: self.rows, failures: self.failures })
    }

    /// Returns the date all filings are kept under, if it is one.
    pub(super) fn common_date(&self) -> Option<TradeDate> {
        common_date(&self.filings)
    }
}

/// Returns the date all filings are kept under, if it is one.
pub(super) fn common_date(filings: &[(Filing, TradeDate)]) -> Option<TradeDate> {
    let (_, first) = filings.first()?;
    filings.iter().all(|(_, date)| date == first).then_some(*first)
}
