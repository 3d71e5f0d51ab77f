//! The wire side: decode, call, encode, map errors.

use std::fmt::Display;
use std::str::FromStr;
use std::time::{Duration, Instant};

use champion_market_data::artifact::{CuratedKey, QuarantineKey};
use champion_proto::loader::v1::audit_response::Event;
use champion_proto::loader::v1::loader_service_server::{LoaderService, LoaderServiceServer};
use champion_proto::loader::v1::{
    AuditDifference, AuditProgress, AuditRequest, AuditResponse, AuditSummary as WireAuditSummary,
    Finding as WireFinding, LoadRequest, LoadResponse, MigrateRequest, MigrateResponse, Receipt as WireReceipt,
    ReconcileRequest, ReconcileResponse,
};
use champion_proto::{WireError, parse_name, parse_reference};
use champion_retry::Deadline;
use champion_service::ErrorKind;
use champion_telemetry::{context, grpc};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, async_trait};
use tracing::{Instrument, error};

use crate::audit::{AuditEvent, AuditSummary};
use crate::loader::{AuditScope, Loader, Receipt, Run};
use crate::migration::Migrator;
use crate::quarantine::SetAside;
use crate::reconciliation::{Finding, Reconciliation, Scope};

/// The generated service over a [`Loader`] and a [`Migrator`].
pub(crate) type GrpcServer = LoaderServiceServer<Grpc>;

#[derive(Debug)]
pub(crate) struct Grpc {
    loader: Loader,
    migrator: Migrator,
    default_deadline: Duration,
}

impl Grpc {
    pub(crate) const fn new(loader: Loader, migrator: Migrator, default_deadline: Duration) -> Self {
        Self { loader, migrator, default_deadline }
    }

    fn deadline<T>(&self, request: &Request<T>) -> Deadline {
        let allowed = grpc::timeout_of(request.metadata().as_ref()).unwrap_or(self.default_deadline);
        Deadline::after(Instant::now(), allowed)
    }
}

#[async_trait]
impl LoaderService for Grpc {
    async fn load(&self, request: Request<LoadRequest>) -> Result<Response<LoadResponse>, Status> {
        let deadline = self.deadline(&request);
        let LoadRequest { run_id, curated, quarantine, fencing_token } = request.into_inner();
        let named = |reference| parse_reference::<CuratedKey>("curated", reference);
        let named = curated.iter().map(named).collect::<Result<Vec<_>, WireError>>()?;
        let set_aside = |reference| {
            let (key, sha256) = parse_reference::<QuarantineKey>("quarantine", reference)?;
            Ok(SetAside { key, sha256 })
        };
        let refused = quarantine.iter().map(set_aside).collect::<Result<Vec<_>, WireError>>()?;
        let run = Run { run_id, trace_id: context::current_trace_id(), fencing_token };
        let receipts = self
            .loader
            .load_named(&named, &refused, &run, deadline)
            .await
            .map_err(|error| status(error.kind(), &error, "load failed"))?;
        Ok(Response::new(LoadResponse { receipts: receipts.into_iter().map(WireReceipt::from).collect() }))
    }

    async fn reconcile(&self, request: Request<ReconcileRequest>) -> Result<Response<ReconcileResponse>, Status> {
        let deadline = self.deadline(&request);
        let request = request.into_inner();
        let scope = Scope {
            table: optional("table", &request.table)?,
            exchange: optional("exchange", &request.exchange)?,
            from: optional("from_date", &request.from_date)?,
            to: optional("to_date", &request.to_date)?,
        };
        let run = Run { run_id: request.run_id, trace_id: context::current_trace_id(), fencing_token: 0 };
        let outcome = self
            .loader
            .reconcile(&scope, request.repair, &run, deadline)
            .await
            .map_err(|error| status(error.kind(), &error, "reconciliation failed"))?;
        Ok(Response::new(outcome.into()))
    }

    type AuditStream = BoxStream<'static, Result<AuditResponse, Status>>;

    async fn audit(&self, request: Request<AuditRequest>) -> Result<Response<Self::AuditStream>, Status> {
        let deadline = self.deadline(&request);
        let AuditRequest { dataset, from_date, to_date } = request.into_inner();
        let scope = AuditScope {
            dataset: optional("dataset", &dataset)?,
            from: optional("from_date", &from_date)?,
            to: optional("to_date", &to_date)?,
        };
        let (loader, (sender, receiver)) = (self.loader.clone(), mpsc::channel(EVENTS_AHEAD));
        let auditing = tokio::spawn(async move { loader.audit(&scope, &sender, deadline).await }.in_current_span());
        let events = stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
        let last = stream::once(async move {
            match auditing.await {
                Ok(Ok(summary)) => Ok(audited(summary)),
                Ok(Err(error)) => Err(status(error.kind(), &error, "audit failed")),
                Err(error) => Err(Status::internal(format!("the audit was cut off: {error}"))),
            }
        });
        Ok(Response::new(events.map(|event| Ok(event.into())).chain(last).boxed()))
    }

    async fn migrate(&self, request: Request<MigrateRequest>) -> Result<Response<MigrateResponse>, Status> {
        let deadline = self.deadline(&request);
        let state =
            self.migrator.migrate(deadline).await.map_err(|error| status(error.kind(), &error, "migration failed"))?;
        let applied = state.applied.into_iter().map(str::to_owned).collect();
        Ok(Response::new(MigrateResponse { version: state.version, applied }))
    }
}

impl From<Receipt> for WireReceipt {
    fn from(receipt: Receipt) -> Self {
        Self {
            table: receipt.table.to_string(),
            exchange: receipt.exchange.to_string(),
            trade_date: receipt.trade_date.to_string(),
            sha256: receipt.sha256.to_string(),
            version: receipt.version,
            rows: receipt.rows,
            already_loaded: receipt.already_loaded,
        }
    }
}

/// Most findings of one answer, so that it stays below the size of a message; all are counted.
const MOST_FINDINGS: usize = 10_000;

/// Longest text of one finding on the wire, in letters.
const MOST_DETAIL: usize = 300;

impl From<Reconciliation> for ReconcileResponse {
    fn from(outcome: Reconciliation) -> Self {
        let Reconciliation { sessions, findings } = outcome;
        let findings_total = findings.len() as u64;
        let unrepaired = findings.iter().filter(|finding| !finding.repaired).count() as u64;
        let findings = findings.into_iter().take(MOST_FINDINGS).map(WireFinding::from).collect();
        Self { sessions, findings, findings_total, unrepaired }
    }
}

impl From<Finding> for WireFinding {
    fn from(finding: Finding) -> Self {
        Self {
            table: finding.table.to_string(),
            exchange: finding.exchange.to_string(),
            trade_date: finding.trade_date.to_string(),
            kind: finding.kind.to_string(),
            detail: finding.detail.chars().take(MOST_DETAIL).collect(),
            repaired: finding.repaired,
            remedy: finding.remedy.as_str().to_owned(),
            dataset: finding.table.dataset().to_string(),
        }
    }
}

impl From<AuditEvent> for AuditResponse {
    fn from(event: AuditEvent) -> Self {
        let event = match event {
            AuditEvent::Progress(dataset, sessions_done, sessions_total) => {
                Event::Progress(AuditProgress { dataset: dataset.to_string(), sessions_done, sessions_total })
            }
            AuditEvent::Difference(found) => Event::Difference(AuditDifference {
                dataset: found.dataset.to_string(),
                table: found.table.map(|table| table.to_string()).unwrap_or_default(),
                exchange: found.exchange.to_string(),
                trade_date: found.trade_date.to_string(),
                kind: found.kind.to_string(),
                detail: found.detail.chars().take(MOST_DETAIL).collect(),
                explained: found.kind.is_explained(),
            }),
        };
        Self { event: Some(event) }
    }
}

fn audited(AuditSummary { sessions, differences, explained }: AuditSummary) -> AuditResponse {
    let summary = WireAuditSummary { sessions, differences, explained };
    AuditResponse { event: Some(Event::Summary(summary)) }
}

/// Events of an audit that wait for a slow caller.
const EVENTS_AHEAD: usize = 64;

/// Parses a field whose absence means "all".
fn optional<T: FromStr>(field: &'static str, text: &str) -> Result<Option<T>, WireError>
where
    T::Err: Display,
{
    if text.is_empty() { Ok(None) } else { parse_name(field, text).map(Some) }
}

fn status(kind: ErrorKind, error: &dyn std::error::Error, message: &'static str) -> Status {
    error!(%error, kind = kind.as_str(), message);
    kind.status(error.to_string())
}
