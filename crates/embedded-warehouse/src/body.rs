//! A request's body on its way from the async side to the thread that runs the statement.

use std::io::{self, Read};
use std::time::Duration;

use axum::body::Body;
use bytes::{Buf, Bytes};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::exception::{Code, Exception};

/// A body up to this size is read before its request takes a thread, so that a slow client holds none.
const READ_AHEAD: usize = 256 * 1024;
/// Pieces on their way; each is what the socket gave at once.
const IN_FLIGHT: usize = 8;
/// What is read and thrown away after a failed insert, so that a client that is still sending reads the answer.
const DRAINED: u64 = 64 * 1024 * 1024;

/// One piece; without a last [`Piece::End`] the body was cut off.
enum Piece {
    Data(Bytes),
    End,
    Failed(Exception),
}

/// The body as the thread reads it.
pub(crate) struct BodyReader {
    current: Bytes,
    /// `None`: everything is in `current`.
    more: Option<mpsc::Receiver<Piece>>,
}

impl BodyReader {
    /// A body that is already whole.
    pub(crate) const fn whole(data: Bytes) -> Self {
        Self { current: data, more: None }
    }
}

impl Read for BodyReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            let Some(more) = &mut self.more else { return Ok(0) };
            match more.blocking_recv() {
                Some(Piece::Data(data)) => self.current = data,
                Some(Piece::End) => self.more = None,
                Some(Piece::Failed(error)) => return Err(io::Error::other(error)),
                None => {
                    let error = Exception::new(Code::NETWORK_ERROR, "The client went away while sending the request");
                    return Err(io::Error::other(error));
                }
            }
        }
        let size = out.len().min(self.current.len());
        self.current.copy_to_slice(&mut out[..size]);
        Ok(size)
    }
}

/// Bounds of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) bytes: u64,
    pub(crate) idle: Duration,
}

/// A body of which the first part is read.
struct Incoming {
    stream: axum::body::BodyDataStream,
    limits: BodyLimits,
    read: u64,
}

impl Incoming {
    /// Reads the next piece; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Exception> {
        let piece = match timeout(self.limits.idle, self.stream.next()).await {
            Err(_) => {
                let text = "Timeout exceeded while reading the request body (limits.idle_seconds)";
                return Err(Exception::new(Code::SOCKET_TIMEOUT, text));
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => {
                return Err(Exception::new(Code::NETWORK_ERROR, format!("Cannot read the request body: {error}")));
            }
            Ok(Some(Ok(piece))) => piece,
        };
        self.read += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if self.read > self.limits.bytes {
            return Err(Exception::new(Code::TOO_MANY_BYTES, "The request body is longer than limits.body_bytes"));
        }
        Ok(Some(piece))
    }
}

/// Starts reading a body: a short one whole, a long one by a task that goes on while the statement runs.
///
/// # Errors
///
/// Fails when the client stops sending or sends too much.
pub(crate) async fn open(body: Body, limits: BodyLimits) -> Result<BodyReader, Exception> {
    let mut incoming = Incoming { stream: body.into_data_stream(), limits, read: 0 };
    let mut ahead: Vec<Bytes> = Vec::new();
    let mut size = 0;
    while size < READ_AHEAD {
        match incoming.next().await? {
            Some(piece) => {
                size += piece.len();
                ahead.push(piece);
            }
            None => return Ok(BodyReader::whole(joined(ahead))),
        }
    }
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    tokio::spawn(forward(incoming, sender));
    Ok(BodyReader { current: joined(ahead), more: Some(receiver) })
}

fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() == 1 { pieces.remove(0) } else { pieces.concat().into() }
}

async fn forward(mut incoming: Incoming, sender: mpsc::Sender<Piece>) {
    loop {
        let (piece, last) = match incoming.next().await {
            Ok(Some(data)) => (Piece::Data(data), false),
            Ok(None) => (Piece::End, true),
            Err(error) => (Piece::Failed(error), true),
        };
        if sender.send(piece).await.is_err() {
            return drain(incoming).await;
        }
        if last {
            return;
        }
    }
}

async fn drain(mut incoming: Incoming) {
    let stop = incoming.read.saturating_add(DRAINED);
    while let Ok(Some(_)) = incoming.next().await {
        if incoming.read > stop {
            return;
        }
    }
}
