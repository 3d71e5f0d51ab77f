//! Which headers carry the trace context, as `OTEL_PROPAGATORS` says; W3C trace context and baggage by default.

use std::sync::OnceLock;

use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

/// The propagators in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Propagators {
    pub(crate) trace_context: bool,
    pub(crate) baggage: bool,
}

/// The OpenTelemetry specification's default.
impl Default for Propagators {
    fn default() -> Self {
        Self { trace_context: true, baggage: true }
    }
}

impl Propagators {
    pub(crate) const fn none() -> Self {
        Self { trace_context: false, baggage: false }
    }

    fn build(self) -> TextMapCompositePropagator {
        let mut propagators: Vec<Box<dyn TextMapPropagator + Send + Sync>> = Vec::new();
        if self.trace_context {
            propagators.push(Box::new(TraceContextPropagator::new()));
        }
        if self.baggage {
            propagators.push(Box::new(BaggagePropagator::new()));
        }
        TextMapCompositePropagator::new(propagators)
    }

    /// Makes them those of the process; the first call wins, as with the subscriber.
    pub(crate) fn install(self) {
        let _ = IN_USE.set(self.build());
    }
}

// As global as `tracing`'s own subscriber, and set together with it.
static IN_USE: OnceLock<TextMapCompositePropagator> = OnceLock::new();

/// Returns the propagators of the process.
pub(crate) fn in_use() -> &'static TextMapCompositePropagator {
    IN_USE.get_or_init(|| Propagators::default().build())
}
