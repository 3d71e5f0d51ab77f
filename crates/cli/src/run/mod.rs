//! `champion run` and `champion backfill`: start a run, follow its events, say what happened.

mod follow;
mod progress;
mod report;

use champion_market_data::{Dataset, Exchange, TradeDate};
use champion_proto::orchestrator::v1::{BackfillRequest, RunRequest};

use crate::args::Place;
use crate::exit::Exit;

pub(crate) use follow::Outcome;

/// Runs one dataset for one day.
///
/// # Errors
/// Fails when the orchestrator cannot be reached or refuses.
#[tracing::instrument(name = "champion run", skip_all, fields(champion.dataset = %dataset, champion.trade_date = %date))]
pub(crate) async fn day(place: &Place, dataset: Dataset, date: TradeDate) -> anyhow::Result<Exit> {
    let request =
        RunRequest { dataset: dataset.to_string(), exchange: Exchange::Nse.to_string(), trade_date: date.to_string() };
    let stream = place.orchestrator()?.run(request).await?.into_inner();
    let outcome = follow::follow(stream, place.json, false).await?;
    if !place.json {
        report::day(dataset, date, &outcome);
    }
    Ok(outcome.exit(true))
}

/// Runs one dataset for a range of days.
///
/// # Errors
/// Fails when the orchestrator cannot be reached or refuses.
#[tracing::instrument(
    name = "champion backfill", skip_all,
    fields(champion.dataset = %dataset, champion.from_date = %from, champion.to_date = %to)
)]
pub(crate) async fn backfill(
    place: &Place,
    dataset: Dataset,
    (from, to): (TradeDate, TradeDate),
    strict: bool,
) -> anyhow::Result<Exit> {
    let request = BackfillRequest {
        dataset: dataset.to_string(),
        exchange: Exchange::Nse.to_string(),
        from_date: from.to_string(),
        to_date: to.to_string(),
    };
    let stream = place.orchestrator()?.backfill(request).await?.into_inner();
    let outcome = follow::follow(stream, place.json, true).await?;
    if !place.json {
        report::backfill(dataset, (from, to), &outcome);
    }
    Ok(outcome.exit(strict))
}
