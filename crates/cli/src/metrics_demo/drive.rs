//! One run through the orchestrator, followed to its end.

use anyhow::{bail, ensure};
use champion_market_data::{Dataset, Exchange, TradeDate};
use champion_proto::orchestrator::v1::run_event::Event;
use champion_proto::orchestrator::v1::{DayFinished, RunRequest, RunTotals};

use crate::args::Place;
use crate::render::harmless;
pub(super) use crate::run::Mode;

/// How one day of one dataset ended.
#[derive(Debug, Clone)]
pub(super) struct Day {
    pub(super) dataset: Dataset,
    pub(super) date: TradeDate,
    pub(super) run_id: String,
    pub(super) trace_id: String,
    pub(super) finished: DayFinished,
    pub(super) totals: RunTotals,
}

impl Day {
    /// Checks the state the day ended in.
    ///
    /// # Errors
    /// Fails when it is another one.
    pub(super) fn expect(&self, state: &str) -> anyhow::Result<()> {
        let Self { dataset, date, run_id, finished, .. } = self;
        if finished.state == state {
            return Ok(());
        }
        let reason = harmless(&finished.reason);
        bail!("{dataset} {date} is {}, expected {state}: {reason} (run {run_id})", finished.state)
    }

    /// Returns how many rows were set aside.
    pub(super) fn quarantined(&self) -> u64 {
        self.finished.counts.map_or(0, |counts| counts.quarantined)
    }

    /// Tells whether nothing was downloaded, written or loaded.
    pub(super) const fn nothing_done(&self) -> bool {
        self.totals.downloaded + self.totals.written + self.totals.loaded == 0
    }
}

/// Runs one dataset for one day.
///
/// # Errors
/// Fails when the orchestrator cannot be reached, refuses or breaks off.
#[tracing::instrument(name = "champion run", skip_all, fields(champion.dataset = %dataset, champion.trade_date = %date))]
pub(super) async fn run(place: &Place, dataset: Dataset, date: TradeDate, mode: Mode) -> anyhow::Result<Day> {
    let request = RunRequest {
        dataset: dataset.to_string(),
        exchange: Exchange::Nse.to_string(),
        trade_date: date.to_string(),
        mode: mode.as_str().to_owned(),
    };
    let mut stream = place.orchestrator()?.run(request).await?.into_inner();
    let (mut run_id, mut trace_id, mut day, mut totals) = (String::new(), String::new(), None, None);
    while let Some(event) = stream.message().await? {
        (run_id, trace_id) = (event.run_id, event.trace_id);
        match event.event {
            Some(Event::Day(finished)) => day = Some(finished),
            Some(Event::Finished(finished)) => totals = Some(finished.totals.unwrap_or_default()),
            Some(Event::Started(_) | Event::Step(_) | Event::Waiting(_)) | None => {}
        }
    }
    ensure!(totals.is_some(), "the stream of run {run_id} broke off");
    let finished = day.unwrap_or_default();
    Ok(Day { dataset, date, run_id, trace_id, finished, totals: totals.unwrap_or_default() })
}
