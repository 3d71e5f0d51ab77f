//! `champion gaps`: every expected session of a range with its state.

use std::collections::BTreeMap;

use champion_market_data::{Dataset, Exchange, TradeDate};
use champion_proto::orchestrator::v1::{DayState, GapsRequest, GapsResponse};
use serde_json::json;

use crate::args::Place;
use crate::exit::Exit;
use crate::export::print_csv;
use crate::render::{count, say, say_json, table};

/// Shows the state of every expected session of one dataset or of all; `all` adds what needs no attention.
///
/// Ends with [`Exit::Incomplete`] when a session is not in.
///
/// # Errors
/// Fails when the orchestrator cannot be reached or refuses the range.
pub(crate) async fn gaps(
    place: &Place,
    dataset: Option<Dataset>,
    (from, to): (TradeDate, TradeDate),
    all: bool,
    csv: bool,
) -> anyhow::Result<Exit> {
    let mut client = place.orchestrator()?;
    let mut missing = false;
    let mut rows = Vec::new();
    for dataset in Dataset::ALL.iter().filter(|known| dataset.is_none_or(|only| only == **known)) {
        let request = GapsRequest {
            dataset: dataset.to_string(),
            exchange: Exchange::Nse.to_string(),
            from_date: from.to_string(),
            to_date: to.to_string(),
        };
        let answer = client.gaps(request).await?.into_inner();
        missing |= answer.days.iter().any(needs_attention);
        if csv {
            rows.extend(day_rows(&answer, all).map(|row| [vec![dataset.to_string()], row].concat()));
        } else if place.json {
            say_json(as_json(*dataset, &answer));
        } else {
            say(in_words(*dataset, (from, to), &answer, all));
        }
    }
    if csv {
        print_csv(&["dataset", "date", "calendar", "state", "why"], rows)?;
    }
    Ok(if missing { Exit::Incomplete } else { Exit::Done })
}

fn needs_attention(day: &DayState) -> bool {
    !matches!(day.state.as_str(), "present" | "closed")
}

fn as_json(dataset: Dataset, answer: &GapsResponse) -> serde_json::Value {
    let day = |day: &DayState| json!({"trade_date": day.trade_date, "kind": day.kind, "state": day.state, "reason": day.reason});
    json!({
        "dataset": dataset.as_str(),
        "calendar": {"from": answer.coverage_from, "to": answer.coverage_to},
        "totals": totals(answer),
        "days": answer.days.iter().map(day).collect::<Vec<_>>(),
    })
}

fn totals(answer: &GapsResponse) -> BTreeMap<&str, u64> {
    let mut totals = BTreeMap::new();
    for day in &answer.days {
        *totals.entry(day.state.as_str()).or_default() += 1;
    }
    totals
}

/// One row a day: those that need attention, or all.
fn day_rows(answer: &GapsResponse, all: bool) -> impl Iterator<Item = Vec<String>> {
    let wanted = answer.days.iter().filter(move |day| all || needs_attention(day));
    wanted.map(|day| vec![day.trade_date.clone(), day.kind.clone(), day.state.clone(), day.reason.clone()])
}

fn in_words(dataset: Dataset, (from, to): (TradeDate, TradeDate), answer: &GapsResponse, all: bool) -> String {
    let told: Vec<String> = totals(answer).iter().map(|(state, days)| format!("{} {state}", count(*days))).collect();
    let mut text = format!("{dataset} {from} to {to}: {}", told.join(", "));
    let rows: Vec<Vec<String>> = day_rows(answer, all).collect();
    if !rows.is_empty() {
        text.push_str(&format!("\n{}", table(&["date", "calendar", "state", "why"], &[], rows)));
    }
    if answer.days.iter().any(|day| day.state == "unknown") {
        text.push_str(&format!(
            "\nunknown: the calendar speaks of {} to {} only; backfill the days to learn what the exchange has",
            answer.coverage_from, answer.coverage_to
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> GapsResponse {
        let day = |date: &str, kind: &str, state: &str| DayState {
            trade_date: date.to_owned(),
            kind: kind.to_owned(),
            state: state.to_owned(),
            reason: String::new(),
        };
        GapsResponse {
            days: vec![
                day("2025-02-21", "trading", "present"),
                day("2025-02-22", "weekend", "closed"),
                day("2025-02-24", "trading", "gap"),
            ],
            coverage_from: "2023-01-01".to_owned(),
            coverage_to: "2026-12-31".to_owned(),
        }
    }

    #[test]
    fn what_needs_attention_stands_alone_unless_all_is_asked() {
        let range = ("2025-02-21".parse().expect("a date"), "2025-02-24".parse().expect("a date"));
        let text = in_words(Dataset::Bhavcopy, range, &answer(), false);
        assert!(text.starts_with("bhavcopy 2025-02-21 to 2025-02-24: 1 closed, 1 gap, 1 present\n"), "{text}");
        assert!(!text.contains("weekend") && text.contains("trading"), "{text}");
        assert!(in_words(Dataset::Bhavcopy, range, &answer(), true).contains("weekend"));
    }
}
