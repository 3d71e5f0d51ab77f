//! How long to wait before the next attempt.

use std::time::Duration;

use rand::{Rng, RngExt};

/// Exponential backoff with full jitter: `random(0, min(cap, base * 2^n))`.
///
/// Full jitter spreads callers that failed together better than a jitter around the exponential value
/// (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    /// Makes a backoff whose first wait is at most `base` and whose longest is at most `cap`.
    #[must_use]
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap }
    }

    /// Returns the longest wait after the given number of failed attempts; the first failure is 1.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }

    /// Draws the wait after the given number of failed attempts.
    pub fn draw(&self, failures: u32, rng: &mut impl Rng) -> Duration {
        self.ceiling(failures).mul_f64(rng.random_range(0.0..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap_and_never_overflows() {
        let backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(3));
        let ceilings: Vec<u128> = [0, 1, 2, 3, 4, u32::MAX].map(|n| backoff.ceiling(n).as_millis()).to_vec();
        assert_eq!(ceilings, [500, 500, 1000, 2000, 3000, 3000]);
        assert_eq!(Backoff::new(Duration::MAX, Duration::MAX).ceiling(9), Duration::MAX);
    }

    proptest! {
        #[test]
        fn a_drawn_wait_is_never_above_the_ceiling(base in 0_u64..10_000, cap in 0_u64..60_000, failures in 0_u32..100, seed: u64) {
            let backoff = Backoff::new(Duration::from_millis(base), Duration::from_millis(cap));
            let wait = backoff.draw(failures, &mut StdRng::seed_from_u64(seed));
            prop_assert!(wait <= backoff.ceiling(failures));
            prop_assert!(wait <= Duration::from_millis(cap));
        }
    }
}
