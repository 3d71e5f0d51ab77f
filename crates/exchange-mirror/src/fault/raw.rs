//! Faults of the wire: what a broken connection sends.

use std::io;
use std::time::Duration;

use super::kind::WireFault;
use super::rule::Rule;
use crate::answer::Answer;
use crate::server::Wire;

/// Milliseconds between the bytes of a drip when the rule does not say.
const DRIP_INTERVAL_MS: u64 = 1_000;

/// Tells whether the fault needs an answer to spoil; a reset and a stall do not.
pub(crate) const fn needs_answer(fault: WireFault) -> bool {
    match fault {
        WireFault::Reset | WireFault::Stall => false,
        WireFault::Drip | WireFault::TruncatedBody | WireFault::BadChunk => true,
    }
}

/// Plays a fault with the answer that would have been sent.
pub(crate) async fn play(fault: WireFault, rule: &Rule, wire: &Wire, answer: &Answer) -> io::Result<()> {
    match fault {
        WireFault::Reset => wire.reset_on_close(),
        WireFault::Drip => drip(rule, wire, answer).await,
        WireFault::BadChunk => {
            wire.send(&answer.raw_head("transfer-encoding: chunked")).await?;
            let half = &answer.body[..answer.body.len() / 2];
            wire.send(format!("{:x}\r\n", half.len().max(1)).as_bytes()).await?;
            wire.send(if half.is_empty() { b"x" } else { half }).await?;
            wire.send(b"\r\nnot a chunk size\r\n").await
        }
        WireFault::TruncatedBody => {
            wire.send(&answer.raw_head(&content_length(answer))).await?;
            wire.send(&answer.body[..answer.body.len() / 2]).await
        }
        // A stall ends when the client gives up or the process stops: the connection is dropped then.
        WireFault::Stall => std::future::pending().await,
    }
}

async fn drip(rule: &Rule, wire: &Wire, answer: &Answer) -> io::Result<()> {
    let interval = Duration::from_millis(rule.interval_ms.unwrap_or(DRIP_INTERVAL_MS));
    wire.send(&answer.raw_head(&content_length(answer))).await?;
    for byte in &answer.body {
        wire.send(std::slice::from_ref(byte)).await?;
        tokio::time::sleep(interval).await;
    }
    Ok(())
}

/// An empty answer still promises one byte, or there would be nothing to spoil.
fn content_length(answer: &Answer) -> String {
    format!("content-length: {}", answer.body.len().max(1))
}
