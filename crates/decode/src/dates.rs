//! Dates as the eras print them.

use champion_market_data::TradeDate;

/// How a file prints its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateForm {
    /// `2024-07-08`.
    Iso,
    /// `08-Jul-2024` in any letter case, the day also without padding (files before about 2010-02).
    DayMonthYear,
    /// The same, and also with a year of two digits (`13-Jul-20`, the file of 2020-07-13).
    DayMonthAnyYear,
}

impl DateForm {
    /// Returns the form for a message.
    pub(crate) const fn pattern(self) -> &'static str {
        match self {
            Self::Iso => "YYYY-MM-DD",
            Self::DayMonthYear | Self::DayMonthAnyYear => "DD-Mon-YYYY",
        }
    }

    /// Reads a date of this form and of no other.
    pub(crate) fn parse(self, text: &str) -> Option<TradeDate> {
        match self {
            Self::Iso => parse_iso(text.as_bytes()),
            Self::DayMonthYear => parse_day_month_year(text, false),
            Self::DayMonthAnyYear => parse_day_month_year(text, true),
        }
    }
}

/// Tells whether a text is a date as spreadsheets re-save it: `11/3/2025`, `03/11/25`.
pub(crate) fn looks_resaved(text: &str) -> bool {
    let mut parts = text.split('/');
    let numeric = |part: Option<&str>| {
        part.is_some_and(|part| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    numeric(parts.next()) && numeric(parts.next()) && numeric(parts.next()) && parts.next().is_none()
}

fn parse_iso(text: &[u8]) -> Option<TradeDate> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = i32::try_from(digits(&text[..4])?).ok()?;
    TradeDate::from_ymd(year, digits(&text[5..7])?, digits(&text[8..])?)
}

fn parse_day_month_year(text: &str, short_year: bool) -> Option<TradeDate> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (day, rest) = text.split_once('-')?;
    let (name, year) = rest.split_once('-')?;
    if day.is_empty() || day.len() > 2 {
        return None;
    }
    let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
    let number = digits(year.as_bytes())?;
    let year = match year.len() {
        4 => number,
        // The exchange opened in 1994, so that two digits are never ambiguous in this century.
        2 if short_year && number >= 90 => 1900 + number,
        2 if short_year => 2000 + number,
        _ => return None,
    };
    TradeDate::from_ymd(i32::try_from(year).ok()?, month as u32 + 1, digits(day.as_bytes())?)
}

fn digits(text: &[u8]) -> Option<u32> {
    let mut value = 0_u32;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u32::from(digit))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_era_reads_its_own_form_and_no_other() {
        let date = TradeDate::from_ymd(2020, 7, 3);
        assert_eq!(DateForm::Iso.parse("2020-07-03"), date);
        for text in ["03-JUL-2020", "3-JUL-2020", "03-Jul-20", "3-jul-20"] {
            assert_eq!(DateForm::DayMonthAnyYear.parse(text), date, "{text}");
            assert_eq!(DateForm::Iso.parse(text), None, "{text}");
        }
        assert_eq!(DateForm::DayMonthYear.parse("03-Jul-2020"), date);
        assert_eq!(DateForm::DayMonthYear.parse("03-Jul-20"), None);
        for text in
            ["", "-", "--", "2020-7-3", "31-FEB-2020", "003-JUL-2020", "03-JUL-02020", "03-JULY-2020", "é-JUL-2020"]
        {
            assert_eq!(DateForm::DayMonthAnyYear.parse(text), None, "{text}");
            assert_eq!(DateForm::Iso.parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_one_file_with_a_year_of_two_digits_is_of_2020() {
        assert_eq!(DateForm::DayMonthAnyYear.parse("13-Jul-20"), TradeDate::from_ymd(2020, 7, 13));
        assert_eq!(DateForm::DayMonthAnyYear.parse("3-NOV-94"), TradeDate::from_ymd(1994, 11, 3));
    }

    #[test]
    fn a_date_re_saved_by_a_spreadsheet_is_told_from_nonsense() {
        assert!(looks_resaved("11/3/2025") && looks_resaved("03/11/25"));
        assert!(!looks_resaved("2025-03-11") && !looks_resaved("a/b/c") && !looks_resaved("1/2/3/4"));
    }
}
