//! The OTLP exporter, over gRPC or HTTP.

use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};

use crate::traces::settings::{Export, Protocol};

/// Builds the exporter; nothing is sent and no connection is made yet.
pub(crate) fn build(target: &Export) -> Result<SpanExporter, ExporterBuildError> {
    match target.protocol {
        Protocol::Grpc => {
            SpanExporter::builder().with_tonic().with_endpoint(&target.endpoint).with_timeout(target.timeout).build()
        }
        Protocol::HttpProtobuf => SpanExporter::builder()
            .with_http()
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_endpoint(&target.endpoint)
            .with_timeout(target.timeout)
            .build(),
    }
}
