//! The shape of a text from outside: which characters a column's values have, and how many at most.
//!
//! Each text column of each format names its shape where the column is declared ([`Content::Text`]), so that there is no
//! column without one. The shapes are several times as wide as the widest real value of their era; a value beyond them is
//! no symbol or name but an attempt on whoever reads it, or a damaged file, and costs its row.

use champion_market_data::columnar::ColumnKind;
use champion_market_data::plain::escaped;

use crate::RuleCode;
use crate::csv::shown;

/// What a column of a file holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    /// Text of a shape.
    Text(&'static Shape),
    /// A date.
    Date,
    /// A whole number.
    Int64,
    /// Rupees with four decimal places.
    Price,
    /// Rupees with two decimal places.
    Money,
    /// An amount with six decimal places.
    Amount,
}

impl Content {
    /// Returns the type of the table's column.
    pub(crate) const fn kind(self) -> ColumnKind {
        match self {
            Self::Text(_) => ColumnKind::Text,
            Self::Date => ColumnKind::Date,
            Self::Int64 => ColumnKind::Int64,
            Self::Price => ColumnKind::Price,
            Self::Money => ColumnKind::Money,
            Self::Amount => ColumnKind::Amount,
        }
    }
}

/// The characters and the length of a column's values.
#[derive(Debug)]
pub(crate) struct Shape {
    /// What a value consists of, for people.
    expected: &'static str,
    first: Characters,
    others: Characters,
    /// Most characters of a value.
    pub(crate) most: usize,
}

/// A set of characters: ASCII ones a bit each, and the letters and marks of print beyond ASCII or none.
#[derive(Debug, Clone, Copy)]
struct Characters {
    ascii: u128,
    beyond: bool,
}

const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

const fn characters(parts: &[&str], beyond: bool) -> Characters {
    let mut ascii = 0;
    let mut part = 0;
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            ascii |= 1 << bytes[at];
            at += 1;
        }
        part += 1;
    }
    Characters { ascii, beyond }
}

const CAPITAL: Characters = characters(&[CAPITALS], false);
const LETTER: Characters = characters(&[LETTERS], false);

/// NSE's symbols in files of their own form, 2 to 10 characters: `M&M`, `BAJAJ-AUTO`, `SRERAYHY+H`, `GATECH-RE1`.
pub(crate) static NSE_SYMBOL: Shape = Shape {
    expected: "capital letters, digits and & + - . _ * ' /, a letter or digit first",
    first: CAPITAL,
    others: characters(&[CAPITALS, "&+-._*'/"], false),
    most: 20,
};

/// Symbols in the format that NSE and BSE share, 2 to 11 characters; BSE has marked names with `#` and `$`.
pub(crate) static UDIFF_SYMBOL: Shape = Shape {
    expected: "capital letters, digits and & + - . _ * ' / # $, a letter or digit first",
    first: CAPITAL,
    others: characters(&[CAPITALS, "&+-._*'/#$"], false),
    most: 32,
};

/// Series of NSE and groups of BSE: one or two characters.
pub(crate) static SERIES: Shape =
    Shape { expected: "capital letters and digits", first: CAPITAL, others: CAPITAL, most: 4 };

/// What stands where an ISIN is expected, also `INE` alone and `DUMMY…`, which are flagged and not lost.
pub(crate) static ISIN: Shape = Shape {
    expected: "letters, digits, - and _, a letter or digit first",
    first: LETTER,
    others: characters(&[LETTERS, "-_"], false),
    most: 20,
};

/// Codes of instrument types, options and sessions: `STK`, `F1`; two or three characters.
pub(crate) static CODE: Shape =
    Shape { expected: "capital letters and digits", first: CAPITAL, others: CAPITAL, most: 8 };

/// A line of print: names and remarks.
const fn printed(most: usize) -> Shape {
    Shape {
        expected: "letters, digits and marks of print other than = < > | \\ ^ ~ { } `, a letter, digit, bracket or quote first",
        first: characters(&[LETTERS, "(\"'#&*./"], true),
        others: characters(&[LETTERS, PRINT], true),
        most,
    }
}

const PRINT: &str = " !\"#$%&'()*+,-./:;?@[]_";

/// Names of instruments, cut after 30 characters by both exchanges: `2.5%GOLDBONDS2028SR-III`, `Bombay Dyeing & Mfg.Co.Ltd.`
pub(crate) static NAME: Shape = printed(120);

/// Remarks and columns reserved for later, which no file has filled yet.
pub(crate) static REMARK: Shape = printed(200);

/// Names of companies in filings, up to 57 characters.
pub(crate) static COMPANY: Shape = printed(200);

/// What a filing announces, up to 199 characters, kept with the blanks around it; some begin with `/` or `-`.
pub(crate) static SUBJECT: Shape = Shape {
    expected: "letters, digits and marks of print other than < > | \\ ^ ~ { } `, and neither = nor + nor @ first",
    first: characters(&[LETTERS, " (\"'#&*./-[:,"], true),
    others: characters(&[LETTERS, PRINT, "="], true),
    most: 1_000,
};

/// The time at which a filing was broadcast, as filed: `12-Jan-2025 18:04:11`.
pub(crate) static BROADCAST_TIME: Shape = Shape {
    expected: "letters, digits, blanks and : . , + - /, a letter or digit first",
    first: LETTER,
    others: characters(&[LETTERS, " :.,+-/"], false),
    most: 40,
};

/// Descriptions of holidays: `Diwali * Laxmi Pujan`, up to 47 characters.
pub(crate) static HOLIDAY: Shape = printed(200);

impl Shape {
    /// Tells whether a value has the shape. An empty value has none.
    #[inline]
    pub(crate) fn fits(&self, value: &str) -> bool {
        self.misfit(value).is_none()
    }

    /// Checks the value of a column; the reason names the column and says what is wrong, with control characters escaped.
    #[inline]
    pub(crate) fn check(&self, column: &str, value: &str) -> Result<(), Misfit> {
        if self.fits(value) { Ok(()) } else { Err(self.explain(column, value)) }
    }

    /// Returns the position of the first character that does not belong, or the number of characters if they are too many.
    fn misfit(&self, value: &str) -> Option<usize> {
        let mut length = 0;
        let mut set = self.first;
        for (position, character) in value.chars().enumerate() {
            if position == self.most || !set.contains(character) {
                return Some(position);
            }
            // Blanks that may stand in front do not make room for what may not begin.
            if character != ' ' {
                set = self.others;
            }
            length = position + 1;
        }
        (length == 0).then_some(0)
    }

    #[cold]
    fn explain(&self, column: &str, value: &str) -> Misfit {
        let count = value.chars().count();
        let reason = if count > self.most {
            format!("column {column}: {:?}… has {count} characters, at most {} are expected", shown(value), self.most)
        } else {
            let position = self.misfit(value).unwrap_or(0);
            let found = value.chars().nth(position).map_or_else(String::new, |found| {
                format!(" holds {:?} (U+{:04X}) at character {},", found, u32::from(found), position + 1)
            });
            format!("column {column}: {:?}{found} expected {}", shown(value), self.expected)
        };
        Misfit { code: RuleCode::BadText, reason: escaped(&reason).into_owned() }
    }
}

impl Characters {
    #[inline]
    fn contains(self, character: char) -> bool {
        if character.is_ascii() { self.ascii >> character as u32 & 1 != 0 } else { self.beyond && is_print(character) }
    }
}

/// Letters of the Latin and Devanagari scripts and marks of print, by code point: what counts as a letter must not change
/// with the version of the compiler.
const fn is_print(character: char) -> bool {
    matches!(character,
        '\u{a0}' | '\u{a3}'..='\u{a9}' | '\u{ab}' | '\u{ae}'..='\u{24f}' | '\u{900}'..='\u{97f}'
        | '\u{2010}'..='\u{2015}' | '\u{2018}'..='\u{201f}' | '\u{2020}'..='\u{2022}' | '\u{2026}' | '\u{2032}' | '\u{2033}'
        | '\u{20a8}' | '\u{20b9}' | '\u{2116}' | '\u{2122}')
}

/// Why a value does not have its column's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) code: RuleCode,
    pub(crate) reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_symbols_series_and_names_have_their_shape() {
        for symbol in ["M&M", "BAJAJ-AUTO", "J&KBANK", "SRERAYHY+H", "182D160224", "GATECH-RE1", "20MICRONS", "NA"] {
            assert!(NSE_SYMBOL.fits(symbol) && UDIFF_SYMBOL.fits(symbol), "{symbol}");
        }
        for series in ["EQ", "T0", "A", "XT"] {
            assert!(SERIES.fits(series), "{series}");
        }
        for isin in ["INE144J01027", "INE", "DUMMYSAN005", "IN002023Y219", "ine144j01027"] {
            assert!(ISIN.fits(isin), "{isin}");
        }
        for name in ["2.50% GOLDBONDS2025SR-VII", "BOMBAY DYEING & MFG.CO.LTD.", "Société Générale – ₹", "(I) 'A' Ltd;"]
        {
            assert!(NAME.fits(name) && COMPANY.fits(name), "{name}");
        }
        assert!(SUBJECT.fits("/ Repayment Of Spv Debt @ Rs 2.21 "));
        assert!(BROADCAST_TIME.fits("12-Jan-2025 18:04:11"));
    }

    #[test]
    fn a_value_without_the_shape_is_told_with_column_and_character_and_nothing_unseen() {
        let reason = |shape: &Shape, value: &str| shape.check("SYMBOL", value).expect_err("refused").reason;
        assert_eq!(
            reason(&SERIES, "E\u{1b}Q"),
            r#"column SYMBOL: "E\u{1b}Q" holds '\u{1b}' (U+001B) at character 2, expected capital letters and digits"#
        );
        assert_eq!(
            reason(&NSE_SYMBOL, &"A".repeat(5_000)),
            format!(r#"column SYMBOL: "{}"… has 5000 characters, at most 20 are expected"#, "A".repeat(60))
        );
        assert!(reason(&NAME, "=cmd|' /C calc'!A0").contains("holds '=' (U+003D) at character 1"));
        for value in ["A\u{202e}B", "A\u{feff}", "A\u{2066}", "A\u{9b}", "A\u{e0041}", "A\0", "А", ""] {
            for shape in [&NSE_SYMBOL, &UDIFF_SYMBOL, &SERIES, &ISIN, &CODE, &NAME, &COMPANY, &SUBJECT] {
                let misfit = shape.check("X", value).expect_err(value);
                assert!(!misfit.reason.chars().any(champion_market_data::plain::is_unseen), "{}", misfit.reason);
            }
        }
    }

    #[test]
    fn no_shape_lets_a_formula_begin_and_none_holds_a_control_character() {
        for shape in [&NSE_SYMBOL, &UDIFF_SYMBOL, &SERIES, &ISIN, &CODE, &NAME, &REMARK, &COMPANY, &SUBJECT, &HOLIDAY] {
            for start in ['=', '+', '@', '\t', '\r', '\n'] {
                assert!(!shape.fits(&format!("{start}A")), "{start:?} {}", shape.expected);
                assert!(!shape.fits(&format!("  {start}A")), "blanks, {start:?} {}", shape.expected);
            }
            for control in (0..0x20_u8).chain([0x7f]) {
                assert!(!shape.fits(&format!("A{}", char::from(control))), "{control}");
            }
        }
    }
}
