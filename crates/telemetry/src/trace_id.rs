//! A trace id set around an operation, read inside it, and cleared behind it.
//!
//! Most work needs none of this: a call that comes in over gRPC has its caller's trace already, and a span begins a new
//! one. It is for work whose trace id comes from elsewhere: from a journal, a manifest, a queue, a ticket.
//!
//! There is one truth about the trace, the current span. A scope is a span of the given trace: its log lines carry the id
//! at the top level, spans inside become part of the trace, and calls that leave the process hand it on.
//!
//! ```
//! use champion_telemetry::trace_id::{self, TraceId};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # champion_telemetry::testing::Recorder::install();
//! let id: TraceId = "0af7651916cd43dd8448eb211c80319c".parse()?;
//! // Set around async work, and kept across its awaits; `spawn` and `spawn_blocking` take it along.
//! let seen = trace_id::scope(id, async {
//!     tracing::info!("this line carries the id");
//!     trace_id::spawn(async { trace_id::current() }).await
//! });
//! assert_eq!(seen.await?, Some(id));
//! // Set for synchronous work, until the guard is cleared or dropped.
//! let guard = trace_id::set(id);
//! assert_eq!(trace_id::current(), Some(id));
//! guard.clear();
//! assert_eq!(trace_id::current(), None);
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::future::Future;
use std::str::FromStr;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId as OtelTraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use thiserror::Error;
use tokio::task::JoinHandle;
use tracing::span::EnteredSpan;
use tracing::{Instrument, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::context;

/// Hex digits of an id.
const DIGITS: usize = 32;

/// The id of a trace: 32 lower-case hexadecimal digits, not all of them zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(OtelTraceId);

/// A text that is no trace id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a trace id: expected 32 lower-case hexadecimal digits that are not all zero")]
pub struct InvalidTraceId;

impl TraceId {
    /// Makes a new random id.
    #[must_use]
    pub fn random() -> Self {
        Self(RandomIdGenerator::default().new_trace_id())
    }
}

impl FromStr for TraceId {
    type Err = InvalidTraceId;

    fn from_str(text: &str) -> Result<Self, InvalidTraceId> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != DIGITS || !digits {
            return Err(InvalidTraceId);
        }
        let id = OtelTraceId::from_hex(text).map_err(|_| InvalidTraceId)?;
        if id == OtelTraceId::INVALID { Err(InvalidTraceId) } else { Ok(Self(id)) }
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Returns the trace id of the current span, whoever began it; `None` outside of any.
#[must_use]
pub fn current() -> Option<TraceId> {
    context::current_trace_id()?.parse().ok()
}

/// Runs a future under a trace id, and behind it whatever was current before is current again.
///
/// The id holds across awaits and threads. Tasks that the future spawns do not inherit it, as with any span: see
/// [`spawn`] and [`spawn_blocking`].
pub fn scope<F: Future>(id: TraceId, future: F) -> impl Future<Output = F::Output> {
    future.instrument(span_of(id))
}

/// Sets a trace id for synchronous work until the guard is cleared or dropped; guards end in the reverse order.
///
/// In async code use [`scope`]: a guard must not live across an await, and the compiler refuses it in spawned tasks.
#[must_use = "the id is cleared when the guard is dropped"]
pub fn set(id: TraceId) -> TraceIdGuard {
    TraceIdGuard(span_of(id).entered())
}

/// Keeps a trace id set on this thread.
#[derive(Debug)]
#[must_use = "the id is cleared when the guard is dropped"]
pub struct TraceIdGuard(#[expect(dead_code, reason = "it is held for its end")] EnteredSpan);

impl TraceIdGuard {
    /// Clears the id; what was current before is current again.
    pub fn clear(self) {}
}

/// Spawns a task that keeps the trace, and the span, of its spawner.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future.in_current_span())
}

/// Runs a closure on a blocking thread with the trace, and the span, of its spawner.
pub fn spawn_blocking<F, R>(work: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
}

/// Makes the span that is the scope: the first one of this process in the trace.
///
/// OpenTelemetry has no trace without a parent's span id, so a remote parent is named that nobody has seen.
fn span_of(id: TraceId) -> Span {
    let parent = RandomIdGenerator::default().new_span_id();
    debug_assert_ne!(parent, SpanId::INVALID);
    let ids = SpanContext::new(id.0, parent, TraceFlags::SAMPLED, true, TraceState::default());
    let span = info_span!(parent: None, "operation");
    // It fails for a span that has begun, and this one has not.
    let _ = span.set_parent(Context::new().with_remote_span_context(ids));
    span
}
