//! The holiday master of the generated market, from the calendar the market itself keeps.

use champion_market_data::{DayKind, TradeDate};
use serde_json::{Map, Value, json};

use crate::market::Sessions;
use crate::report::Query;

/// Keys of the answer; `CM` is equity cash.
const SEGMENTS: [&str; 10] = ["CBM", "CD", "CM", "CMOT", "COM", "FO", "IRD", "NDM", "NTRP", "SLBS"];

/// Renders the answer for `year`, or for the last year the calendar knows; a year it does not know has empty lists.
pub(crate) fn of_calendar(sessions: &Sessions, query: &Query) -> Vec<u8> {
    let (first, last) = sessions.coverage();
    let year = query.get("year").map_or(Some(last.month().0), |year| year.parse().ok());
    let days = year.and_then(|year| TradeDate::from_ymd(year, 1, 1).zip(TradeDate::from_ymd(year, 12, 31)));
    let entries: Vec<Value> = match days {
        Some((from, to)) if from >= first && to <= last => {
            let closed = from.through(to).filter(|date| is_listed(sessions, *date));
            closed.zip(1..).map(|(date, number)| entry(sessions, date, number)).collect()
        }
        _ => Vec::new(),
    };
    let answer: Map<String, Value> = SEGMENTS.iter().map(|key| ((*key).to_owned(), json!(entries))).collect();
    Value::Object(answer).to_string().into_bytes()
}

/// Tells whether a day is in the list: a Muhurat day is, though it has a session.
fn is_listed(sessions: &Sessions, date: TradeDate) -> bool {
    matches!(sessions.kind(date), DayKind::Holiday | DayKind::Muhurat)
}

fn entry(sessions: &Sessions, date: TradeDate, number: u32) -> Value {
    let is_muhurat = sessions.kind(date) == DayKind::Muhurat;
    json!({
        "tradingDate": date.format("%d-%b-%Y"),
        "weekDay": date.format("%A"),
        "description": if is_muhurat { "Diwali Laxmi Pujan*" } else { "Trading Holiday" },
        "morning_session": null,
        "evening_session": null,
        "Sr_no": number,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cash_market(query: &str) -> Vec<Value> {
        let answer = of_calendar(&Sessions::new(), &Query::parse(query));
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        answer["CM"].as_array().expect("a list").clone()
    }

    #[test]
    fn a_known_year_lists_its_holidays_with_muhurat_and_an_unknown_one_nothing() {
        let year = cash_market("type=trading&year=2025");
        assert!(year.iter().any(|day| day["tradingDate"] == "26-Feb-2025" && day["weekDay"] == "Wednesday"));
        assert!(year.iter().any(|day| day["tradingDate"] == "21-Oct-2025"));
        assert_eq!(cash_market("type=trading&year=2035"), Vec::<Value>::new());
        assert!(!cash_market("type=trading").is_empty());
    }
}
