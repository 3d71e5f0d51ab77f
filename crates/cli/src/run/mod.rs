//! `champion run` and `champion backfill`: start a run, follow its events, say what happened.

mod follow;
mod progress;
mod report;

use champion_market_data::{Calendar, Dataset, Exchange, TradeDate};
use champion_proto::orchestrator::v1::orchestrator_service_client::OrchestratorServiceClient;
use champion_proto::orchestrator::v1::{BackfillRequest, RunRequest};
use champion_service::channel::ServiceChannel;

use crate::args::{How, Place};
use crate::exit::Exit;
use crate::failure;

pub(crate) use follow::Outcome;

type Client = OrchestratorServiceClient<ServiceChannel>;

/// How the work of a run is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What is there is not asked for again.
    Plain,
    /// The exchange is asked whether it has corrected its files.
    Recheck,
    /// The raw bytes are decoded anew.
    Replay,
}

impl Mode {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Recheck => "recheck",
            Self::Replay => "replay",
        }
    }
}

impl From<How> for Mode {
    fn from(how: How) -> Self {
        match how {
            How { recheck: true, .. } => Self::Recheck,
            How { replay: true, .. } => Self::Replay,
            How { recheck: false, replay: false } => Self::Plain,
        }
    }
}

/// Asks for the newest sessions again, of one dataset or of all.
///
/// # Errors
/// Fails when the orchestrator cannot be reached or refuses.
pub(crate) async fn recheck(place: &Place, dataset: Option<Dataset>, sessions: u32) -> anyhow::Result<Exit> {
    let today = TradeDate::at(chrono::Utc::now());
    let from = Calendar::nse().sessions_back(today, sessions);
    let mut end = Exit::Done;
    for dataset in Dataset::ALL.iter().filter(|known| dataset.is_none_or(|only| only == **known)) {
        // One dataset that cannot be asked for keeps the others from nothing.
        let exit = match backfill(place, *dataset, (from, today), Mode::Recheck, false).await {
            Ok(exit) => exit,
            Err(error) => {
                let (text, exit) = failure::explain(&error);
                eprintln!("champion: {dataset}: {text}");
                exit
            }
        };
        if end == Exit::Done {
            end = exit;
        }
    }
    Ok(end)
}

/// Runs one dataset for one day.
///
/// # Errors
/// Fails when the orchestrator cannot be reached or refuses.
#[tracing::instrument(name = "champion run", skip_all, fields(champion.dataset = %dataset, champion.trade_date = %date))]
pub(crate) async fn day(place: &Place, dataset: Dataset, date: TradeDate, mode: Mode) -> anyhow::Result<Exit> {
    let request = RunRequest {
        dataset: dataset.to_string(),
        exchange: Exchange::Nse.to_string(),
        trade_date: date.to_string(),
        mode: mode.as_str().to_owned(),
    };
    let ask = async |mut client: Client| client.run(request.clone()).await;
    let stream = place.ask_the_active(ask).await?.into_inner();
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
    mode: Mode,
    strict: bool,
) -> anyhow::Result<Exit> {
    let request = BackfillRequest {
        dataset: dataset.to_string(),
        exchange: Exchange::Nse.to_string(),
        from_date: from.to_string(),
        to_date: to.to_string(),
        mode: mode.as_str().to_owned(),
    };
    let ask = async |mut client: Client| client.backfill(request.clone()).await;
    let stream = place.ask_the_active(ask).await?.into_inner();
    let outcome = follow::follow(stream, place.json, true).await?;
    if !place.json {
        report::backfill(dataset, (from, to), &outcome);
    }
    Ok(outcome.exit(strict))
}
