//! The calendar, as far as the exchange's holiday master extends the shipped one.
//!
//! The master is asked for the year after the shipped ones as soon as a session of it is wanted, and for the current year
//! when a report is long overdue; once a day and process, and never more: what it does not tell is unknown and is found
//! out by asking for the files. Its bytes lie in the lake for ever, the newest list of a year in a register beside
//! the others, so that a restart and the other scrapers on the lake know it, too.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use champion_decode::holiday_master;
use champion_lake::{Lake, LakeError};
use champion_market_data::{Calendar, HolidayList, Sha256, TradeDate};
use champion_retry::Deadline;
use tokio::sync::{Mutex, OnceCell};
use tracing::{info, warn};

use crate::exchange::{Exchange, Finding, Question};

/// Folder of the registers, one a year.
const LISTS: &str = "state/calendar/nse";
/// Folder of the bytes as received.
const MASTERS: &str = "calendar/nse";
/// Longest time a fetch is held up by the look.
const LONGEST_LOOK: Duration = Duration::from_secs(15);

/// The calendar and what was learnt.
#[derive(Debug)]
pub(crate) struct Almanac {
    lake: Lake,
    calendar: RwLock<Arc<Calendar>>,
    /// Day of the last look, by year.
    looked: Mutex<HashMap<i32, TradeDate>>,
    restored: OnceCell<()>,
}

/// For which session, on whose behalf.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) date: TradeDate,
    pub(crate) today: TradeDate,
    pub(crate) deadline: Deadline,
}

impl Almanac {
    pub(crate) fn new(lake: Lake) -> Self {
        let calendar = RwLock::new(Arc::new(Calendar::nse()));
        Self { lake, calendar, looked: Mutex::default(), restored: OnceCell::new() }
    }

    /// Returns the calendar as it is known now.
    pub(crate) fn calendar(&self) -> Arc<Calendar> {
        Arc::clone(&self.calendar.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the calendar for a session, after a look at the holiday master of a year that begins where the calendar ends.
    pub(crate) async fn consult(&self, look: Look<'_>) -> Result<Arc<Calendar>, LakeError> {
        self.restored.get_or_init(|| self.restore()).await;
        let next = self.calendar().coverage().1.next().month().0;
        if look.date.month().0 == next {
            self.look_once_a_day(look).await?;
        }
        Ok(self.calendar())
    }

    /// Returns the calendar for a session of this year whose report is long overdue: was the day closed at short notice?
    pub(crate) async fn explain(&self, look: Look<'_>) -> Result<Arc<Calendar>, LakeError> {
        if look.date.month().0 == look.today.month().0 {
            self.look_once_a_day(look).await?;
        }
        Ok(self.calendar())
    }

    async fn look_once_a_day(&self, look: Look<'_>) -> Result<(), LakeError> {
        let year = look.date.month().0;
        // Whoever comes while somebody looks goes on with what is known.
        if let Ok(mut looked) = self.looked.try_lock()
            && looked.get(&year) != Some(&look.today)
        {
            looked.insert(year, look.today);
            self.look(look.exchange, year, look.deadline).await?;
        }
        Ok(())
    }

    async fn look(&self, exchange: &Exchange, year: i32, deadline: Deadline) -> Result<(), LakeError> {
        let now = Instant::now();
        let deadline = Deadline::after(now, deadline.remaining(now).min(LONGEST_LOOK));
        let calendar = self.calendar();
        let body = match exchange.ask(Question::holiday_master(year, &calendar, deadline)).await {
            Ok(Finding::Fetched(fetched)) => fetched.answer.body,
            Ok(Finding::Judged(judgement)) => {
                warn!(year, class = judgement.class.as_str(), reason = judgement.reason, "no holiday master");
                return Ok(());
            }
            Err(error) => {
                warn!(year, %error, "holiday master not reached");
                return Ok(());
            }
        };
        match holiday_master(&body, year) {
            Ok(Some(list)) => self.keep(&body, &list).await,
            Ok(None) => {
                info!(year, "the holiday master knows nothing of the year yet");
                Ok(())
            }
            Err(refusal) => {
                warn!(year, reason = refusal.reason, "holiday master refused");
                Ok(())
            }
        }
    }

    async fn keep(&self, body: &Bytes, list: &HolidayList) -> Result<(), LakeError> {
        if !self.learn(list) {
            return Ok(());
        }
        let year = list.year;
        self.lake.put_if_absent(&format!("{MASTERS}/{year}/{}.json", Sha256::of(body)), body.clone()).await?;
        let json = serde_json::to_vec_pretty(list).expect("dates and texts always serialise");
        self.lake.publish(&format!("{LISTS}/{year}.json"), Bytes::from(json)).await?;
        info!(year, days = list.days.len(), "calendar extended by the holiday master");
        Ok(())
    }

    fn learn(&self, list: &HolidayList) -> bool {
        let mut calendar = self.calendar.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut calendar).learn(list)
    }

    /// Learns what earlier looks left in the lake, by year, for each extends the one before. What cannot be read is learnt
    /// anew from the exchange.
    async fn restore(&self) {
        let keys = self.lake.list(LISTS).await.unwrap_or_else(|error| {
            warn!(%error, "holiday lists cannot be read");
            Vec::new()
        });
        for key in keys {
            let list = match self.lake.get(&key).await {
                Ok(bytes) => serde_json::from_slice::<HolidayList>(&bytes.unwrap_or_default()),
                Err(error) => {
                    warn!(key, %error, "holiday list cannot be read");
                    continue;
                }
            };
            match list {
                Ok(list) => drop(self.learn(&list)),
                Err(error) => warn!(key, %error, "holiday list cannot be read"),
            }
        }
    }
}
