//! A price path that can be asked for any day at once: value noise in several octaves instead of a running sum.
//!
//! A random walk has to be walked from its first day. Noise interpolated between hashed lattice points has the same look
//! (slow drifts, waves, daily jitter), reverts to its mean, and needs no yesterday. Only the four basic operations are
//! used on the floats: IEEE 754 fixes their results, so the same seed gives the same paisa on every machine, which the
//! `exp` and `ln` of different C libraries do not promise.

use super::hash::{mix, unit};

/// Period in days and weight of each octave: business cycles, seasons, months, weeks and single days.
const OCTAVES: [(i32, f64); 5] = [(1400, 0.80), (230, 0.32), (41, 0.11), (7, 0.035), (1, 0.014)];

/// Returns the noise of a key on a day: about ±1.2 at the widest, a daily change of one or two hundredths.
pub(crate) fn octaves(key: u64, day: i32) -> f64 {
    let mut sum = 0.0;
    for (index, (period, weight)) in OCTAVES.iter().enumerate() {
        sum += weight * value(mix(key, index as u64), day, *period);
    }
    sum
}

/// Returns value noise of one period in `[-1, 1]`, smooth between its lattice points.
pub(crate) fn value(key: u64, day: i32, period: i32) -> f64 {
    let cell = day.div_euclid(period);
    let at = f64::from(day.rem_euclid(period)) / f64::from(period);
    let left = lattice(key, cell);
    if period == 1 {
        return left;
    }
    let smooth = at * at * (3.0 - 2.0 * at);
    left + (lattice(key, cell + 1) - left) * smooth
}

fn lattice(key: u64, cell: i32) -> f64 {
    unit(mix(key, i64::from(cell) as u64)) * 2.0 - 1.0
}

/// Returns 2 to the power of `x`, by the Taylor series of the fraction (relative error below 1e-11).
pub(crate) fn exp2(x: f64) -> f64 {
    let whole = x.floor();
    let y = (x - whole) * std::f64::consts::LN_2;
    let mut sum = 1.0;
    for n in (1..=13).rev() {
        sum = 1.0 + y / f64::from(n) * sum;
    }
    scale(sum, whole as i32)
}

fn scale(value: f64, exponent: i32) -> f64 {
    let power = f64::from_bits(((1023 + exponent.unsigned_abs().min(1000)) as u64) << 52);
    if exponent < 0 { value / power } else { value * power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp2_is_the_power_of_two() {
        for x in [-8.0, -0.5, 0.0, 0.25, 0.999, 1.0, 7.97, 20.3] {
            assert!((exp2(x) / f64::powf(2.0, x) - 1.0).abs() < 1e-10, "{x}");
        }
    }

    #[test]
    fn noise_is_bounded_and_moves_little_in_a_day() {
        for day in 9_000..12_000 {
            let (today, tomorrow) = (octaves(42, day), octaves(42, day + 1));
            assert!(today.abs() < 1.3);
            assert!((today - tomorrow).abs() < 0.08, "day {day}");
        }
    }
}
