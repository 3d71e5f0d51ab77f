//! Identity of a row: a hash of its own values, so that the same row has the same id in whichever file it comes.

use sha2::{Digest, Sha256};

/// Hex digits of an id.
pub(crate) const ID_DIGITS: usize = 32;

/// Builds ids; keeps its buffer from row to row.
///
/// The encoding is unambiguous: every value is self-delimiting and null is unlike any value. A number is its zigzag
/// form plus one as LEB128, a text its length plus one as LEB128 and then its bytes, null is a zero byte.
#[derive(Debug, Default)]
pub(crate) struct EventId {
    buffer: Vec<u8>,
}

impl EventId {
    /// Begins the id of a row; the kind, such as the table's name, keeps equal values of unlike rows apart.
    pub(crate) fn begin(&mut self, kind: &str) -> &mut Self {
        self.buffer.clear();
        self.text(Some(kind))
    }

    /// Adds a text.
    pub(crate) fn text(&mut self, value: Option<&str>) -> &mut Self {
        let Some(value) = value else { return self.null() };
        self.varint(value.len() as u64);
        self.buffer.extend_from_slice(value.as_bytes());
        self
    }

    /// Adds a number: a whole one, a scaled decimal, a date in days.
    pub(crate) fn number(&mut self, value: Option<i64>) -> &mut Self {
        let Some(value) = value else { return self.null() };
        let zigzag = ((value << 1) ^ (value >> 63)) as u64;
        self.varint(zigzag);
        self
    }

    fn null(&mut self) -> &mut Self {
        self.buffer.push(0);
        self
    }

    /// Adds a number plus one, seven bits a byte from the lowest, with the highest bit set in all bytes but the last.
    fn varint(&mut self, value: u64) {
        let Some(mut rest) = value.checked_add(1) else {
            self.buffer.extend_from_slice(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02]); // 2^64
            return;
        };
        while rest >= 0x80 {
            self.buffer.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.buffer.push(rest as u8);
    }

    /// Returns the first 128 bits of the SHA-256 of what was added since [`EventId::begin`].
    pub(crate) fn finish(&self) -> [u8; ID_DIGITS / 2] {
        let digest: [u8; 32] = Sha256::digest(&self.buffer).into();
        let mut id = [0; ID_DIGITS / 2];
        id.copy_from_slice(&digest[..ID_DIGITS / 2]);
        id
    }

    /// Returns the id as 32 lower-case hex digits.
    pub(crate) fn finish_hex(&self) -> String {
        hex::encode(self.finish())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    enum Part {
        Text(Option<String>),
        Number(Option<i64>),
    }

    fn encoded(parts: &[Part]) -> Vec<u8> {
        let mut id = EventId::default();
        for part in parts {
            match part {
                Part::Text(value) => id.text(value.as_deref()),
                Part::Number(value) => id.number(*value),
            };
        }
        id.buffer
    }

    fn row() -> impl Strategy<Value = (Vec<Option<String>>, Vec<Option<i64>>)> {
        (
            prop::collection::vec(prop::option::of("[a-b]{0,3}"), 3),
            prop::collection::vec(prop::option::of(prop_oneof![-2_i64..3, any::<i64>(), Just(i64::MIN)]), 3),
        )
    }

    proptest! {
        #[test]
        fn rows_with_other_values_are_encoded_otherwise(left in row(), right in row()) {
            let parts = |row: &(Vec<Option<String>>, Vec<Option<i64>>)| -> Vec<Part> {
                row.0.iter().cloned().map(Part::Text).chain(row.1.iter().copied().map(Part::Number)).collect()
            };
            prop_assert_eq!(left == right, encoded(&parts(&left)) == encoded(&parts(&right)));
        }
    }

    #[test]
    fn an_id_is_a_function_of_the_values_and_fixed_for_ever() {
        let mut id = EventId::default();
        let first = id.begin("t").text(Some("EQ")).number(Some(285_000)).number(None).finish_hex();
        let again = id.begin("t").text(Some("EQ")).number(Some(285_000)).number(None).finish_hex();
        assert_eq!(first, again);
        assert_eq!(first.len(), ID_DIGITS);
        assert_ne!(first, id.begin("u").text(Some("EQ")).number(Some(285_000)).number(None).finish_hex());
        assert_ne!(first, id.begin("t").text(Some("EQ")).number(Some(285_000)).number(Some(0)).finish_hex());
    }
}
