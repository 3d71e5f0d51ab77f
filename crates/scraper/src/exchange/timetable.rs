//! When a host may be asked, agreed upon by every process on the lake.
//!
//! The agreement is a register in the lake, `state/hosts/<host>.json` ([`HostRegister`]), and not a lease held by the
//! orchestrator: every scraper has the lake anyway, no further service has to live, it outlasts restarts, and two
//! orchestrators on two machines share it. Each request takes the next free slot by a compare-and-swap. A pace faster than
//! one request in [`BATCH`] takes the slots of that time at once, so that the register costs little: one change takes
//! 0.5 ms, one look 0.05 ms on a busy machine with a local disk.
//!
//! A register that cannot be read or written stops nobody: the process says so once and keeps its own pace and its own
//! silence until the register is back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use champion_lake::{Change, Lake, LakeError};
use champion_retry::Deadline;
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::Source;
use super::guard::{Guard, Silence};
use super::pace::Pace;
use super::register::HostRegister;
use crate::config::{Config, seconds};
use crate::{Clock, FetchError};

/// Slots for this time are taken at once.
const BATCH: TimeDelta = TimeDelta::milliseconds(50);
/// Most slots taken at once.
const MOST_SLOTS: i64 = 64;

/// The time table of one host.
#[derive(Debug)]
pub(crate) struct Timetable {
    source: Source,
    lake: Lake,
    key: String,
    clock: Clock,
    guard: Arc<Guard>,
    /// Space between two requests; `None` is unlimited.
    interval: Option<TimeDelta>,
    jitter: f64,
    /// Longest silence a host can ask for.
    longest_hold: Duration,
    block: Duration,
    /// Beyond this a time in the register is a clock's mistake.
    longest: TimeDelta,
    /// Slots taken and not used yet.
    slots: Mutex<VecDeque<DateTime<Utc>>>,
    /// What is kept while the register is out of reach.
    own: Pace,
    out_of_reach: AtomicBool,
    /// Resets by operators that this process has followed; [`NEVER_LOOKED`] before the first look.
    resets: AtomicU64,
}

const NEVER_LOOKED: u64 = u64::MAX;

/// Why there is no turn.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The source is not asked.
    Silent(Silence),
    /// The fetch fails.
    Failed(FetchError),
}

impl From<FetchError> for Stop {
    fn from(error: FetchError) -> Self {
        Self::Failed(error)
    }
}

/// What a look at the register gives a request.
enum Reserved {
    At(DateTime<Utc>),
    /// The host is blocked; the guard knows by now.
    Blocked,
    /// The first free slot is after the deadline.
    TooLate(&'static str),
}

impl Timetable {
    pub(crate) fn new(source: Source, config: &Config, lake: Lake, clock: Clock, guard: Arc<Guard>) -> Self {
        let pace = &config.pace;
        let block = seconds(config.breaker.block_seconds);
        let longest_hold = seconds(pace.longest_hold_seconds);
        let longest = block.max(longest_hold).max(seconds(config.limits.fetch_seconds));
        let interval = (pace.requests_per_second > 0.0).then(|| 1e6 / pace.requests_per_second);
        Self {
            source,
            lake,
            key: format!("state/hosts/{}.json", source.host()),
            clock,
            guard,
            interval: interval.map(|microseconds| TimeDelta::microseconds(microseconds as i64)),
            jitter: pace.jitter,
            longest_hold,
            block,
            longest: TimeDelta::from_std(longest).unwrap_or(TimeDelta::MAX),
            slots: Mutex::default(),
            own: Pace::new(pace),
            out_of_reach: AtomicBool::new(false),
            resets: AtomicU64::new(NEVER_LOOKED),
        }
    }

    /// Waits for the turn of one request.
    ///
    /// # Errors
    /// [`Stop::Silent`] when the host has blocked us; [`FetchError::Deadline`], at once, when the turn would come after
    /// the deadline: then no slot is taken.
    pub(crate) async fn turn(&self, deadline: Deadline) -> Result<(), Stop> {
        loop {
            let now = self.clock.now();
            let slot = match self.reserve(now, deadline).await {
                Ok(Reserved::At(slot)) => slot,
                Ok(Reserved::Blocked) => return self.guard.check(Instant::now()).map_err(Stop::Silent),
                Ok(Reserved::TooLate(waiting_for)) => return Err(FetchError::Deadline { waiting_for }.into()),
                Err(error) => {
                    self.lost(&error);
                    return Ok(self.own.turn(deadline).await?);
                }
            };
            let wait = (slot - now).to_std().unwrap_or(Duration::ZERO);
            if wait.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(wait).await;
            // Meanwhile the host may have blocked another process, or asked it for silence.
            match self.look().await {
                Some(register) if register.blocked(self.clock.now()).is_some() => {
                    return self.guard.check(Instant::now()).map_err(Stop::Silent);
                }
                Some(register) if register.not_before.is_some_and(|until| until > slot) => {}
                Some(_) | None => return Ok(()),
            }
        }
    }

    async fn reserve(&self, now: DateTime<Utc>, deadline: Deadline) -> Result<Reserved, LakeError> {
        let left = TimeDelta::from_std(deadline.remaining(Instant::now())).unwrap_or(TimeDelta::MAX);
        let last = now + left;
        let Some(interval) = self.interval else {
            let register = self.read(now).await?;
            return Ok(may_go(&register, now, last).unwrap_or_else(|| Reserved::At(register.free_slot(now))));
        };
        // One at a time, so that the slots of one change serve everybody who waits here.
        let mut slots = self.slots.lock().await;
        while slots.front().is_some_and(|slot| *slot < now) {
            slots.pop_front();
        }
        if let Some(slot) = slots.front().copied().filter(|slot| *slot < last) {
            let register = self.read(now).await?;
            if let Some(stop) = may_go(&register, now, last) {
                return Ok(stop);
            }
            if register.held(now).is_none_or(|until| until <= slot) {
                slots.pop_front();
                return Ok(Reserved::At(slot));
            }
        }
        let spaces = self.spaces(interval);
        let taken = self
            .change(now, |register| match may_go(register, now, last) {
                Some(stop) => Err(stop),
                None => Ok(register.take(now, &spaces)),
            })
            .await?;
        match taken {
            Err(stop) => Ok(stop),
            Ok(taken) => {
                *slots = taken.into();
                Ok(Reserved::At(slots.pop_front().unwrap_or(now)))
            }
        }
    }

    /// Draws the spaces after the slots that are taken at once.
    fn spaces(&self, interval: TimeDelta) -> Vec<TimeDelta> {
        let microseconds = interval.num_microseconds().unwrap_or(i64::MAX).max(1);
        let slots = (BATCH.num_microseconds().unwrap_or(0) / microseconds).clamp(1, MOST_SLOTS);
        let mut rng = rand::rng();
        let longer = |share: f64| TimeDelta::microseconds((microseconds as f64 * (1.0 + self.jitter * share)) as i64);
        (0..slots).map(|_| longer(rng.random_range(0.0..=1.0))).collect()
    }

    /// Looks at the register and follows what it says about blocks and resets; `None` when it is out of reach.
    pub(crate) async fn look(&self) -> Option<HostRegister> {
        match self.read(self.clock.now()).await {
            Ok(register) => Some(register),
            Err(error) => {
                self.lost(&error);
                None
            }
        }
    }

    /// Keeps every process silent towards the host: it has blocked us.
    pub(crate) async fn silence(&self, reason: &str) {
        self.guard.silence(Instant::now(), self.block, reason);
        let now = self.clock.now();
        let until = now + TimeDelta::from_std(self.block).unwrap_or(self.longest);
        if let Err(error) = self.change(now, |register| register.block(until, reason)).await {
            self.lost(&error);
        }
    }

    /// Lets no process ask before the host's time has come; no answer silences a host for longer than configured.
    pub(crate) async fn hold(&self, asked: Duration) {
        let wait = asked.min(self.longest_hold);
        self.own.hold(Instant::now() + wait);
        let now = self.clock.now();
        let until = now + TimeDelta::from_std(wait).unwrap_or(self.longest);
        if let Err(error) = self.change(now, |register| register.hold(until)).await {
            self.lost(&error);
        }
    }

    /// Forgets block, silence and failures here and, at their next look, in every other process.
    ///
    /// # Errors
    /// Fails when the register cannot be changed; then only this process has forgotten.
    pub(crate) async fn reset(&self, by: &str) -> Result<(), LakeError> {
        self.guard.reset();
        self.own.release();
        let now = self.clock.now();
        warn!(source = %self.source, by, "an operator has reset the source");
        self.change(now, |register| register.reset(now, by)).await
    }

    async fn read(&self, now: DateTime<Utc>) -> Result<HostRegister, LakeError> {
        let bytes = self.lake.get(&self.key).await?;
        let held = self.parse(bytes.as_ref());
        let register = held.clone().capped(now, self.longest);
        if register != held {
            // Written down, or a block that lies too far ahead would be cut anew at every look and never end.
            return self.change(now, |register| register.clone()).await;
        }
        self.follow(&register, now);
        Ok(register)
    }

    async fn change<T: Send>(
        &self,
        now: DateTime<Utc>,
        change: impl Fn(&mut HostRegister) -> T + Send + Sync,
    ) -> Result<T, LakeError> {
        let (register, outcome) = self
            .lake
            .update(&self.key, |bytes| {
                let held = self.parse(bytes);
                let mut register = held.clone().capped(now, self.longest);
                let outcome = change(&mut register);
                if register == held {
                    return Change::Keep((register, outcome));
                }
                let json = serde_json::to_vec(&register).expect("a register is plain data");
                Change::Write(Bytes::from(json), (register, outcome))
            })
            .await?;
        self.follow(&register, now);
        Ok(outcome)
    }

    /// A register that cannot be understood is as good as none.
    fn parse(&self, bytes: Option<&Bytes>) -> HostRegister {
        let Some(bytes) = bytes else { return HostRegister::default() };
        serde_json::from_slice(bytes).unwrap_or_else(|error| {
            warn!(key = self.key, %error, "the host's register cannot be understood and begins anew");
            HostRegister::default()
        })
    }

    /// Makes the guard of this process agree with the register.
    fn follow(&self, register: &HostRegister, now: DateTime<Utc>) {
        if self.out_of_reach.swap(false, Ordering::Relaxed) {
            info!(source = %self.source, "the host's register is back");
        }
        let seen = self.resets.swap(register.resets, Ordering::Relaxed);
        if seen != NEVER_LOOKED && seen < register.resets {
            self.guard.reset();
            self.own.release();
        }
        if let Some(block) = register.blocked(now) {
            let left = (block.until - now).to_std().unwrap_or(Duration::ZERO);
            self.guard.silence(Instant::now(), left, &block.reason);
        }
    }

    fn lost(&self, error: &LakeError) {
        if !self.out_of_reach.swap(true, Ordering::Relaxed) {
            warn!(source = %self.source, %error, "the host's register is out of reach: this process keeps its own pace");
        }
    }
}

/// Tells why a request may not go, if it may not.
fn may_go(register: &HostRegister, now: DateTime<Utc>, last: DateTime<Utc>) -> Option<Reserved> {
    if register.blocked(now).is_some() {
        return Some(Reserved::Blocked);
    }
    let slot = register.free_slot(now);
    if slot < last {
        return None;
    }
    let held = register.held(now).is_some_and(|until| until >= last);
    Some(Reserved::TooLate(if held { "the silence the host asked for" } else { "the host's pace" }))
}
