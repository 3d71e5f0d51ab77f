//! What the mirror serves: recorded files or the generated market, behind one set of questions.

mod archive;
mod holidays;

use std::io;

use champion_market_data::{Dataset, TradeDate};

pub(crate) use archive::Archive;

use crate::filing::{self, Filing};
use crate::market::{GeneratedMarket, Sessions};
use crate::report::{self, DatedFile, Query};
use crate::served::Served;

/// The older alias of the file archive; it serves the same paths.
const ARCHIVE_ALIAS: &str = "archives.nseindia.com";
/// How far back the file of an earlier session is looked for: no market pauses longer.
const SESSIONS_BACK: usize = 30;

/// Recorded files or the generated market.
#[derive(Debug)]
pub(crate) enum Source {
    /// A folder of files.
    Archive(Archive),
    /// A market made from a seed.
    Market(Box<GeneratedMarket>),
}

impl Source {
    /// Returns the file of a host and path, or nothing where there is none. Blocking.
    pub(crate) fn file(&self, host: &str, path: &str) -> io::Result<Option<Served>> {
        let host = if host == ARCHIVE_ALIAS { report::ARCHIVE_HOST } else { host };
        match self {
            Self::Archive(archive) => archive.file(host, path),
            Self::Market(market) => market.file(host, path),
        }
    }

    /// Returns the days the market trades.
    pub(crate) fn sessions(&self) -> &Sessions {
        match self {
            Self::Archive(archive) => archive.sessions(),
            Self::Market(market) => market.sessions(),
        }
    }

    /// Answers a question to the site's API, or nothing where it has no such question.
    pub(crate) fn api(&self, path: &str, query: &Query) -> Option<Served> {
        let json = "application/json; charset=utf-8";
        match path {
            report::ACTIONS_PATH => {
                let filings = self.actions(query);
                let (body, content_type) = if query.get("csv") == Some("true") {
                    (filing::to_csv(&filings), "text/csv")
                } else {
                    (filing::to_json(&filings), json)
                };
                Some(Served::new(body.into(), content_type, None))
            }
            report::HOLIDAYS_PATH => {
                let body = match self {
                    Self::Archive(archive) => archive.holidays(query),
                    Self::Market(market) => holidays::of_calendar(market.sessions(), query),
                };
                Some(Served::new(body.into(), json, None))
            }
            _ => None,
        }
    }

    /// Returns the filings of a query; the sources know those of the index `equities` only.
    fn actions(&self, query: &Query) -> Vec<Filing> {
        let (Some(from), Some(to)) = (query.day("from_date"), query.day("to_date")) else { return Vec::new() };
        if query.get("index").is_some_and(|index| index != "equities") {
            return Vec::new();
        }
        let mut filings = match self {
            Self::Archive(archive) => archive.filings(from, to),
            Self::Market(market) => market.filings(from, to),
        };
        if let Some(symbol) = query.get("symbol") {
            filings.retain(|filing| filing.symbol == symbol);
        }
        filings
    }

    /// Returns the same report of another date: the given one, or the nearest earlier session that has a file.
    pub(crate) fn other_day(
        &self,
        file: DatedFile,
        wanted: Option<TradeDate>,
    ) -> io::Result<Option<(TradeDate, Served)>> {
        let mut date = wanted.or_else(|| self.sessions().before(file.date));
        for _ in 0..SESSIONS_BACK {
            let Some(day) = date else { break };
            if let Some(served) = self.report_of(file.dataset, file, day)? {
                return Ok(Some((day, served)));
            }
            date = if wanted.is_some() { None } else { self.sessions().before(day) };
        }
        Ok(None)
    }

    /// Returns the report of a day in the form of `file`, or in the form of that day when the former did not exist.
    fn report_of(&self, dataset: Dataset, file: DatedFile, day: TradeDate) -> io::Result<Option<Served>> {
        let reports = dataset.reports(day);
        let same_era = reports.iter().find(|report| report.era == file.era);
        match same_era.or(reports.first()) {
            Some(report) => self.file(report.host, &report.path),
            None => Ok(None),
        }
    }
}
