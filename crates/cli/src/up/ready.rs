//! Waiting for a service until its addresses are known and it says that it is ready.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::child::Child;
use super::plan::address_file;
use crate::endpoints::Endpoint;

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Longest time one look may take.
const LOOK_DEADLINE: Duration = Duration::from_secs(2);

/// Waits until the service answers `/readyz` with 200 and returns its addresses.
///
/// # Errors
/// Fails when the service ends or does not become ready within the deadline; with its last words.
pub(super) async fn wait(child: &mut Child, data: &Path, deadline: Duration) -> anyhow::Result<Endpoint> {
    let end = Instant::now() + deadline;
    let file = address_file(data, child.name());
    loop {
        if let Some(status) = child.has_ended() {
            // Its last lines are still on their way into the log.
            tokio::time::sleep(LOOK_EVERY * 5).await;
            let words = child.last_words();
            let remedy = if words.contains("Address already in use") { PORT_TAKEN } else { "" };
            bail!("{} ended with {status} before it was ready:\n{words}{remedy}", child.name());
        }
        if let Some(endpoint) = read(&file)
            && is_ready(&endpoint).await
        {
            return Ok(endpoint);
        }
        if Instant::now() >= end {
            bail!("{} was not ready after {deadline:?}:\n{}", child.name(), child.last_words());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What to do about a port that somebody has.
const PORT_TAKEN: &str = "\nanother process has that port: `ss -ltnp` or `lsof -nP -iTCP -sTCP:LISTEN` names it; end it, or \
                          start with --ports auto";

fn read(file: &Path) -> Option<Endpoint> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

/// Without an admin port (taken by somebody else) there is nobody to ask: bound counts as ready.
async fn is_ready(endpoint: &Endpoint) -> bool {
    match &endpoint.admin {
        None => true,
        Some(admin) => matches!(tokio::time::timeout(LOOK_DEADLINE, ask(admin)).await, Ok(Ok(true))),
    }
}

/// One request over a plain socket: an HTTP client for a single status line would be a dependency for nothing.
async fn ask(admin: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(admin).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    Ok(status.ends_with(b" 200"))
}
