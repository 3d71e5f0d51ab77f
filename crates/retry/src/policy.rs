//! The decision after a failed attempt.

use std::fmt;
use std::time::{Duration, Instant};

use rand::Rng;

use crate::{Backoff, Budget, Deadline};

/// When to try again after a failure that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The wait between attempts.
    pub backoff: Backoff,
    /// Most attempts of one operation, the first included.
    pub max_attempts: u32,
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Wait, then try again.
    RetryAfter(Duration),
    /// Hand the failure to the caller.
    GiveUp(GiveUp),
}

/// Why there is no further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUp {
    /// All attempts are used.
    Attempts,
    /// The next attempt would begin after the deadline.
    Deadline,
    /// The source's retry budget is used up.
    Budget,
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attempts => "all attempts are used",
            Self::Deadline => "the next attempt would begin after the deadline",
            Self::Budget => "the retry budget is used up",
        })
    }
}

impl Policy {
    /// Decides after `attempts` failed attempts; `retry_after` is the wait the other side asked for, which is obeyed
    /// in full or not at all.
    pub fn after_failure(
        &self,
        attempts: u32,
        retry_after: Option<Duration>,
        deadline: Deadline,
        budget: &mut Budget,
        now: Instant,
        rng: &mut impl Rng,
    ) -> Decision {
        if attempts >= self.max_attempts {
            return Decision::GiveUp(GiveUp::Attempts);
        }
        let wait = self.backoff.draw(attempts, rng).max(retry_after.unwrap_or_default());
        if !deadline.allows(now, wait) {
            return Decision::GiveUp(GiveUp::Deadline);
        }
        if !budget.try_retry(now) {
            return Decision::GiveUp(GiveUp::Budget);
        }
        Decision::RetryAfter(wait)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::BudgetConfig;

    const POLICY: Policy =
        Policy { backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(1)), max_attempts: 3 };

    fn decide(attempts: u32, retry_after: Option<u64>, left: u64, reserve: u32) -> Decision {
        let now = Instant::now();
        let mut budget = Budget::new(BudgetConfig { reserve, ..BudgetConfig::default() });
        let deadline = Deadline::after(now, Duration::from_secs(left));
        let retry_after = retry_after.map(Duration::from_secs);
        POLICY.after_failure(attempts, retry_after, deadline, &mut budget, now, &mut StdRng::seed_from_u64(7))
    }

    #[test]
    fn each_bound_ends_the_attempts_and_says_which_it_was() {
        assert_eq!(decide(3, None, 60, 10), Decision::GiveUp(GiveUp::Attempts));
        assert_eq!(decide(1, None, 0, 10), Decision::GiveUp(GiveUp::Deadline));
        assert_eq!(decide(1, None, 60, 0), Decision::GiveUp(GiveUp::Budget));
        assert!(matches!(decide(1, None, 60, 10), Decision::RetryAfter(_)));
    }

    #[test]
    fn a_wait_the_source_asks_for_is_obeyed_or_ends_the_attempts() {
        assert_eq!(decide(1, Some(7), 60, 10), Decision::RetryAfter(Duration::from_secs(7)));
        assert_eq!(decide(1, Some(86_400), 60, 10), Decision::GiveUp(GiveUp::Deadline));
    }

    proptest! {
        #[test]
        fn no_wait_ends_after_the_deadline(attempts in 1_u32..5, asked in proptest::option::of(0_u64..100), left in 0_u64..100) {
            if let Decision::RetryAfter(wait) = decide(attempts, asked, left, 10) {
                prop_assert!(wait < Duration::from_secs(left));
                prop_assert!(wait >= Duration::from_secs(asked.unwrap_or(0)));
            }
        }
    }
}
