//! The gRPC face: decode, call, encode.

use std::pin::Pin;

use champion_market_data::{Calendar, Dataset, Exchange};
use champion_proto::orchestrator::v1 as wire;
use champion_proto::orchestrator::v1::orchestrator_service_server::OrchestratorService;
use champion_proto::{WireError, parse_date, parse_name};
use champion_service::ErrorKind;
use futures::{Stream, StreamExt};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tracing::error;

use crate::Clock;
use crate::feed::Told;
use crate::gaps;
use crate::journal::{DatasetBook, Found, Journal, JournalError, RunRecord};
use crate::plan::RunSpec;
use crate::runs::{Attached, Runs, StartError};
use crate::vocabulary::{RunKind, RunMode, RunStatus};
use crate::wire as encode;

/// Runs that are listed when the request does not say how many.
const DEFAULT_RUNS: u32 = 20;
/// Most runs that are listed.
const MAX_RUNS: u32 = 1000;

/// The service behind the contract.
pub(crate) struct Orchestrator {
    pub(crate) runs: Runs,
    pub(crate) journal: Journal,
    pub(crate) calendar: Calendar,
    pub(crate) clock: Clock,
}

impl Orchestrator {
    /// Finds the run that an id or the beginning of one names.
    async fn named_run(&self, asked: &str) -> Result<RunRecord, Status> {
        match self.journal.find_run(asked).await.map_err(journal_failed)? {
            Found::Nothing => Err(ErrorKind::NotFound.status(format!("the journal knows no run {asked:?}"))),
            Found::Several => Err(ErrorKind::Invalid.status(format!("{asked:?} names several runs; give more of it"))),
            Found::One(run) => Ok(*run),
        }
    }
}

type Events = Pin<Box<dyn Stream<Item = Result<wire::RunEvent, Status>> + Send>>;

#[tonic::async_trait]
impl OrchestratorService for Orchestrator {
    type RunStream = Events;
    type BackfillStream = Events;

    async fn run(&self, request: Request<wire::RunRequest>) -> Result<Response<Events>, Status> {
        let parent = traceparent(request.metadata());
        let message = request.into_inner();
        let date = parse_date("trade_date", &message.trade_date)?;
        let spec = RunSpec {
            kind: RunKind::Day,
            mode: mode(&message.mode)?,
            dataset: parse_name("dataset", &message.dataset)?,
            exchange: parse_name("exchange", &message.exchange)?,
            from: date,
            to: date,
        };
        let attached = self.runs.start(spec, parent).await.map_err(refuse_start)?;
        Ok(Response::new(events(attached)))
    }

    async fn backfill(&self, request: Request<wire::BackfillRequest>) -> Result<Response<Events>, Status> {
        let parent = traceparent(request.metadata());
        let message = request.into_inner();
        let spec = RunSpec {
            kind: RunKind::Backfill,
            mode: mode(&message.mode)?,
            dataset: parse_name("dataset", &message.dataset)?,
            exchange: parse_name("exchange", &message.exchange)?,
            from: parse_date("from_date", &message.from_date)?,
            to: parse_date("to_date", &message.to_date)?,
        };
        let attached = self.runs.start(spec, parent).await.map_err(refuse_start)?;
        Ok(Response::new(events(attached)))
    }

    async fn get_run(&self, request: Request<wire::GetRunRequest>) -> Result<Response<wire::GetRunResponse>, Status> {
        let run = self.named_run(&request.into_inner().run_id).await?;
        let progress = self.journal.progress(&run.run_id).await.map_err(journal_failed)?;
        Ok(Response::new(encode::run_with_steps(run, progress)))
    }

    async fn list_runs(
        &self,
        request: Request<wire::ListRunsRequest>,
    ) -> Result<Response<wire::ListRunsResponse>, Status> {
        let message = request.into_inner();
        let dataset: Option<Dataset> = match message.dataset.as_str() {
            "" => None,
            name => Some(parse_name("dataset", name)?),
        };
        let limit = if message.limit == 0 { DEFAULT_RUNS } else { message.limit.min(MAX_RUNS) };
        let runs = self.journal.newest_runs(dataset, limit).await.map_err(journal_failed)?;
        Ok(Response::new(wire::ListRunsResponse { runs: runs.into_iter().map(encode::run_summary).collect() }))
    }

    async fn cancel(&self, request: Request<wire::CancelRequest>) -> Result<Response<wire::CancelResponse>, Status> {
        let run = self.named_run(&request.into_inner().run_id).await?;
        if run.status != RunStatus::Running || !self.runs.cancel(&run.run_id).await {
            let run = self.named_run(&run.run_id).await?;
            return Err(ErrorKind::Precondition.status(format!("run {} has ended: {}", run.run_id, run.status)));
        }
        let run = self.named_run(&run.run_id).await?;
        Ok(Response::new(wire::CancelResponse { run: Some(encode::run_summary(run)) }))
    }

    async fn gaps(&self, request: Request<wire::GapsRequest>) -> Result<Response<wire::GapsResponse>, Status> {
        let message = request.into_inner();
        let dataset: Dataset = parse_name("dataset", &message.dataset)?;
        let exchange: Exchange = parse_name("exchange", &message.exchange)?;
        let from = parse_date("from_date", &message.from_date)?;
        let to = parse_date("to_date", &message.to_date)?;
        let now = self.clock.now();
        let range =
            gaps::range(dataset, from, to, now).map_err(|error| ErrorKind::Invalid.status(error.to_string()))?;
        let recorded = self.journal.dataset_days(dataset, exchange, range.0, range.1).await.map_err(journal_failed)?;
        let days = gaps::report(dataset, range, &recorded, &self.calendar, now);
        Ok(Response::new(encode::gaps(days, &self.calendar)))
    }

    async fn get_status(
        &self,
        _request: Request<wire::GetStatusRequest>,
    ) -> Result<Response<wire::GetStatusResponse>, Status> {
        let mut books = self.journal.dataset_books().await.map_err(journal_failed)?;
        for dataset in Dataset::ALL {
            if !books.iter().any(|book| book.dataset == *dataset) {
                books.push(DatasetBook::empty(*dataset, Exchange::Nse));
            }
        }
        books.sort_by_key(|book| (book.dataset, book.exchange));
        let pending = self.journal.pending().await.map_err(journal_failed)?;
        let statuses = books.into_iter().map(|book| {
            let runs = self.runs.in_progress(book.dataset, book.exchange);
            let mine = pending.iter().filter(|day| (day.dataset, day.exchange) == (book.dataset, book.exchange));
            let mine = mine.map(|day| encode::pending(day, &self.calendar)).collect();
            encode::dataset_status(book, runs, mine)
        });
        Ok(Response::new(encode::status(statuses.collect(), self.clock.today(), &self.calendar)))
    }
}

fn mode(name: &str) -> Result<RunMode, WireError> {
    if name.is_empty() { Ok(RunMode::Plain) } else { parse_name("mode", name) }
}

/// Reads the caller's trace context, the parent under which a run that was cut off goes on.
fn traceparent(metadata: &MetadataMap) -> Option<String> {
    metadata.get("traceparent")?.to_str().ok().map(str::to_owned)
}

/// The events of a run for one client. Dropping the stream ends nothing but the listening.
fn events(attached: Attached) -> Events {
    let Attached { run_id, trace_id, feed, .. } = attached;
    Box::pin(feed.read().map(move |told| match told {
        Told::Event(event) => {
            Ok(wire::RunEvent { run_id: run_id.clone(), trace_id: trace_id.clone(), event: Some(encode::event(event)) })
        }
        Told::CutOff => {
            let message = format!("the orchestrator is stopping; run {run_id} goes on when it starts again");
            Err(ErrorKind::Unavailable.status(message))
        }
    }))
}

fn refuse_start(refusal: StartError) -> Status {
    match refusal {
        StartError::Plan(error) => ErrorKind::Invalid.status(error.to_string()),
        StartError::Stopping => ErrorKind::Unavailable.status("the orchestrator is stopping"),
        StartError::Journal(error) => journal_failed(error),
    }
}

fn journal_failed(failure: JournalError) -> Status {
    error!(error = %failure, "journal failed");
    ErrorKind::Internal.status(failure.to_string())
}
