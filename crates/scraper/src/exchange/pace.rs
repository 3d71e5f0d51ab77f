//! Space between requests to one host, as one process keeps it while the shared time table is out of reach.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use champion_retry::Deadline;
use rand::{Rng, RngExt};

use crate::FetchError;
use crate::config::PaceConfig;

/// The time table of one host: each request takes the next free slot.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Space between two requests; `None` is unlimited.
    interval: Option<Duration>,
    jitter: f64,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new(config: &PaceConfig) -> Self {
        let interval = (config.requests_per_second > 0.0)
            .then(|| Duration::try_from_secs_f64(config.requests_per_second.recip()).unwrap_or(Duration::MAX));
        Self { interval, jitter: config.jitter, next: Mutex::new(None) }
    }

    /// Waits for the turn of one request.
    ///
    /// # Errors
    /// [`FetchError::Deadline`], at once, when the turn would come after the deadline; then no slot is taken.
    pub(crate) async fn turn(&self, deadline: Deadline) -> Result<(), FetchError> {
        let now = Instant::now();
        let slot = self.reserve(now, deadline, &mut rand::rng());
        let slot = slot.ok_or(FetchError::Deadline { waiting_for: "the host's pace" })?;
        if slot > now {
            tokio::time::sleep_until(slot.into()).await;
        }
        Ok(())
    }

    /// Lets no request through before an instant: the host asked for silence.
    pub(crate) fn hold(&self, until: Instant) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(next.map_or(until, |slot| slot.max(until)));
    }

    /// Forgets the silence the host asked for.
    pub(crate) fn release(&self) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn reserve(&self, now: Instant, deadline: Deadline, rng: &mut impl Rng) -> Option<Instant> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = next.map_or(now, |slot| slot.max(now));
        if !deadline.allows(now, slot.saturating_duration_since(now)) {
            return None;
        }
        if let Some(interval) = self.interval {
            *next = Some(slot + interval.mul_f64(1.0 + self.jitter * rng.random_range(0.0..=1.0)));
        }
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn pace(requests_per_second: f64) -> Pace {
        Pace::new(&PaceConfig { requests_per_second, jitter: 0.25, longest_hold_seconds: 600.0 })
    }

    #[test]
    fn requests_are_spaced_by_the_pace_and_a_little_more() {
        let now = Instant::now();
        let deadline = Deadline::after(now, Duration::from_secs(3600));
        let mut rng = StdRng::seed_from_u64(3);
        let pace = pace(2.0);
        let slots: Vec<Instant> =
            (0..50).map(|_| pace.reserve(now, deadline, &mut rng).expect("within the deadline")).collect();
        for pair in slots.windows(2) {
            let space = pair[1] - pair[0];
            assert!((0.5..=0.625).contains(&space.as_secs_f64()), "{space:?}");
        }
    }

    #[test]
    fn a_turn_after_the_deadline_is_refused_at_once_and_takes_no_slot() {
        let now = Instant::now();
        let mut rng = StdRng::seed_from_u64(3);
        let pace = pace(0.1);
        let soon = Deadline::after(now, Duration::from_secs(1));
        let late = Deadline::after(now, Duration::from_secs(20));
        assert_eq!(pace.reserve(now, soon, &mut rng), Some(now));
        assert_eq!(pace.reserve(now, soon, &mut rng), None);
        let slot = pace.reserve(now, late, &mut rng).expect("within the later deadline");
        assert!(slot - now <= Duration::from_millis(12_500));
    }

    #[test]
    fn silence_asked_for_is_kept_even_without_a_pace() {
        let now = Instant::now();
        let pace = pace(0.0);
        pace.hold(now + Duration::from_secs(7));
        pace.hold(now + Duration::from_secs(2));
        let deadline = Deadline::after(now, Duration::from_secs(60));
        assert_eq!(pace.reserve(now, deadline, &mut StdRng::seed_from_u64(3)), Some(now + Duration::from_secs(7)));
    }
}
