//! The wire side: decode, call, encode, map errors.

use std::time::{Duration, Instant};

use champion_market_data::{CuratedArtifact, QuarantineArtifact};
use champion_proto::WireError;
use champion_proto::loader::v1::loader_service_server::{LoaderService, LoaderServiceServer};
use champion_proto::loader::v1::{LoadRequest, LoadResponse, MigrateRequest, MigrateResponse, Receipt as WireReceipt};
use champion_retry::Deadline;
use champion_service::ErrorKind;
use champion_telemetry::{context, grpc};
use tonic::{Request, Response, Status, async_trait};
use tracing::error;

use crate::loader::{Loader, Receipt, Run};
use crate::migration::Migrator;

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
        let LoadRequest { run_id, curated, quarantine } = request.into_inner();
        let artifacts = curated.into_iter().map(CuratedArtifact::try_from).collect::<Result<Vec<_>, WireError>>()?;
        let refused =
            quarantine.into_iter().map(QuarantineArtifact::try_from).collect::<Result<Vec<_>, WireError>>()?;
        let run = Run { run_id, trace_id: context::current_trace_id() };
        let receipts = self
            .loader
            .load(&artifacts, &refused, &run, deadline)
            .await
            .map_err(|error| status(error.kind(), &error, "load failed"))?;
        Ok(Response::new(LoadResponse { receipts: receipts.into_iter().map(WireReceipt::from).collect() }))
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

fn status(kind: ErrorKind, error: &dyn std::error::Error, message: &'static str) -> Status {
    error!(%error, kind = kind.as_str(), message);
    kind.status(error.to_string())
}
