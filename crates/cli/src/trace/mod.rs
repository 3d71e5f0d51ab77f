//! `champion trace`: one run as one trace, read from the warehouse table `otel_traces` and drawn in the terminal.

mod span;
mod tree;
mod waterfall;

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

pub use span::Span;
pub use waterfall::{Style, draw};

/// What to show.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most lines; groups of like siblings are folded until the trace fits. 0 shows every span.
    pub max_lines: usize,
    /// How to draw.
    pub style: Style,
    /// Longest wait for spans that are still on their way.
    pub wait: Duration,
}

/// Pause between two looks at a trace that is still arriving.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Reads the spans of a trace; waits until the trace has its root and has stopped growing.
///
/// # Errors
/// Fails when the warehouse does not answer.
pub async fn read(warehouse: &clickhouse::Client, trace_id: &str, wait: Duration) -> anyhow::Result<Vec<Span>> {
    let end = Instant::now() + wait;
    let mut spans = span::fetch(warehouse, trace_id).await.context("cannot read otel_traces")?;
    loop {
        if Instant::now() >= end {
            return Ok(spans);
        }
        tokio::time::sleep(LOOK_EVERY).await;
        let again = span::fetch(warehouse, trace_id).await.context("cannot read otel_traces")?;
        let settled = again.len() == spans.len() && tree::is_whole(&again);
        spans = again;
        if settled {
            return Ok(spans);
        }
    }
}

/// Reads and draws a trace.
///
/// # Errors
/// Fails when the warehouse does not answer or holds no span of the trace.
pub async fn show(warehouse: &clickhouse::Client, trace_id: &str, options: &Options) -> anyhow::Result<String> {
    let spans = read(warehouse, trace_id, options.wait).await?;
    anyhow::ensure!(!spans.is_empty(), "the warehouse holds no span of trace {trace_id}");
    Ok(draw(&spans, options.max_lines, options.style))
}
