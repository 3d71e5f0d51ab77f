//! What the generated market publishes: dated files, filings, holidays.

use std::fmt;
use std::io;

use bytes::Bytes;
use champion_market_data::{Dataset, DayKind, Era, TradeDate};
use chrono::{DateTime, Duration, Utc};

use super::cache::Cache;
use super::format::{full, legacy, udiff, zipped};
use super::instrument::Instrument;
use super::sessions::Sessions;
use super::{day, filings, universe};
use crate::filing::{self, Filing};
use crate::report::{self, DatedFile};
use crate::served::{self, Served};

/// A market that exists only as a function of its seed.
///
/// Every file is computed for its date alone, in any order, and is the same in every process.
///
/// ```
/// use champion_exchange_mirror::GeneratedMarket;
///
/// let market = GeneratedMarket::new(7, 0);
/// let path = "/products/content/sec_bhavdata_full_24022025.csv";
/// let file = market.file("nsearchives.nseindia.com", path)?.expect("a session");
/// assert!(file.bytes.starts_with(b"SYMBOL, SERIES, DATE1, PREV_CLOSE"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct GeneratedMarket {
    sessions: Sessions,
    universe: Vec<Instrument>,
    cache: Cache,
    last_date: Option<TradeDate>,
}

impl fmt::Debug for GeneratedMarket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeneratedMarket").field("lines", &self.universe.len()).finish_non_exhaustive()
    }
}

/// Year, month and day.
type Ymd = (i32, u32, u32);
/// A Sunday on which `sec_bhavdata_full` answered with the Friday's content, as it does on weekday holidays.
const SERVED_SUNDAY: Ymd = (2024, 7, 28);
/// Files of `sec_bhavdata_full` that hold another day's data to this day: date of the file, date of its content.
const SPOILT_FULL: [(Ymd, Ymd); 3] =
    [((2019, 9, 30), (2019, 6, 27)), ((2019, 10, 2), (2019, 10, 1)), ((2021, 11, 4), (2021, 11, 3))];
/// Minutes after midnight IST at which the files of a day appear.
const BHAVCOPY_MINUTE: i64 = 17 * 60 + 35;
const FULL_MINUTE: i64 = 18 * 60 + 45;

impl GeneratedMarket {
    /// Draws the market of a seed; finished files are kept in memory up to so many bytes.
    #[must_use]
    pub fn new(seed: u64, cache_bytes: usize) -> Self {
        let sessions = Sessions::new();
        let universe = universe::draw(seed, &sessions);
        Self { sessions, universe, cache: Cache::new(cache_bytes), last_date: None }
    }

    /// Publishes nothing after a date.
    #[must_use]
    pub const fn until(mut self, last_date: Option<TradeDate>) -> Self {
        self.last_date = last_date;
        self
    }

    /// Returns the days the market trades.
    #[must_use]
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Returns the file of a host and path, or nothing where the exchange has none.
    ///
    /// # Errors
    ///
    /// Fails when the archive around a file cannot be written, which memory does not refuse.
    pub fn file(&self, host: &str, path: &str) -> io::Result<Option<Served>> {
        let Some(wanted) = report::dated_file(host, path) else { return Ok(None) };
        if self.last_date.is_some_and(|last| wanted.date > last) {
            return Ok(None);
        }
        if let Some(served) = self.cache.get(path) {
            return Ok(Some(served));
        }
        let Some(content_date) = self.content_date(wanted) else { return Ok(None) };
        let name = path.rsplit('/').next().unwrap_or(path);
        let served = self.publish(name, wanted, content_date)?;
        self.cache.put(path, served.clone());
        Ok(Some(served))
    }

    /// Returns the date whose session a file holds, or nothing where there is no file.
    fn content_date(&self, wanted: DatedFile) -> Option<TradeDate> {
        if wanted.dataset != Dataset::FullBhavcopy {
            return self.sessions.is_session(wanted.date).then_some(wanted.date);
        }
        let is = |day: Ymd| TradeDate::from_ymd(day.0, day.1, day.2);
        if let Some((_, content)) = SPOILT_FULL.iter().find(|(file, _)| is(*file) == Some(wanted.date)) {
            return is(*content);
        }
        match self.sessions.kind(wanted.date) {
            DayKind::Trading | DayKind::Muhurat | DayKind::Special => Some(wanted.date),
            DayKind::Holiday => self.sessions.before(wanted.date),
            DayKind::Weekend if is(SERVED_SUNDAY) == Some(wanted.date) => self.sessions.before(wanted.date),
            DayKind::Weekend | DayKind::Unknown => None,
        }
    }

    fn publish(&self, name: &str, wanted: DatedFile, date: TradeDate) -> io::Result<Served> {
        let rows = day::rows(&self.universe, &self.sessions, date);
        let text = match wanted.era {
            Era::LegacyL1 | Era::LegacyL2 => legacy::write(&rows, date, wanted.era),
            Era::Udiff => udiff::write(&rows, date),
            Era::Full | Era::ApiJson | Era::ApiCsv => full::write(&rows, date),
        };
        let minute = if wanted.dataset == Dataset::FullBhavcopy { FULL_MINUTE } else { BHAVCOPY_MINUTE };
        let modified = published_at(date, minute);
        let bytes = match name.strip_suffix(".zip") {
            Some(member) => zipped::pack(member, &text, Some(date))?,
            None => text,
        };
        Ok(Served::new(Bytes::from(bytes), served::content_type(name), modified))
    }

    /// Returns the filings whose ex-date lies in the window, both ends included.
    pub(crate) fn filings(&self, from: TradeDate, to: TradeDate) -> Vec<Filing> {
        filings::in_window(&self.universe, &self.sessions, (from, to))
    }

    /// Returns the API's answer for a window of ex-dates as JSON.
    #[must_use]
    pub fn filings_json(&self, from: TradeDate, to: TradeDate) -> Vec<u8> {
        filing::to_json(&self.filings(from, to))
    }
}

fn published_at(date: TradeDate, minute: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(date.midnight_ist_unix_seconds(), 0).map(|midnight| midnight + Duration::minutes(minute))
}
