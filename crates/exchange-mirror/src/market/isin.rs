//! International securities identification numbers of made-up securities, with a right check digit.

/// Twelve characters, of which the last is computed.
pub(crate) type Isin = [u8; 12];

/// What an ISIN identifies; it decides prefix and security type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IsinKind {
    /// Ordinary shares: `INE`, type `01`.
    Share,
    /// Partly paid shares: `IN9`, type `01`.
    PartlyPaid,
    /// Exchange-traded and closed-end funds: `INF`, type `01`.
    Fund,
    /// Debentures: `INE`, type `07`.
    Debenture,
    /// Trusts (REIT and InvIT): `INE`, type `23`-`25` in practice; `25` here.
    Trust,
    /// Government paper: `IN00` and the year of issue.
    Government,
}

/// Builds the ISIN of the issuer with a running number and a serial below 100.
pub(crate) fn isin(kind: IsinKind, issuer: u32, serial: u32) -> Isin {
    let letter = char::from(b'A' + (issuer / 1000 % 26) as u8);
    let number = issuer % 1000;
    let text = match kind {
        IsinKind::Share => format!("INE{number:03}{letter}01{serial:02}"),
        IsinKind::PartlyPaid => format!("IN9{number:03}{letter}01{serial:02}"),
        IsinKind::Fund => format!("INF{number:03}{letter}01{serial:02}"),
        IsinKind::Debenture => format!("INE{number:03}{letter}07{serial:02}"),
        IsinKind::Trust => format!("INE{number:03}{letter}25{serial:02}"),
        IsinKind::Government => format!("IN00{:04}{:03}", 2000 + serial, number),
    };
    let mut isin = [b'0'; 12];
    isin[..11].copy_from_slice(&text.as_bytes()[..11]);
    isin[11] = check_digit(&isin[..11]);
    isin
}

/// Computes the Luhn digit over the characters with each letter written as its two-digit number (A = 10).
fn check_digit(body: &[u8]) -> u8 {
    let mut digits = Vec::with_capacity(22);
    for byte in body {
        match byte {
            b'A'..=b'Z' => digits.extend([(byte - b'A' + 10) / 10, (byte - b'A' + 10) % 10]),
            other => digits.push(other - b'0'),
        }
    }
    let mut sum = 0_u32;
    for (place, digit) in digits.iter().rev().enumerate() {
        let doubled = if place % 2 == 0 { digit * 2 } else { *digit };
        sum += u32::from(doubled / 10 + doubled % 10);
    }
    b'0' + ((10 - sum % 10) % 10) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_is_that_of_published_numbers() {
        assert_eq!(check_digit(b"INE144J0102"), b'7');
        assert_eq!(check_digit(b"INF204KB14I"), b'2');
        assert_eq!(check_digit(b"IN002020010"), b'4');
    }

    #[test]
    fn every_kind_has_twelve_characters() {
        assert_eq!(&isin(IsinKind::Share, 12_144, 2), b"INE144M01021");
        for kind in [IsinKind::Fund, IsinKind::Debenture, IsinKind::PartlyPaid, IsinKind::Government] {
            assert!(isin(kind, 3_141, 7).iter().all(u8::is_ascii_alphanumeric));
        }
    }
}
