//! The exchange's holiday master: a JSON object of segments, each a list of days (domain §5.9).

use std::collections::BTreeMap;

use champion_market_data::{HolidayList, TradeDate};
use chrono::NaiveDate;
use serde::Deserialize;

use crate::shape::HOLIDAY;
use crate::{Refusal, RefusalCode};

/// Most bytes of a holiday master; real ones have about 30 KB.
const MOST_BYTES: usize = 1 << 20;
/// Most days of a year's list; real ones have about 20.
const MOST_DAYS: usize = 200;

#[derive(Deserialize)]
struct Segments {
    /// Equity cash; `CBM` is corporate bonds.
    #[serde(rename = "CM")]
    cash_market: Option<Vec<Day>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Day {
    trading_date: String,
    #[serde(default)]
    description: String,
}

/// Reads the cash market's holidays of a year; `None` for an empty list, which means that the year is unknown and not that
/// it has no holidays.
///
/// # Errors
/// [`Refusal`] for anything that is no holiday master, holds a day of another year or one that is no date.
pub fn holiday_master(bytes: &[u8], year: i32) -> Result<Option<HolidayList>, Refusal> {
    let refuse = |code, reason: String| Err(Refusal::new(code, reason));
    if bytes.len() > MOST_BYTES {
        return refuse(
            RefusalCode::TooLarge,
            format!("{} bytes, a holiday master has at most {MOST_BYTES}", bytes.len()),
        );
    }
    let segments: Segments = match serde_json::from_slice(bytes) {
        Ok(segments) => segments,
        Err(error) => return refuse(RefusalCode::WrongFormat, format!("no holiday master: {error}")),
    };
    let Some(listed) = segments.cash_market else {
        return refuse(RefusalCode::WrongFormat, "the holiday master has no segment CM".to_owned());
    };
    if listed.len() > MOST_DAYS {
        return refuse(RefusalCode::TooLarge, format!("{} holidays in one year", listed.len()));
    }
    let mut days = BTreeMap::new();
    for Day { trading_date, description } in listed {
        let date = NaiveDate::parse_from_str(trading_date.trim(), "%d-%b-%Y").ok();
        let Some(date) = date.and_then(|date| TradeDate::try_from(date).ok()) else {
            let shown: String = trading_date.chars().take(40).collect();
            return refuse(RefusalCode::WrongFormat, format!("holiday {shown:?} is no date"));
        };
        if date.month().0 != year {
            return refuse(RefusalCode::StaleContent, format!("holiday {date} is not of {year}"));
        }
        let description = description.trim();
        if !description.is_empty()
            && let Err(misfit) = HOLIDAY.check("description", description)
        {
            return refuse(RefusalCode::WrongFormat, misfit.reason);
        }
        days.insert(date, description.to_owned());
    }
    Ok(if days.is_empty() { None } else { Some(HolidayList { year, days }) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = r#"{"CBM": [{"tradingDate": "19-Feb-2027", "weekDay": "Friday", "description": "Bonds only"}],
        "CM": [{"tradingDate": "26-Jan-2027", "weekDay": "Tuesday", "description": "Republic Day", "Sr_no": 1},
               {"tradingDate": "29-Oct-2027", "weekDay": "Friday", "description": "Diwali Laxmi Pujan*"}]}"#;

    #[test]
    fn the_cash_market_is_read_and_no_other_segment() {
        let list = holiday_master(MASTER.as_bytes(), 2027).expect("a master").expect("a list");
        let days: Vec<String> = list.days.keys().map(ToString::to_string).collect();
        assert_eq!(days, ["2027-01-26", "2027-10-29"]);
    }

    #[test]
    fn an_empty_list_says_nothing_and_never_no_holidays() {
        assert_eq!(holiday_master(br#"{"CBM": [], "CM": []}"#, 2035), Ok(None));
    }

    #[test]
    fn what_is_no_holiday_master_of_the_year_is_refused() {
        for (text, code) in [
            ("<html>", RefusalCode::WrongFormat),
            ("{}", RefusalCode::WrongFormat),
            (r#"{"CM": [{"tradingDate": "2027-01-26"}]}"#, RefusalCode::WrongFormat),
            (r#"{"CM": [{"tradingDate": "26-Jan-2026"}]}"#, RefusalCode::StaleContent),
        ] {
            assert_eq!(holiday_master(text.as_bytes(), 2027).expect_err(text).code, code, "{text}");
        }
    }
}
