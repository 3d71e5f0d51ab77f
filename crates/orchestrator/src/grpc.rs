//! The gRPC face: decode, call, encode.

use std::pin::Pin;

use champion_market_data::{Calendar, Dataset, Exchange};
use champion_proto::orchestrator::v1 as wire;
use champion_proto::orchestrator::v1::orchestrator_service_server::OrchestratorService;
use champion_proto::{ACTIVE_ORCHESTRATOR, WireError, parse_date, parse_name};
use champion_service::ErrorKind;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tracing::{Instrument, error};

use crate::Clock;
use crate::feed::Told;
use crate::gaps;
use crate::journal::{DatasetBook, Found, Journal, JournalError, RunRecord};
use crate::office::{Office, OfficeError, Role, Standby};
use crate::plan::RunSpec;
use crate::records::RecordError;
use crate::runs::{Attached, Runs, StartError};
use crate::vocabulary::{RunKind, RunMode, RunStatus};
use crate::wire as encode;

/// Runs that are listed when the request does not say how many.
const DEFAULT_RUNS: u32 = 20;
/// Most runs that are listed.
const MAX_RUNS: u32 = 1000;

/// The service behind the contract.
pub(crate) struct Orchestrator {
    pub(crate) office: Office,
    pub(crate) journal: Journal,
    pub(crate) calendar: Calendar,
    pub(crate) clock: Clock,
}

impl Orchestrator {
    /// Returns the runs of the orchestrator that leads, or says where they are.
    fn runs(&self) -> Result<Runs, Status> {
        match self.office.role() {
            Role::Active(tenure) => Ok(tenure.runs),
            Role::Standby(standby) => Err(stands_by(&standby)),
        }
    }

    /// Brings a standby's answers to what the lake says.
    async fn freshen(&self) -> Result<(), Status> {
        self.office.freshen().await.map_err(|failure| {
            error!(error = %failure, "the lake cannot be asked");
            ErrorKind::Unavailable.status(failure.to_string())
        })
    }

    /// Finds the run that an id or the beginning of one names.
    async fn named_run(&self, asked: &str) -> Result<RunRecord, Status> {
        match self.journal.find_run(asked).await.map_err(journal_failed)? {
            Found::Nothing => Err(ErrorKind::NotFound.status(format!("the journal knows no run {asked:?}"))),
            Found::Several => Err(ErrorKind::Invalid.status(format!("{asked:?} names several runs; give more of it"))),
            Found::One(run) => Ok(*run),
        }
    }
}

/// Events of a rebuild that wait for a slow client.
const REBUILD_EVENTS: usize = 64;

type RebuildEvents = Pin<Box<dyn Stream<Item = Result<wire::RebuildJournalEvent, Status>> + Send>>;
type Events = Pin<Box<dyn Stream<Item = Result<wire::RunEvent, Status>> + Send>>;

#[tonic::async_trait]
impl OrchestratorService for Orchestrator {
    type RunStream = Events;
    type BackfillStream = Events;
    type RebuildJournalStream = RebuildEvents;

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
        let attached = self.runs()?.start(spec, parent).await.map_err(refuse_start)?;
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
        let attached = self.runs()?.start(spec, parent).await.map_err(refuse_start)?;
        Ok(Response::new(events(attached)))
    }

    async fn get_run(&self, request: Request<wire::GetRunRequest>) -> Result<Response<wire::GetRunResponse>, Status> {
        self.freshen().await?;
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
        self.freshen().await?;
        let runs = self.journal.newest_runs(dataset, limit).await.map_err(journal_failed)?;
        Ok(Response::new(wire::ListRunsResponse { runs: runs.into_iter().map(encode::run_summary).collect() }))
    }

    async fn cancel(&self, request: Request<wire::CancelRequest>) -> Result<Response<wire::CancelResponse>, Status> {
        let runs = self.runs()?;
        let run = self.named_run(&request.into_inner().run_id).await?;
        if run.status != RunStatus::Running || !runs.cancel(&run.run_id).await {
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
        self.freshen().await?;
        let recorded = self.journal.dataset_days(dataset, exchange, range.0, range.1).await.map_err(journal_failed)?;
        let days = gaps::report(dataset, range, &recorded, &self.calendar, now);
        Ok(Response::new(encode::gaps(days, &self.calendar)))
    }

    async fn get_status(
        &self,
        _request: Request<wire::GetStatusRequest>,
    ) -> Result<Response<wire::GetStatusResponse>, Status> {
        self.freshen().await?;
        let mut books = self.journal.dataset_books().await.map_err(journal_failed)?;
        for dataset in Dataset::ALL {
            if !books.iter().any(|book| book.dataset == *dataset) {
                books.push(DatasetBook::empty(*dataset, Exchange::Nse));
            }
        }
        books.sort_by_key(|book| (book.dataset, book.exchange));
        let pending = self.journal.pending().await.map_err(journal_failed)?;
        let mut statuses = Vec::with_capacity(books.len());
        for book in books {
            let runs = self.office.in_progress(book.dataset, book.exchange).await.map_err(journal_failed)?;
            let mine = pending.iter().filter(|day| (day.dataset, day.exchange) == (book.dataset, book.exchange));
            let mine = mine.map(|day| encode::pending(day, &self.calendar)).collect();
            statuses.push(encode::dataset_status(book, runs, mine));
        }
        let findings = self.journal.findings().await.map_err(journal_failed)?;
        let mut status = encode::status(statuses, self.clock.today(), &self.calendar);
        status.orchestrator = Some(encode::role(&self.office.role()));
        status.findings = findings.into_iter().map(encode::finding).collect();
        Ok(Response::new(status))
    }

    async fn rebuild_journal(
        &self,
        _request: Request<wire::RebuildJournalRequest>,
    ) -> Result<Response<RebuildEvents>, Status> {
        let (tell, told) = mpsc::channel(REBUILD_EVENTS);
        let office = self.office.clone();
        // Goes on when the client goes away: a journal is made anew as a whole or not at all.
        let rebuild = async move {
            let progress = tell.clone();
            let outcome = office
                .rebuild(&move |reading| {
                    // Progress is a courtesy: a client that reads slowly misses some of it.
                    let _ = progress.try_send(Ok(encode::reading(reading)));
                })
                .await;
            let last = match outcome {
                Ok(rebuilt) => {
                    for finding in rebuilt.findings.iter().cloned() {
                        let _ = tell.send(Ok(encode::rebuild_finding(finding))).await;
                    }
                    Ok(encode::rebuilt(&rebuilt))
                }
                Err(OfficeError::Journal(failure)) => Err(journal_failed(failure)),
                Err(failure) => {
                    error!(error = %failure, "the journal cannot be made from the lake");
                    Err(ErrorKind::Unavailable.status(failure.to_string()))
                }
            };
            let _ = tell.send(last).await;
        };
        tokio::spawn(rebuild.in_current_span());
        let events = futures::stream::unfold(told, |mut told| async move { Some((told.recv().await?, told)) });
        Ok(Response::new(Box::pin(events)))
    }
}

/// Says that another orchestrator drives the runs, and where.
fn stands_by(standby: &Standby) -> Status {
    let Some(leader) = &standby.leader else {
        let trouble = if standby.trouble.is_empty() { "it is not known yet who leads" } else { &standby.trouble };
        return ErrorKind::Unavailable.status(format!("this orchestrator stands by, and nobody leads: {trouble}"));
    };
    let message =
        format!("this orchestrator stands by: the active one is at {} (epoch {})", leader.address, leader.number);
    let mut status = ErrorKind::Unavailable.status(message);
    if let Ok(address) = leader.address.parse() {
        status.metadata_mut().insert(ACTIVE_ORCHESTRATOR, address);
    }
    status
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
            let message = format!(
                "the orchestrator is stopping; run {run_id} goes on when it starts again, or where another one leads"
            );
            Err(ErrorKind::Unavailable.status(message))
        }
    }))
}

fn refuse_start(refusal: StartError) -> Status {
    match refusal {
        StartError::Plan(error) => ErrorKind::Invalid.status(error.to_string()),
        StartError::Stopping => ErrorKind::Unavailable.status("the orchestrator is stopping"),
        StartError::Record(error @ (RecordError::Superseded(_) | RecordError::Stopped)) => {
            ErrorKind::Unavailable.status(error.to_string())
        }
        StartError::Record(error @ RecordError::Journal(_)) => ErrorKind::Internal.status(error.to_string()),
        StartError::Journal(error) => journal_failed(error),
    }
}

fn journal_failed(failure: JournalError) -> Status {
    error!(error = %failure, "journal failed");
    ErrorKind::Internal.status(failure.to_string())
}
