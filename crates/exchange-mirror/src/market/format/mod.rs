//! The exchange's file formats, byte for byte.

pub(crate) mod full;
pub(crate) mod legacy;
pub(crate) mod udiff;
pub(crate) mod zipped;

/// A zeroed number is at most this long.
const DIGITS: usize = 20;

/// Appends a whole number.
fn push_integer(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0_u8; DIGITS];
    let mut at = DIGITS;
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends hundredths with two decimals: `8598.24`, `0.05`.
fn push_hundredths(out: &mut Vec<u8>, value: i64) {
    push_integer(out, value / 100);
    out.extend_from_slice(&[b'.', b'0' + (value % 100 / 10) as u8, b'0' + (value % 10) as u8]);
}

/// Appends hundredths with as many decimals as they need: `28.5`, `29`.
fn push_unpadded(out: &mut Vec<u8>, value: i64) {
    push_integer(out, value / 100);
    let (tenths, hundredths) = ((value % 100 / 10) as u8, (value % 10) as u8);
    if hundredths != 0 {
        out.extend_from_slice(&[b'.', b'0' + tenths, b'0' + hundredths]);
    } else if tenths != 0 {
        out.extend_from_slice(&[b'.', b'0' + tenths]);
    }
}

/// Appends a text, quoted as RFC 4180 asks when it holds a comma.
fn push_text(out: &mut Vec<u8>, text: &str) {
    if text.contains(',') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn numbers_are_printed_as_the_exchange_prints_them() {
        assert_eq!(text(|out| push_hundredths(out, 859_824)), "8598.24");
        assert_eq!(text(|out| push_hundredths(out, 5)), "0.05");
        assert_eq!(text(|out| push_unpadded(out, 2_850)), "28.5");
        assert_eq!(text(|out| push_unpadded(out, 2_900)), "29");
        assert_eq!(text(|out| push_unpadded(out, 2_905)), "29.05");
        assert_eq!(text(|out| push_integer(out, 0)), "0");
    }

    #[test]
    fn a_name_with_a_comma_is_quoted() {
        assert_eq!(text(|out| push_text(out, "A, B LTD")), "\"A, B LTD\"");
    }
}
