//! The wire side: decode, call, encode, map errors.

use champion_market_data::artifact::StagedKey;
use champion_proto::writer::v1::writer_service_server::WriterService;
use champion_proto::writer::v1::{
    CollectRequest, CollectResponse, CompactRequest, CompactResponse, VerifyRequest, VerifyResponse, WriteRequest,
    WriteResponse, Written as WireWritten,
};
use champion_proto::{WireError, parse_name, writer};
use champion_telemetry::context;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, async_trait};
use tracing::{Instrument, error};

use crate::WriteError;
use crate::publisher::{Publisher, Run, Written};
use crate::upkeep::{self, Upkeep};

/// The generated service over a [`Publisher`].
pub(crate) type GrpcServer = writer::v1::writer_service_server::WriterServiceServer<Grpc>;

#[derive(Debug)]
pub(crate) struct Grpc {
    publisher: Publisher,
    upkeep: Upkeep,
}

impl Grpc {
    pub(crate) const fn new(publisher: Publisher, upkeep: Upkeep) -> Self {
        Self { publisher, upkeep }
    }
}

#[async_trait]
impl WriterService for Grpc {
    async fn write(&self, request: Request<WriteRequest>) -> Result<Response<WriteResponse>, Status> {
        let WriteRequest { run_id, staged_keys, fencing_token } = request.into_inner();
        let key = |key: &String| parse_name::<StagedKey>("staged_keys", key);
        let keys = staged_keys.iter().map(key).collect::<Result<Vec<_>, WireError>>()?;
        let run = Run { run_id, trace_id: context::current_trace_id(), fencing_token };
        let written = self.publisher.write_keys(&keys, &run).await.map_err(status)?;
        Ok(Response::new(WriteResponse { written: written.into_iter().map(WireWritten::from).collect() }))
    }

    type VerifyStream = BoxStream<'static, Result<VerifyResponse, Status>>;

    async fn verify(&self, request: Request<VerifyRequest>) -> Result<Response<Self::VerifyStream>, Status> {
        let sweep = upkeep::sweep(request.into_inner())?;
        let (verifier, (sender, receiver)) = (self.upkeep.verifier.clone(), mpsc::channel(EVENTS_AHEAD));
        let sweeping = tokio::spawn(async move { verifier.verify(&sweep, sender).await }.in_current_span());
        let events = stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
        let last = stream::once(async move {
            match sweeping.await {
                Ok(Ok(summary)) => Ok(upkeep::summary(summary)),
                Ok(Err(error)) => Err(status(error)),
                Err(error) => Err(Status::internal(format!("the sweep was cut off: {error}"))),
            }
        });
        Ok(Response::new(events.map(|event| Ok(event.into())).chain(last).boxed()))
    }

    async fn collect(&self, request: Request<CollectRequest>) -> Result<Response<CollectResponse>, Status> {
        let removed = request.into_inner().remove;
        let collection = self.upkeep.collector.collect(removed).await.map_err(status)?;
        if removed {
            self.upkeep.collect_metrics.collected(&collection, self.upkeep.collector.now());
        }
        Ok(Response::new(upkeep::collected(removed, collection)))
    }

    async fn compact(&self, request: Request<CompactRequest>) -> Result<Response<CompactResponse>, Status> {
        let CompactRequest { run_id, table, exchange, from_month, to_month } = request.into_inner();
        let of = (parse_name("table", &table)?, parse_name("exchange", &exchange)?);
        let months = (parse_name("from_month", &from_month)?, parse_name("to_month", &to_month)?);
        let done = self.upkeep.compactor.compact(of, months, &run_id).await.map_err(status)?;
        Ok(Response::new(done.into()))
    }
}

/// Events of a sweep that wait for a slow caller.
const EVENTS_AHEAD: usize = 64;

impl From<Written> for WireWritten {
    fn from(written: Written) -> Self {
        Self { curated: Some(written.curated.into()), unchanged: written.unchanged }
    }
}

fn status(error: WriteError) -> Status {
    let kind = error.kind();
    error!(%error, kind = kind.as_str(), "call failed");
    kind.status(error.to_string())
}
