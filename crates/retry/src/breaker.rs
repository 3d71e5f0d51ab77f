//! A circuit breaker over a sliding window of calls.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use thiserror::Error;

/// Settings of a [`Breaker`].
///
/// The window is small on purpose: with the usual minimum of 100 calls a job that runs once a day never trips.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerConfig {
    /// Calls the failure ratio is taken over.
    pub window: usize,
    /// Fewer recorded calls than this never open the breaker.
    pub min_calls: usize,
    /// Share of failures, 0 to 1, at which the breaker opens.
    pub failure_ratio: f64,
    /// How long it stays open before it lets probes through.
    pub open_for: Duration,
    /// Calls let through half-open; as many successes close the breaker.
    pub half_open_permits: usize,
    /// A probe without a result after this time counts as failed, so that a hung one holds nothing.
    pub permit_timeout: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            window: 10,
            min_calls: 5,
            failure_ratio: 0.5,
            open_for: Duration::from_secs(60),
            half_open_permits: 2,
            permit_timeout: Duration::from_secs(60),
        }
    }
}

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// A few probes go through.
    HalfOpen,
    /// No call goes through.
    Open,
}

impl BreakerState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    /// Returns the spelling in labels and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// How a call that was let through ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The source works.
    Success,
    /// The source fails.
    Failure,
    /// The call was given up before it told anything, for instance by its caller.
    Unknown,
}

/// Leave to make one call; it is handed back with the outcome.
#[derive(Debug)]
#[must_use = "a permit is handed back with `record`"]
pub struct Permit {
    epoch: u64,
    number: u64,
}

/// No call: the breaker is open, or all probes are out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the circuit breaker is {} for up to another {:.1} s", state.as_str(), retry_after.as_secs_f64())]
pub struct Rejected {
    /// The state that rejects.
    pub state: BreakerState,
    /// When asking again makes sense.
    pub retry_after: Duration,
}

/// What an operator sees of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerView {
    /// The state.
    pub state: BreakerState,
    /// Calls in the window, or in the window that opened the breaker.
    pub calls: usize,
    /// How many of them failed.
    pub failures: usize,
    /// When it opened, while it is not closed.
    pub opened_at: Option<Instant>,
    /// When it lets probes through, while it is open.
    pub retry_at: Option<Instant>,
}

/// A circuit breaker: closed until the window shows too many failures, then open, then half-open.
#[derive(Debug)]
pub struct Breaker {
    config: BreakerConfig,
    phase: Phase,
    /// Counts changes of state: the result of a call let through in an earlier state says nothing about this one.
    epoch: u64,
    next_number: u64,
    /// When it last opened, and calls and failures of the window then.
    opened: Option<(Instant, usize, usize)>,
}

#[derive(Debug)]
enum Phase {
    Closed { failed: VecDeque<bool> },
    Open { until: Instant },
    HalfOpen { probes: Vec<Probe>, successes: usize },
}

#[derive(Debug)]
struct Probe {
    number: u64,
    expires: Instant,
}

impl Breaker {
    /// Makes a closed breaker.
    #[must_use]
    pub const fn new(config: BreakerConfig) -> Self {
        Self { config, phase: Phase::Closed { failed: VecDeque::new() }, epoch: 0, next_number: 0, opened: None }
    }

    /// Returns the state as of the last operation.
    #[must_use]
    pub const fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Returns what an operator sees.
    #[must_use]
    pub fn view(&mut self, now: Instant) -> BreakerView {
        self.advance(now);
        let (calls, failures) = self.seen();
        let opened_at = match self.phase {
            Phase::Closed { .. } => None,
            Phase::Open { .. } | Phase::HalfOpen { .. } => self.opened.map(|(at, ..)| at),
        };
        let retry_at = match self.phase {
            Phase::Open { until } => Some(until),
            Phase::Closed { .. } | Phase::HalfOpen { .. } => None,
        };
        BreakerView { state: self.state(), calls, failures, opened_at, retry_at }
    }

    /// Tells, without taking a permit, whether a call would be rejected now.
    ///
    /// # Errors
    /// [`Rejected`] as [`Breaker::try_acquire`] would answer.
    pub fn check(&mut self, now: Instant) -> Result<(), Rejected> {
        self.advance(now);
        match &self.phase {
            Phase::Closed { .. } => Ok(()),
            Phase::Open { until } => {
                Err(Rejected { state: BreakerState::Open, retry_after: until.saturating_duration_since(now) })
            }
            Phase::HalfOpen { probes, successes } => {
                if probes.len() + successes < self.config.half_open_permits.max(1) {
                    return Ok(());
                }
                let first = probes.iter().map(|probe| probe.expires).min().unwrap_or(now);
                let retry_after = first.saturating_duration_since(now);
                Err(Rejected { state: BreakerState::HalfOpen, retry_after })
            }
        }
    }

    /// Asks to make a call.
    ///
    /// # Errors
    /// [`Rejected`] while the breaker is open, or half-open with all probes out.
    pub fn try_acquire(&mut self, now: Instant) -> Result<Permit, Rejected> {
        self.check(now)?;
        self.next_number += 1;
        let permit = Permit { epoch: self.epoch, number: self.next_number };
        if let Phase::HalfOpen { probes, .. } = &mut self.phase {
            probes.push(Probe { number: permit.number, expires: now + self.config.permit_timeout });
        }
        Ok(permit)
    }

    /// Hands a permit back with what the call showed.
    pub fn record(&mut self, permit: Permit, outcome: Outcome, now: Instant) {
        self.advance(now);
        if permit.epoch != self.epoch {
            return;
        }
        match &mut self.phase {
            Phase::Open { .. } => {}
            Phase::Closed { failed } => {
                match outcome {
                    Outcome::Success => failed.push_back(false),
                    Outcome::Failure => failed.push_back(true),
                    Outcome::Unknown => return,
                }
                while failed.len() > self.config.window.max(1) {
                    failed.pop_front();
                }
                if too_many_failures(failed, &self.config) {
                    self.open(now, self.config.open_for);
                }
            }
            Phase::HalfOpen { probes, successes } => {
                probes.retain(|probe| probe.number != permit.number);
                match outcome {
                    Outcome::Unknown => {}
                    Outcome::Failure => self.open(now, self.config.open_for),
                    Outcome::Success => {
                        *successes += 1;
                        if *successes >= self.config.half_open_permits.max(1) {
                            self.reset();
                        }
                    }
                }
            }
        }
    }

    /// Opens the breaker for at least this long, whatever the window says: the source has blocked us.
    pub fn force_open(&mut self, now: Instant, at_least: Duration) {
        let asked = now + at_least;
        match &mut self.phase {
            Phase::Open { until } => *until = asked.max(*until),
            Phase::Closed { .. } | Phase::HalfOpen { .. } => self.open(now, at_least),
        }
    }

    /// Closes the breaker and forgets what it saw.
    pub fn reset(&mut self) {
        self.enter(Phase::Closed { failed: VecDeque::new() });
    }

    /// Does what the passing of time does: opens end, hung probes fail.
    fn advance(&mut self, now: Instant) {
        match &self.phase {
            Phase::Closed { .. } => {}
            Phase::Open { until } => {
                if now >= *until {
                    self.enter(Phase::HalfOpen { probes: Vec::new(), successes: 0 });
                }
            }
            Phase::HalfOpen { probes, .. } => {
                if probes.iter().any(|probe| now >= probe.expires) {
                    self.open(now, self.config.open_for);
                }
            }
        }
    }

    /// Returns calls and failures of the window, or of the one that opened the breaker.
    fn seen(&self) -> (usize, usize) {
        match &self.phase {
            Phase::Closed { failed } => (failed.len(), failed.iter().filter(|failed| **failed).count()),
            Phase::Open { .. } | Phase::HalfOpen { .. } => {
                self.opened.map_or((0, 0), |(_, calls, failures)| (calls, failures))
            }
        }
    }

    /// Opens; the window is kept for those who look.
    fn open(&mut self, now: Instant, time: Duration) {
        let (calls, failures) = self.seen();
        self.opened = Some((now, calls, failures));
        self.enter(Phase::Open { until: now + time });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
    }
}

fn too_many_failures(failed: &VecDeque<bool>, config: &BreakerConfig) -> bool {
    if failed.len() < config.min_calls.max(1) {
        return false;
    }
    let failures = failed.iter().filter(|failed| **failed).count();
    failures as f64 >= config.failure_ratio * failed.len() as f64 && failures > 0
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
