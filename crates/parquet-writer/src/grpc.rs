//! The wire side: decode, call, encode, map errors.

use champion_market_data::StagedArtifact;
use champion_proto::writer::v1::writer_service_server::WriterService;
use champion_proto::writer::v1::{WriteRequest, WriteResponse, Written as WireWritten};
use champion_proto::{WireError, writer};
use champion_telemetry::context;
use tonic::{Request, Response, Status, async_trait};
use tracing::error;

use crate::WriteError;
use crate::publisher::{Publisher, Run, Written};

/// The generated service over a [`Publisher`].
pub(crate) type GrpcServer = writer::v1::writer_service_server::WriterServiceServer<Grpc>;

#[derive(Debug)]
pub(crate) struct Grpc {
    publisher: Publisher,
}

impl Grpc {
    pub(crate) const fn new(publisher: Publisher) -> Self {
        Self { publisher }
    }
}

#[async_trait]
impl WriterService for Grpc {
    async fn write(&self, request: Request<WriteRequest>) -> Result<Response<WriteResponse>, Status> {
        let WriteRequest { run_id, staged } = request.into_inner();
        let artifacts = staged.into_iter().map(StagedArtifact::try_from).collect::<Result<Vec<_>, WireError>>()?;
        let run = Run { run_id, trace_id: context::current_trace_id() };
        let written = self.publisher.write_all(&artifacts, &run).await.map_err(status)?;
        Ok(Response::new(WriteResponse { written: written.into_iter().map(WireWritten::from).collect() }))
    }
}

impl From<Written> for WireWritten {
    fn from(written: Written) -> Self {
        Self { curated: Some(written.curated.into()), unchanged: written.unchanged }
    }
}

fn status(error: WriteError) -> Status {
    let kind = error.kind();
    error!(%error, kind = kind.as_str(), "write failed");
    kind.status(error.to_string())
}
