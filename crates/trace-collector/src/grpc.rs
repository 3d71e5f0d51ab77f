//! OTLP over gRPC.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::{Request, Response, Status};

use crate::intake::Intake;
use crate::metrics::Protocol;

/// The OTLP trace service.
#[derive(Debug)]
pub(crate) struct Grpc {
    intake: Intake,
}

/// Returns the service for the server; `most` caps a message.
pub(crate) fn service(intake: Intake, most: usize) -> TraceServiceServer<Grpc> {
    TraceServiceServer::new(Grpc { intake }).max_decoding_message_size(most)
}

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(self.intake.export(request.into_inner(), Protocol::Grpc)))
    }
}
