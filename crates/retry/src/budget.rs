//! A bound on how much of the traffic may be retries.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Settings of a [`Budget`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetConfig {
    /// Retries allowed a call, 0 to 1; 0.2 means that a dead host is asked at most 1.2 times a job.
    pub ratio: f64,
    /// Retries allowed within the window however few the calls, so that a once-a-day job may retry at all.
    pub reserve: u32,
    /// How long calls and retries are remembered.
    pub window: Duration,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self { ratio: 0.2, reserve: 10, window: Duration::from_secs(600) }
    }
}

/// The retry budget of one source: within the window, `retries <= max(reserve, ratio * calls)`.
///
/// The larger of the two and not their sum: 100 jobs against a dead host make at most `(1 + ratio) * 100` attempts,
/// and a handful of jobs still get their few retries.
#[derive(Debug)]
pub struct Budget {
    config: BudgetConfig,
    slots: VecDeque<Slot>,
}

/// What happened within one slice of the window.
#[derive(Debug)]
struct Slot {
    began: Instant,
    calls: u64,
    retries: u64,
}

/// Slices of the window: a call is forgotten at most a tenth of the window late.
const SLOTS: u32 = 10;

impl Budget {
    /// Makes a budget that has seen nothing yet.
    #[must_use]
    pub const fn new(config: BudgetConfig) -> Self {
        Self { config, slots: VecDeque::new() }
    }

    /// Notes a first attempt.
    pub fn record_call(&mut self, now: Instant) {
        self.slot(now).calls += 1;
    }

    /// Takes a retry out of the budget, if there is one left.
    pub fn try_retry(&mut self, now: Instant) -> bool {
        self.forget_old(now);
        let calls: u64 = self.slots.iter().map(|slot| slot.calls).sum();
        let retries: u64 = self.slots.iter().map(|slot| slot.retries).sum();
        let earned = (self.config.ratio.clamp(0.0, 1.0) * calls as f64).floor() as u64;
        if retries >= earned.max(u64::from(self.config.reserve)) {
            return false;
        }
        self.slot(now).retries += 1;
        true
    }

    fn slot(&mut self, now: Instant) -> &mut Slot {
        self.forget_old(now);
        let length = self.config.window / SLOTS;
        let current = self.slots.back().is_some_and(|slot| now.saturating_duration_since(slot.began) < length);
        if !current {
            self.slots.push_back(Slot { began: now, calls: 0, retries: 0 });
        }
        self.slots.back_mut().expect("a slot was pushed when there was none")
    }

    fn forget_old(&mut self, now: Instant) {
        let kept = self.config.window + self.config.window / SLOTS;
        while self.slots.front().is_some_and(|slot| now.saturating_duration_since(slot.began) > kept) {
            self.slots.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn promise_18_a_hundred_jobs_against_a_dead_host_stay_within_the_budget() {
        let now = Instant::now();
        let mut budget = Budget::new(BudgetConfig::default());
        let mut attempts = 0;
        for _ in 0..100 {
            budget.record_call(now);
            attempts += 1;
            while budget.try_retry(now) {
                attempts += 1;
            }
        }
        assert_eq!(attempts, 120);
    }

    #[test]
    fn a_single_job_may_retry_and_the_reserve_comes_back_after_the_window() {
        let now = Instant::now();
        let mut budget = Budget::new(BudgetConfig { reserve: 2, ..BudgetConfig::default() });
        budget.record_call(now);
        assert!(budget.try_retry(now) && budget.try_retry(now) && !budget.try_retry(now));
        assert!(!budget.try_retry(now + Duration::from_secs(300)));
        assert!(budget.try_retry(now + Duration::from_secs(700)));
    }

    proptest! {
        #[test]
        fn retries_never_exceed_the_larger_of_reserve_and_share(
            events in proptest::collection::vec((any::<bool>(), 0_u64..50), 0..400),
            ratio in 0.0_f64..1.0,
            reserve in 0_u32..20,
        ) {
            // All within one window, so nothing is forgotten and the totals are the budget's own.
            let window = Duration::from_secs(400 * 50);
            let mut budget = Budget::new(BudgetConfig { ratio, reserve, window });
            let mut now = Instant::now();
            let (mut calls, mut retries) = (0_u32, 0_u32);
            for (is_call, pause) in events {
                now += Duration::from_secs(pause);
                if is_call {
                    budget.record_call(now);
                    calls += 1;
                } else if budget.try_retry(now) {
                    retries += 1;
                }
                let allowed = f64::from(reserve).max(ratio * f64::from(calls));
                prop_assert!(f64::from(retries) <= allowed);
            }
        }

        #[test]
        fn the_memory_of_a_budget_is_bounded(pauses in proptest::collection::vec(0_u64..100, 0..500)) {
            let mut budget = Budget::new(BudgetConfig::default());
            let mut now = Instant::now();
            for pause in pauses {
                now += Duration::from_secs(pause);
                budget.record_call(now);
                prop_assert!(budget.slots.len() <= SLOTS as usize + 2);
            }
        }
    }
}
