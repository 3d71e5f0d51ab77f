//! The natural keys of a file's rows: finding duplicates, and the order of the normalised tables.

use std::hash::{BuildHasher, RandomState};

/// Marks a free place of the hash table.
const FREE: u32 = u32::MAX;

/// Separates symbol and series in the arena; no line of a file holds it.
const SEPARATOR: u8 = b'\n';

/// The keys of published rows, in file order.
///
/// A hash table of row numbers over one arena of bytes: adding a key allocates nothing once the arena is warm. The
/// hash is seeded anew for each file, so that no file can be made to collide; the outcome does not depend on it.
#[derive(Debug)]
pub(crate) struct Keys {
    arena: Vec<u8>,
    ends: Vec<u32>,
    places: Vec<u32>,
    seed: u64,
}

impl Keys {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self {
            arena: Vec::with_capacity(rows * 12),
            ends: Vec::with_capacity(rows),
            places: vec![FREE; (rows * 2).next_power_of_two().max(16)],
            seed: RandomState::new().hash_one(0),
        }
    }

    /// Adds a row's key; tells whether it is new. The key of a row that is not added leaves no trace.
    pub(crate) fn insert(&mut self, symbol: &str, series: &str) -> bool {
        if (self.ends.len() + 1) * 2 > self.places.len() {
            self.grow();
        }
        let start = self.arena.len();
        self.arena.extend_from_slice(symbol.as_bytes());
        self.arena.push(SEPARATOR);
        self.arena.extend_from_slice(series.as_bytes());
        let place = self.find(&self.arena[start..]);
        if self.places[place] != FREE {
            self.arena.truncate(start);
            return false;
        }
        self.places[place] = self.ends.len() as u32; // rows are capped far below 2^32
        self.ends.push(self.arena.len() as u32);
        true
    }

    /// Returns the place of a key, or the free place it would take.
    fn find(&self, key: &[u8]) -> usize {
        let mask = self.places.len() - 1;
        let mut place = hash(key, self.seed) as usize & mask;
        while self.places[place] != FREE && self.key(self.places[place]) != key {
            place = (place + 1) & mask;
        }
        place
    }

    fn key(&self, row: u32) -> &[u8] {
        let row = row as usize;
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        &self.arena[start..self.ends[row] as usize]
    }

    /// Returns the parts of a key: joined they would not sort like a pair where a symbol holds control bytes.
    fn symbol_and_series(&self, row: u32) -> (&[u8], &[u8]) {
        let key = self.key(row);
        let end = memchr::memchr(SEPARATOR, key).unwrap_or(key.len());
        (&key[..end], &key[end..])
    }

    fn grow(&mut self) {
        self.places = vec![FREE; self.places.len() * 2];
        for row in 0..self.ends.len() as u32 {
            let place = self.find(self.key(row));
            self.places[place] = row;
        }
    }

    /// Returns the row numbers in the order of symbol and series; `None` when the file has that order itself.
    pub(crate) fn order(&self) -> Option<Vec<u32>> {
        // The first eight bytes of the symbol as one number decide most comparisons.
        let mut rows: Vec<(u64, u32)> =
            (0..self.ends.len() as u32).map(|row| (leading_bytes(self.symbol_and_series(row).0), row)).collect();
        let compare = |left: &(u64, u32), right: &(u64, u32)| {
            let parts = || self.symbol_and_series(left.1).cmp(&self.symbol_and_series(right.1));
            left.0.cmp(&right.0).then_with(parts)
        };
        if rows.is_sorted_by(|left, right| compare(left, right).is_lt()) {
            return None;
        }
        rows.sort_unstable_by(compare);
        Some(rows.into_iter().map(|(_, row)| row).collect())
    }
}

/// Multiplies eight bytes at a time into a seeded hash: the keys are short, and SipHash would cost more than reading the
/// row's prices.
fn hash(key: &[u8], seed: u64) -> u64 {
    const MULTIPLIER: u128 = 0x9e37_79b9_7f4a_7c15; // 2^64 divided by the golden ratio
    let fold = |word: u64| {
        let product = u128::from(word) * MULTIPLIER;
        product as u64 ^ (product >> 64) as u64
    };
    let (words, rest) = key.as_chunks::<8>();
    let whole = words.iter().fold(seed ^ key.len() as u64, |hash, word| fold(hash ^ u64::from_le_bytes(*word)));
    fold(whole ^ leading_bytes(rest))
}

fn leading_bytes(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = key.len().min(8);
    bytes[..length].copy_from_slice(&key[..length]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_behave_like_a_set_and_are_ordered_like_one(rows in prop::collection::vec(("[A-C]{1,10}|[A\\x00\\t]{1,3}", "[A-B]{0,2}|\\x00"), 0..200)) {
            let mut keys = Keys::with_capacity(4);
            let mut model = BTreeSet::new();
            let mut kept = Vec::new();
            for (symbol, series) in rows {
                let new = model.insert((symbol.clone(), series.clone()));
                prop_assert_eq!(keys.insert(&symbol, &series), new);
                if new {
                    kept.push((symbol, series));
                }
            }
            let order = keys.order().unwrap_or_else(|| (0..kept.len() as u32).collect());
            let ordered: Vec<_> = order.iter().map(|row| kept[*row as usize].clone()).collect();
            prop_assert_eq!(ordered, model.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_symbol_and_series_that_only_join_alike_are_two_keys() {
        let mut keys = Keys::with_capacity(2);
        assert!(keys.insert("AB", "C") && keys.insert("A", "BC") && !keys.insert("AB", "C"));
    }
}
