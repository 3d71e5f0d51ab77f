//! Which service dies when: a function of the seed and the run's number.

use std::time::Duration;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::RANGES;
use crate::fleet::KILLABLE;

/// Share that is all of a run's artifacts.
pub(super) const WHOLE: usize = 1_000;

/// One kill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// Who dies.
    pub service: &'static str,
    /// After which part of the run's artifacts is in the lake, in thousandths.
    pub after: usize,
    /// Time from then on.
    pub delay: Duration,
    /// Time until the service is started again.
    pub down: Duration,
    /// Whether the journal is gone by then, should it be an orchestrator.
    pub journal_lost: bool,
}

/// The kills of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The seed it comes from.
    pub seed: u64,
    /// Number of the run.
    pub number: u64,
    /// Which range of days is asked for.
    pub range: usize,
    /// Whether the exchange is asked for one file at a time, as the pace of the real one gives it; otherwise eight.
    pub one_at_a_time: bool,
    /// Whether a second orchestrator stands by; then the one that leads is killed, and the other takes over.
    pub standby: bool,
    /// In the order of the run.
    pub kills: Vec<Kill>,
}

/// Makes the plan of a run.
#[must_use]
pub fn plan(seed: u64, number: u64, kills: usize) -> Plan {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    let mut services = KILLABLE.repeat(kills.div_ceil(KILLABLE.len()));
    services.shuffle(&mut rng);
    let mut points: Vec<usize> = (0..kills).map(|_| rng.random_range(0..WHOLE * 5 / 4).min(WHOLE)).collect();
    points.sort_unstable();
    let kills = services.into_iter().zip(points).map(|(service, after)| Kill {
        service,
        after,
        delay: Duration::from_millis(rng.random_range(0..80)),
        down: Duration::from_millis(rng.random_range(0..300)),
        journal_lost: rng.random_bool(0.5),
    });
    let kills = kills.collect();
    let range = rng.random_range(0..RANGES.len());
    let standby = rng.random_bool(0.5);
    Plan { seed, number, range, one_at_a_time: number.is_multiple_of(2), standby, kills }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_schedule_and_another_one_does_not() {
        assert_eq!(plan(7, 3, 5), plan(7, 3, 5));
        assert_ne!(plan(7, 3, 5).kills, plan(7, 4, 5).kills);
        assert_ne!(plan(7, 3, 5).kills, plan(8, 3, 5).kills);
        assert_eq!(plan(7, 3, 8).kills.len(), 8);
    }
}
