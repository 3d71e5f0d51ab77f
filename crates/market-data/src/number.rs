//! Exact decimal numbers: parsing without a binary float, storage as scaled integers (domain §6).
//!
//! A price is an `i64` scaled by 10,000, a turnover an `i64` scaled by 100, an amount of a corporate action an `i64`
//! scaled by 1,000,000. Signs other than a leading minus where a caller allows it, exponents, thousands separators and
//! more decimal places than the scale holds are refused, never rounded.

use thiserror::Error;

/// Decimal places of a stored price.
pub const PRICE_SCALE: u32 = 4;
/// Decimal places of a stored turnover.
pub const MONEY_SCALE: u32 = 2;
/// Decimal places of an amount of a corporate action.
pub const AMOUNT_SCALE: u32 = 6;

/// Why a text is not a number of the wanted form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NumberError {
    /// There is no digit at all.
    #[error("no digits")]
    Empty,
    /// A byte that does not belong into a plain decimal number.
    #[error("not a plain decimal number")]
    Malformed,
    /// The number begins with a minus sign.
    #[error("negative")]
    Negative,
    /// More decimal places than can be kept exactly.
    #[error("more than {0} decimal places")]
    TooPrecise(u32),
    /// The number does not fit into 64 bits.
    #[error("out of range")]
    OutOfRange,
}

/// Parses an unsigned decimal number exactly into an integer scaled by `10^scale`.
///
/// Trailing zeros beyond the scale are accepted, other digits there are [`NumberError::TooPrecise`].
///
/// ```
/// use champion_market_data::number::{parse_decimal, NumberError};
///
/// assert_eq!(parse_decimal(b"1319936913.14", 2), Ok(131_993_691_314));
/// assert_eq!(parse_decimal(b"28.5", 4), Ok(285_000));
/// assert_eq!(parse_decimal(b".38", 2), Ok(38));
/// assert_eq!(parse_decimal(b"1e5", 4), Err(NumberError::Malformed));
/// assert_eq!(parse_decimal(b"-1", 4), Err(NumberError::Negative));
/// assert_eq!(parse_decimal(b"1.00001", 4), Err(NumberError::TooPrecise(4)));
/// ```
///
/// # Errors
/// Returns what is wrong with the text.
pub fn parse_decimal(text: &[u8], scale: u32) -> Result<i64, NumberError> {
    let mut value: i64 = 0;
    let mut digits = 0_u32;
    let mut position = 0;
    while let Some(digit) = text.get(position).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        value = push_digit(value, digit)?;
        digits += 1;
        position += 1;
    }
    let mut places = 0;
    if text.get(position) == Some(&b'.') {
        position += 1;
        while let Some(digit) = text.get(position).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
            position += 1;
            digits += 1;
            if places < scale {
                value = push_digit(value, digit)?;
                places += 1;
            } else if digit != 0 {
                return Err(NumberError::TooPrecise(scale));
            }
        }
    }
    if position != text.len() {
        return Err(if text.first() == Some(&b'-') && text.len() > 1 {
            NumberError::Negative
        } else {
            NumberError::Malformed
        });
    }
    if digits == 0 {
        return Err(NumberError::Empty);
    }
    value.checked_mul(10_i64.pow(scale - places)).ok_or(NumberError::OutOfRange)
}

/// Parses an unsigned whole number. `12.0` and `12.00` are taken as 12, as some re-saved files print them.
///
/// # Errors
/// Returns what is wrong with the text.
pub fn parse_integer(text: &[u8]) -> Result<i64, NumberError> {
    parse_decimal(text, 0)
}

fn push_digit(value: i64, digit: u8) -> Result<i64, NumberError> {
    value.checked_mul(10).and_then(|value| value.checked_add(i64::from(digit))).ok_or(NumberError::OutOfRange)
}

/// Formats a scaled integer as a decimal number with all its places: `format_decimal(285_000, 4)` is `28.5000`.
#[must_use]
pub fn format_decimal(value: i128, scale: u32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let unit = 10_u128.pow(scale);
    let magnitude = value.unsigned_abs();
    if scale == 0 {
        return format!("{sign}{magnitude}");
    }
    format!("{sign}{}.{:0width$}", magnitude / unit, magnitude % unit, width = scale as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_a_plain_number_is_refused() {
        for text in ["", ".", "-", "+1", "1,000", "NaN", "inf", "1e3", "0x10", "1.2.3", " 1", "1 ", "१"] {
            assert!(parse_decimal(text.as_bytes(), 4).is_err(), "{text:?}");
        }
        assert_eq!(parse_decimal(b"99999999999999999999", 0), Err(NumberError::OutOfRange));
    }

    #[test]
    fn zeros_beyond_the_scale_lose_nothing_and_are_accepted() {
        assert_eq!(parse_decimal(b"12.345600", 4), Ok(123_456));
        assert_eq!(parse_integer(b"12.00"), Ok(12));
    }

    proptest! {
        #[test]
        fn every_formatted_number_parses_back_to_itself(value in 0_i64..i64::MAX, scale in 0_u32..7) {
            let text = format_decimal(i128::from(value), scale);
            prop_assert_eq!(parse_decimal(text.as_bytes(), scale), Ok(value));
        }
    }
}
