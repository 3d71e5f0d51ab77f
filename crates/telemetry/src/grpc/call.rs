//! One call from its request to the end of its response.

use std::time::{Duration, Instant};

use http::HeaderMap;
use opentelemetry::trace::Status;
use tonic::Code;
use tracing::{Span, debug, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::grpc::method::Method;
use crate::grpc::metrics::{CallMetrics, Side, Started};
use crate::grpc::status::{is_server_fault, status_code_name};
use crate::grpc::timeout::timeout_of;
use crate::semconv;

/// Part of a deadline after which a dropped call is taken as too late rather than as unwanted.
const NEARLY: f64 = 0.9;

/// A call in progress; whoever drops it before its end has cancelled it.
#[derive(Debug)]
pub(super) struct Call {
    side: Side,
    span: Span,
    started: Option<Started>,
    begun: Instant,
    deadline: Option<Duration>,
    ended: bool,
}

impl Call {
    /// Begins a call with its span not yet entered, so that a parent can still be set.
    pub(super) fn begin(side: Side, method: Method<'_>, metrics: Option<&CallMetrics>, headers: &HeaderMap) -> Self {
        Self {
            side,
            span: if method.is_untraced() { Span::none() } else { span(side, method) },
            started: metrics.map(|metrics| metrics.start(method)),
            begun: Instant::now(),
            deadline: timeout_of(headers),
            ended: false,
        }
    }

    pub(super) const fn span(&self) -> &Span {
        &self.span
    }

    /// Ends the call: once, later calls change nothing. The message is what a person reads on a failed span.
    pub(super) fn end(&mut self, code: Code, message: &str) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let elapsed = self.begun.elapsed();
        if let Some(started) = self.started.take() {
            started.finish(code, elapsed);
        }
        let name = status_code_name(code);
        self.span.set_attribute(semconv::RPC_RESPONSE_STATUS_CODE, name);
        let failed = match self.side {
            Side::Client => code != Code::Ok,
            Side::Server => is_server_fault(code),
        };
        if failed {
            self.span.set_attribute(semconv::ERROR_TYPE, name);
            self.span.set_status(Status::error(message.to_owned()));
        }
        self.span
            .in_scope(|| debug!(side = self.side.as_str(), code = name, seconds = elapsed.as_secs_f64(), "call ended"));
        // The span ends with its last handle, and this may be it.
        self.span = Span::none();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // The transport enforces a deadline by dropping the call.
        // Its caller's clock began with the request on its way: the end comes early by the clock of the server.
        if self.deadline.is_some_and(|deadline| self.begun.elapsed() >= deadline.mul_f64(NEARLY)) {
            self.end(Code::DeadlineExceeded, "dropped after its deadline");
        } else {
            self.end(Code::Cancelled, "dropped before its end");
        }
    }
}

fn span(side: Side, method: Method<'_>) -> Span {
    let span = match side {
        Side::Client => info_span!("grpc.call", otel.name = method.full, otel.kind = side.as_str()),
        // The parent of a server's span is in the request, never what happens to be current.
        Side::Server => info_span!(parent: None, "grpc.call", otel.name = method.full, otel.kind = side.as_str()),
    };
    span.set_attribute(semconv::RPC_SYSTEM_NAME, "grpc");
    span.set_attribute(semconv::RPC_METHOD, method.full.to_owned());
    span
}
