//! NSE series: what kind of line a series code names (domain §7.1).

use crate::closed_set::closed_set;

closed_set! {
    /// What kind of line a series is.
    SeriesClass, "series class" {
        /// Ordinary shares and ETFs: EQ, BE, BZ, SM, ST, SZ.
        Equity => "equity",
        /// The optional T+0 settlement line of a share; never merged into EQ.
        TPlusZero => "t_plus_zero",
        /// Block, institutional, retail, foreign-limit and buy-back windows: BL, IL, RL, AF, BO.
        Window => "window",
        /// Partly paid shares: E1.., X1...
        PartlyPaid => "partly_paid",
        /// Preference shares: P*, O*, Q*, F*.
        Preference => "preference",
        /// Debentures: N*, Y*, Z*, A*, B*, U*, M*, D*, S* with a digit.
        Debenture => "debenture",
        /// Warrants: W*, K*.
        Warrant => "warrant",
        /// Closed-end funds: MF, ME.
        Fund => "fund",
        /// InvIT and REIT: IV, ID, RR, RT.
        Trust => "trust",
        /// Government paper: GB, GS, SG, TB.
        Government => "government",
        /// A code the list does not know: kept, counted, warned about.
        Unknown => "unknown",
    }
}

/// Returns the class of an NSE series code; an unknown one is data, not an error.
#[must_use]
pub fn classify_series(series: &[u8]) -> SeriesClass {
    match series {
        b"EQ" | b"BE" | b"BZ" | b"SM" | b"ST" | b"SZ" => SeriesClass::Equity,
        b"T0" => SeriesClass::TPlusZero,
        b"BL" | b"IL" | b"RL" | b"AF" | b"BO" => SeriesClass::Window,
        b"MF" | b"ME" => SeriesClass::Fund,
        b"IV" | b"ID" | b"RR" | b"RT" => SeriesClass::Trust,
        b"GB" | b"GS" | b"SG" | b"TB" => SeriesClass::Government,
        [letter, rest] if rest.is_ascii_alphanumeric() => by_letter(*letter),
        _ => SeriesClass::Unknown,
    }
}

fn by_letter(letter: u8) -> SeriesClass {
    match letter {
        b'E' | b'X' => SeriesClass::PartlyPaid,
        b'P' | b'O' | b'Q' | b'F' => SeriesClass::Preference,
        b'N' | b'Y' | b'Z' | b'A' | b'B' | b'U' | b'M' | b'D' | b'S' => SeriesClass::Debenture,
        b'W' | b'K' => SeriesClass::Warrant,
        _ => SeriesClass::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_series_are_told_apart_and_unknown_ones_are_named_so() {
        assert_eq!(classify_series(b"EQ"), SeriesClass::Equity);
        assert_eq!(classify_series(b"T0"), SeriesClass::TPlusZero);
        assert_eq!(classify_series(b"N7"), SeriesClass::Debenture);
        assert_eq!(classify_series(b"GB"), SeriesClass::Government);
        assert_eq!(classify_series(b"QQQ"), SeriesClass::Unknown);
        assert_eq!(classify_series(b"C1"), SeriesClass::Unknown);
        assert_eq!(classify_series(b""), SeriesClass::Unknown);
    }
}
