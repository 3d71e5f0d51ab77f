//! International Securities Identification Numbers: form and check digit.

/// What an ISIN looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IsinForm {
    /// Two capital letters, nine capital letters or digits, the right check digit.
    Good,
    /// The form is right, the check digit is wrong.
    WrongCheckDigit,
    /// Something else: `DUMMY...`, a cut text.
    Malformed,
}

/// Looks at an ISIN. The check digit is the Luhn sum over its digits, letters expanded to two (`A` = 10 … `Z` = 35).
pub(crate) fn isin_form(isin: &str) -> IsinForm {
    let bytes = isin.as_bytes();
    let capital = |byte: &u8| byte.is_ascii_uppercase();
    let form = bytes.len() == 12
        && bytes[..2].iter().all(capital)
        && bytes[2..11].iter().all(|byte| capital(byte) || byte.is_ascii_digit())
        && bytes[11].is_ascii_digit();
    if !form {
        return IsinForm::Malformed;
    }
    // From the right, every second digit counts double; a doubled digit of two places counts as their sum.
    let mut sum = 0_u32;
    let mut double = false;
    let mut count = |digit: u32| {
        let value = if double { digit * 2 } else { digit };
        sum += value / 10 + value % 10;
        double = !double;
    };
    for byte in bytes.iter().rev() {
        if byte.is_ascii_digit() {
            count(u32::from(byte - b'0'));
        } else {
            let value = u32::from(byte - b'A') + 10;
            count(value % 10);
            count(value / 10);
        }
    }
    if sum.is_multiple_of(10) { IsinForm::Good } else { IsinForm::WrongCheckDigit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isins_of_shares_funds_and_bonds_are_good() {
        for isin in ["INE144J01027", "INF204KB14I2", "IN0020200104", "IN002023Y219", "INE0V6F01027", "US0378331005"] {
            assert_eq!(isin_form(isin), IsinForm::Good, "{isin}");
        }
    }

    #[test]
    fn one_wrong_character_is_seen() {
        assert_eq!(isin_form("INE144J01028"), IsinForm::WrongCheckDigit);
        assert_eq!(isin_form("INE145J01027"), IsinForm::WrongCheckDigit);
        for isin in ["", "DUMMYSAN005", "DUMMY1234567", "ine144j01027", "INE144J0102", "INE144J010277", "INE144J0102É"]
        {
            assert_ne!(isin_form(isin), IsinForm::Good, "{isin}");
        }
        assert_eq!(isin_form("DUMMYSAN005"), IsinForm::Malformed);
    }
}
