//! Numbers out of thin air that are always the same: a splitmix64 stream keyed by what is asked about.

/// Mixes a key with a further part (the finaliser of splitmix64, which passes the usual statistical batteries).
pub(crate) const fn mix(key: u64, part: u64) -> u64 {
    let mut z = key ^ part.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xff51_afd7_ed55_8ccd);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Turns a hash into a number of `[0, 1)`.
pub(crate) fn unit(hash: u64) -> f64 {
    // 53 bits are what a double holds exactly.
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// A stream of throws that depends on its key alone.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    key: u64,
    thrown: u64,
}

impl Dice {
    /// Returns the stream of a key and a purpose, so that two purposes never share their throws.
    pub(crate) const fn new(key: u64, purpose: u64) -> Self {
        Self { key: mix(key, purpose), thrown: 0 }
    }

    /// Throws 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.thrown += 1;
        mix(self.key, self.thrown)
    }

    /// Throws a number of `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        unit(self.bits())
    }

    /// Throws a number of `[low, high)`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Throws a whole number below `bound`, which must not be 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// Answers yes in so many of a thousand cases.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// Picks one of a list that is not empty.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len() as u64) as usize]
    }

    /// Throws a bell-shaped number of mean 0 and standard deviation 1, within ±3.5 (twelve throws would be finer; four
    /// are enough for a market).
    pub(crate) fn bell(&mut self) -> f64 {
        let sum = self.unit() + self.unit() + self.unit() + self.unit();
        (sum - 2.0) * 1.732_050_807_568_877_2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_throws_the_same_and_another_purpose_does_not() {
        let throw = |purpose| Dice::new(7, purpose).bits();
        assert_eq!(throw(1), throw(1));
        assert_ne!(throw(1), throw(2));
    }

    #[test]
    fn throws_stay_in_their_range() {
        let mut dice = Dice::new(1, 1);
        for _ in 0..10_000 {
            assert!((0.0..1.0).contains(&dice.unit()));
            assert!(dice.bell().abs() < 3.5);
            assert!(dice.below(7) < 7);
        }
    }
}
