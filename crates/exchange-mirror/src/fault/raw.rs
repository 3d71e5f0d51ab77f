//! Faults of the wire: what a broken connection sends.

use std::io;
use std::time::Duration;

use super::rule::{Kind, Rule};
use crate::answer::Answer;
use crate::server::Wire;

/// Milliseconds between the bytes of a drip when the rule does not say.
const DRIP_INTERVAL_MS: u64 = 1_000;

/// Tells whether the fault needs an answer to spoil; a reset and a stall do not.
pub(crate) const fn spoils_body(kind: Kind) -> bool {
    !matches!(kind, Kind::Reset | Kind::Stall)
}

/// Plays a fault of the stage `Wire` with the answer that would have been sent, then lets go of the connection.
pub(crate) async fn play(rule: &Rule, wire: &Wire, answer: Answer) -> io::Result<()> {
    match rule.kind {
        Kind::Reset => wire.reset_on_close(),
        Kind::Drip => drip(rule, wire, &answer).await,
        Kind::BadChunk => {
            wire.send(&answer.raw_head("transfer-encoding: chunked")).await?;
            let half = &answer.body[..answer.body.len() / 2];
            wire.send(format!("{:x}\r\n", half.len().max(1)).as_bytes()).await?;
            wire.send(if half.is_empty() { b"x" } else { half }).await?;
            wire.send(b"\r\nnot a chunk size\r\n").await
        }
        Kind::TruncatedBody => {
            wire.send(&answer.raw_head(&content_length(&answer))).await?;
            wire.send(&answer.body[..answer.body.len() / 2]).await
        }
        // A stall ends when the client gives up or the process stops: the connection is dropped then.
        _ => std::future::pending().await,
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
