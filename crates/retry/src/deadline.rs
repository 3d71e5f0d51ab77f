//! The instant after which nobody waits for the answer any more.

use std::time::{Duration, Instant};

/// The instant by which a whole operation, with all its attempts and waits, has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// Longest distance of a deadline, so that an absurd duration cannot overflow the clock.
    const FARTHEST: Duration = Duration::from_secs(365 * 24 * 3600);

    /// Sets the deadline a duration from now.
    #[must_use]
    pub fn after(now: Instant, duration: Duration) -> Self {
        Self(now + duration.min(Self::FARTHEST))
    }

    /// Returns the instant of the deadline.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// Returns what is left; zero when it has passed.
    #[must_use]
    pub fn remaining(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Tells whether a wait of this length ends before the deadline.
    #[must_use]
    pub fn allows(self, now: Instant, wait: Duration) -> bool {
        wait < self.remaining(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_up_to_the_deadline_itself_is_too_long() {
        let now = Instant::now();
        let deadline = Deadline::after(now, Duration::from_secs(10));
        assert!(deadline.allows(now, Duration::from_secs(9)));
        assert!(!deadline.allows(now, Duration::from_secs(10)));
        assert!(!deadline.allows(now + Duration::from_secs(11), Duration::ZERO));
        assert_eq!(deadline.remaining(now + Duration::from_secs(11)), Duration::ZERO);
    }

    #[test]
    fn an_absurd_duration_is_cut_and_does_not_overflow() {
        let now = Instant::now();
        assert_eq!(Deadline::after(now, Duration::MAX).remaining(now), Deadline::FARTHEST);
    }
}
