//! What both protocols do with an export: convert, queue, count, answer.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;

use crate::config::IDENTITY;
use crate::convert;
use crate::metrics::{Dropped, Metrics, Protocol};
use crate::queue::Queue;

/// The way in. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    queue: Arc<Queue>,
    metrics: Metrics,
}

impl Intake {
    pub(crate) fn new(queue: Arc<Queue>, metrics: Metrics) -> Self {
        Self { queue, metrics }
    }

    /// Takes an export in. Spans there is no room for are reported as rejected, which tells an exporter not to send them
    /// again: it is not to pile up what the collector cannot hold either.
    pub(crate) fn export(&self, request: ExportTraceServiceRequest, protocol: Protocol) -> ExportTraceServiceResponse {
        let mut rows = Vec::new();
        for spans in request.resource_spans {
            if convert::service_name(&spans) == IDENTITY.name {
                let own = count(&spans);
                self.metrics.received(protocol, own);
                self.metrics.dropped(Dropped::Own, own);
            } else {
                rows.extend(convert::rows(spans));
            }
        }
        self.metrics.received(protocol, rows.len());
        let rejected = self.queue.offer(rows);
        self.metrics.queued.set(i64::try_from(self.queue.len()).unwrap_or(i64::MAX));
        self.metrics.dropped(Dropped::QueueFull, rejected);
        let partial_success = (rejected > 0).then(|| ExportTracePartialSuccess {
            rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
            error_message: "no room: the warehouse is slow or away".to_owned(),
        });
        ExportTraceServiceResponse { partial_success }
    }
}

fn count(spans: &ResourceSpans) -> usize {
    spans.scope_spans.iter().map(|scope| scope.spans.len()).sum()
}
