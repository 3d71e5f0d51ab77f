//! Sessions the stack does not have yet, newest first: each fault needs a file that has to be fetched.

use std::collections::VecDeque;

use anyhow::{Context, ensure};
use champion_market_data::{Calendar, Dataset, Exchange, TradeDate};
use champion_proto::orchestrator::v1::GapsRequest;

use crate::args::Place;

/// How far back sessions are taken from. All of them are of the era in which a report has one form.
const SESSIONS_BACK: u32 = 500;

/// Sessions that no dataset has.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    left: Option<VecDeque<TradeDate>>,
}

impl Sessions {
    /// Takes the newest session before today of which no dataset has a file.
    ///
    /// # Errors
    /// Fails when the orchestrator cannot be reached or every session is in.
    pub(super) async fn next(&mut self, place: &Place) -> anyhow::Result<TradeDate> {
        if self.left.is_none() {
            self.left = Some(fresh(place).await?);
        }
        let left = self.left.as_mut().and_then(VecDeque::pop_front);
        left.with_context(|| {
            format!("all of the last {SESSIONS_BACK} sessions are in; start on an empty --data folder")
        })
    }
}

async fn fresh(place: &Place) -> anyhow::Result<VecDeque<TradeDate>> {
    let calendar = Calendar::nse();
    let yesterday = TradeDate::at(chrono::Utc::now()).previous();
    let first = calendar.sessions_back(yesterday, SESSIONS_BACK);
    let mut fresh: Vec<TradeDate> =
        first.through(yesterday).filter(|date| calendar.kind(*date).has_session() == Some(true)).collect();
    ensure!(!fresh.is_empty(), "the calendar of this version ends before today");
    let mut client = place.orchestrator()?;
    for dataset in Dataset::ALL {
        let request = GapsRequest {
            dataset: dataset.to_string(),
            exchange: Exchange::Nse.to_string(),
            from_date: first.to_string(),
            to_date: yesterday.to_string(),
        };
        let days = client.gaps(request).await?.into_inner().days;
        let touched = |date: &TradeDate| {
            let text = date.to_string();
            // A refused file lies in the lake too, and would not be asked for again.
            days.iter().any(|day| day.trade_date == text && matches!(day.state.as_str(), "present" | "refused"))
        };
        fresh.retain(|date| !touched(date));
    }
    Ok(fresh.into_iter().rev().collect())
}
