//! Retry as pure policy: full-jitter backoff, deadline, retry budget and circuit breaker.
//!
//! Everything here is a plain state machine that is told the time; nothing sleeps, spawns or reads a clock. The caller
//! waits as long as it is told, so a test runs a year of failures in a millisecond.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use champion_retry::{Backoff, Budget, BudgetConfig, Deadline, Decision, Policy};
//! use rand::SeedableRng;
//!
//! let policy = Policy { backoff: Backoff::new(Duration::from_millis(500), Duration::from_secs(10)), max_attempts: 4 };
//! let mut budget = Budget::new(BudgetConfig::default());
//! let mut rng = rand::rngs::StdRng::seed_from_u64(1);
//! let now = Instant::now();
//! let deadline = Deadline::after(now, Duration::from_secs(60));
//!
//! budget.record_call(now);
//! // The first attempt failed: wait as told, then try again.
//! match policy.after_failure(1, None, deadline, &mut budget, now, &mut rng) {
//!     Decision::RetryAfter(wait) => assert!(wait <= Duration::from_millis(500)),
//!     Decision::GiveUp(reason) => unreachable!("{reason}"),
//! }
//! ```

mod backoff;
mod breaker;
mod budget;
mod deadline;
mod policy;

pub use backoff::Backoff;
pub use breaker::{Breaker, BreakerConfig, BreakerState, BreakerView, Outcome, Permit, Rejected};
pub use budget::{Budget, BudgetConfig};
pub use deadline::Deadline;
pub use policy::{Decision, GiveUp, Policy};
