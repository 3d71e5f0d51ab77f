//! What keeps a source from being asked too much: breaker, silence after a block, retry budget.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use champion_retry::{
    Breaker, BreakerConfig, BreakerView, Budget, BudgetConfig, Deadline, Decision, Outcome, Permit, Policy, Rejected,
};
use chrono::{DateTime, Utc};
use tracing::{info, warn};

use crate::metrics::Metrics;
use crate::{Clock, Source};

/// The guard of one source, shared by all fetches.
#[derive(Debug)]
pub(crate) struct Guard {
    source: Source,
    clock: Clock,
    state: Mutex<State>,
    metrics: Metrics,
}

#[derive(Debug)]
struct State {
    breaker: Breaker,
    budget: Budget,
    blocked: Option<Block>,
    last_success: Option<DateTime<Utc>>,
    last_failure: Option<DateTime<Utc>>,
}

/// What an operator sees of a guard.
#[derive(Debug, Clone)]
pub(crate) struct GuardView {
    pub(crate) breaker: BreakerView,
    /// How long this process keeps silent because of a block, and what the host said.
    pub(crate) blocked: Option<(Duration, String)>,
    pub(crate) last_success: Option<DateTime<Utc>>,
    pub(crate) last_failure: Option<DateTime<Utc>>,
}

/// A block by the source.
#[derive(Debug, Clone)]
struct Block {
    until: Instant,
    reason: String,
}

/// Two ends of a block that lie closer together are one.
const SAME_BLOCK: Duration = Duration::from_secs(1);

/// Why a source is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It has blocked us, saying why; asking goes on after this time.
    Blocked(Duration, String),
    /// The breaker lets nothing through.
    Breaker(Rejected),
}

/// Leave for one request; given up without a result when it is dropped.
pub(crate) struct Leave<'a> {
    guard: &'a Guard,
    permit: Option<Permit>,
}

impl Guard {
    pub(crate) fn new(
        source: Source,
        breaker: BreakerConfig,
        budget: BudgetConfig,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let state = State {
            breaker: Breaker::new(breaker),
            budget: Budget::new(budget),
            blocked: None,
            last_success: None,
            last_failure: None,
        };
        Self { source, clock, state: Mutex::new(state), metrics }
    }

    /// Returns what an operator sees.
    pub(crate) fn view(&self, now: Instant) -> GuardView {
        let mut state = self.state();
        let from = state.breaker.state();
        let breaker = state.breaker.view(now);
        self.note_transition(from, &state);
        let blocked = state.blocked.as_ref().filter(|block| block.until > now);
        let blocked = blocked.map(|block| (block.until - now, block.reason.clone()));
        GuardView { breaker, blocked, last_success: state.last_success, last_failure: state.last_failure }
    }

    /// Tells, before anybody waits for the pace, whether the source is asked at all.
    pub(crate) fn check(&self, now: Instant) -> Result<(), Silence> {
        self.change(now, |state| state.breaker.check(now))
    }

    /// Asks to make one request.
    pub(crate) fn admit(&self, now: Instant) -> Result<Leave<'_>, Silence> {
        let permit = self.change(now, |state| state.breaker.try_acquire(now))?;
        Ok(Leave { guard: self, permit: Some(permit) })
    }

    /// Notes the first attempt of a fetch in the retry budget.
    pub(crate) fn first_attempt(&self, now: Instant) {
        self.state().budget.record_call(now);
    }

    /// Decides about another attempt.
    pub(crate) fn after_failure(
        &self,
        policy: &Policy,
        attempts: u32,
        retry_after: Option<Duration>,
        deadline: Deadline,
        now: Instant,
    ) -> Decision {
        policy.after_failure(attempts, retry_after, deadline, &mut self.state().budget, now, &mut rand::rng())
    }

    /// Keeps silent towards the source: it has blocked us, and a block is met by silence. A longer silence stays.
    pub(crate) fn silence(&self, now: Instant, time: Duration, reason: &str) {
        let mut state = self.state();
        let until = now + time;
        let known = state.blocked.as_ref().map(|block| block.until).filter(|known| *known > now);
        // The same block, read from the register again, ends at the same time but for the clocks' grain.
        if known.is_some_and(|known| known + SAME_BLOCK >= until) {
            return;
        }
        let from = state.breaker.state();
        state.breaker.force_open(now, time);
        state.blocked = Some(Block { until, reason: reason.to_owned() });
        self.note_transition(from, &state);
        let seconds = time.as_secs();
        warn!(source = %self.source, seconds, reason, "the source has blocked us and is not asked for a while");
    }

    /// Forgets failures and block: an operator knows better.
    pub(crate) fn reset(&self) {
        let mut state = self.state();
        let from = state.breaker.state();
        state.breaker.reset();
        state.blocked = None;
        self.note_transition(from, &state);
    }

    /// Runs an operation of the breaker and reports its change of state.
    fn change<T>(&self, now: Instant, operation: impl FnOnce(&mut State) -> Result<T, Rejected>) -> Result<T, Silence> {
        let mut state = self.state();
        let from = state.breaker.state();
        let result = operation(&mut state);
        self.note_transition(from, &state);
        result.map_err(|rejected| match state.blocked.as_ref().filter(|block| block.until > now) {
            Some(block) => Silence::Blocked(block.until - now, block.reason.clone()),
            None => Silence::Breaker(rejected),
        })
    }

    fn note_transition(&self, from: champion_retry::BreakerState, state: &State) {
        let to = state.breaker.state();
        if from != to {
            self.metrics.breaker_transition(self.source, from, to);
            info!(source = %self.source, from = from.as_str(), to = to.as_str(), "the circuit breaker changed its state");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// Hands the leave back with what the request showed about the source.
    pub(crate) fn report(mut self, works: bool, now: Instant) {
        let at = Some(self.guard.clock.now());
        if works {
            self.guard.state().last_success = at;
        } else {
            self.guard.state().last_failure = at;
        }
        self.guard.metrics.source_asked(self.guard.source, works);
        self.hand_back(if works { Outcome::Success } else { Outcome::Failure }, now);
    }

    fn hand_back(&mut self, outcome: Outcome, now: Instant) {
        if let Some(permit) = self.permit.take() {
            let mut state = self.guard.state();
            let from = state.breaker.state();
            state.breaker.record(permit, outcome, now);
            self.guard.note_transition(from, &state);
        }
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.hand_back(Outcome::Unknown, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use champion_telemetry::Registry;

    use super::*;

    fn guard() -> (Guard, Registry) {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("the names are free");
        let (breaker, budget) = (BreakerConfig::default(), BudgetConfig::default());
        (Guard::new(Source::NseArchive, breaker, budget, Clock::system(), metrics), registry)
    }

    fn exposed(registry: &Registry) -> String {
        prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("encodable")
    }

    #[test]
    fn failures_open_the_breaker_and_the_three_metrics_say_so() {
        let (guard, registry) = guard();
        let now = Instant::now();
        for _ in 0..5 {
            guard.admit(now).expect("closed").report(false, now);
        }
        assert!(matches!(guard.check(now), Err(Silence::Breaker(_))));
        let text = exposed(&registry);
        assert!(text.contains("circuit_breaker_state{source=\"nse_archive\"} 2"), "{text}");
        assert!(text.contains("circuit_breaker_failures_total{source=\"nse_archive\"} 5"), "{text}");
        let opened =
            "circuit_breaker_state_transitions_total{from_state=\"closed\",source=\"nse_archive\",to_state=\"open\"} 1";
        assert!(text.contains(opened), "{text}");
    }

    #[test]
    fn after_a_block_nothing_is_asked_for_its_whole_time() {
        let (guard, _registry) = guard();
        let now = Instant::now();
        guard.silence(now, Duration::from_secs(600), "403");
        let later = now + Duration::from_secs(599);
        let silence = Silence::Blocked(Duration::from_secs(1), "403".to_owned());
        assert_eq!(guard.admit(later).err(), Some(silence));
        assert!(guard.admit(now + Duration::from_secs(600)).is_ok());
    }

    #[test]
    fn a_block_that_is_read_again_is_the_same_and_a_reset_ends_it() {
        let (guard, registry) = guard();
        let now = Instant::now();
        guard.silence(now, Duration::from_secs(600), "403");
        guard.silence(now + Duration::from_secs(10), Duration::from_secs(590), "403, as the register says");
        guard.reset();
        assert!(guard.admit(now + Duration::from_secs(11)).is_ok());
        let text = exposed(&registry);
        let closed =
            "circuit_breaker_state_transitions_total{from_state=\"open\",source=\"nse_archive\",to_state=\"closed\"} 1";
        assert!(text.contains(closed), "{text}");
        assert!(text.contains("circuit_breaker_state{source=\"nse_archive\"} 0"), "{text}");
    }

    #[test]
    fn a_request_given_up_by_its_caller_says_nothing_about_the_source() {
        let (guard, registry) = guard();
        for _ in 0..20 {
            drop(guard.admit(Instant::now()).expect("closed"));
        }
        assert!(exposed(&registry).contains("circuit_breaker_failures_total{source=\"nse_archive\"} 0"));
    }
}
