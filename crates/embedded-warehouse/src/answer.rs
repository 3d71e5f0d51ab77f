//! An answer on its way from the thread that runs the statement to the socket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::coding::Encoder;
use crate::engine::Counts;
use crate::exception::{Code, Exception};
use crate::execute::Shared;
use crate::pool::{CancelOnDrop, Ticket};
use crate::request::Request;

/// What is held back before an answer begins, so that an early error still has its own status and a small answer its
/// length and whole summary; ClickHouse holds back as much.
const HELD_BACK: usize = 1024 * 1024;
/// Pieces on their way to a client that reads slowly.
const IN_FLIGHT: usize = 4;

/// Time between an error's text inside an answer and the cut that ends it: the server throws away what it has not written
/// when it cuts, and nothing tells when it has. A client that reads slower than this misses the text, not the cut.
const LINGER: Duration = Duration::from_millis(200);

/// What the headers say.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) format: String,
    pub(crate) counts: Counts,
    pub(crate) elapsed: Duration,
}

/// An answer that has begun.
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: AnswerBody,
}

/// The bytes of an answer.
pub(crate) enum AnswerBody {
    Whole(Bytes),
    Stream(Bytes, mpsc::Receiver<Frame>),
}

/// A piece of a streamed answer; without a last [`Frame::End`] it is cut off.
pub(crate) enum Frame {
    Data(Bytes),
    End,
}

impl AnswerBody {
    /// Makes it a body; the request is given up when the body is dropped before its end.
    pub(crate) fn into_body(self, cancel: CancelOnDrop) -> Body {
        let (first, receiver) = match self {
            Self::Whole(bytes) => return Body::from(bytes),
            Self::Stream(first, receiver) => (first, receiver),
        };
        Body::from_stream(stream::unfold(Some((Some(first), receiver, cancel)), |state| async {
            let (first, mut receiver, cancel) = state?;
            if let Some(first) = first {
                return Some((Ok(first), Some((None, receiver, cancel))));
            }
            match receiver.recv().await {
                Some(Frame::Data(data)) => Some((Ok(data), Some((None, receiver, cancel)))),
                Some(Frame::End) => None,
                None => {
                    tokio::time::sleep(LINGER).await;
                    Some((Err(std::io::Error::other("the statement failed after its answer had begun")), None))
                }
            }
        }))
    }
}

/// Where a statement puts its answer.
pub(crate) struct Outlet<'s> {
    shared: &'s Shared,
    ticket: Arc<Ticket>,
    tag: String,
    reply: Option<oneshot::Sender<Result<Answer, Exception>>>,
    encoder: Option<Encoder>,
    held: Vec<Bytes>,
    held_size: usize,
    head: Option<Head>,
    counts: Counts,
    stream: Option<mpsc::Sender<Frame>>,
    coding: crate::request::AnswerCoding,
}

impl<'s> Outlet<'s> {
    /// Creates the outlet of one request.
    pub(crate) fn new(
        reply: oneshot::Sender<Result<Answer, Exception>>,
        ticket: Arc<Ticket>,
        request: &Request,
        tag: String,
        shared: &'s Shared,
    ) -> Self {
        Self {
            shared,
            ticket,
            tag,
            reply: Some(reply),
            encoder: None,
            held: Vec::new(),
            held_size: 0,
            head: None,
            counts: Counts::default(),
            stream: None,
            coding: request.answer_coding,
        }
    }

    /// Takes a whole answer; it is sent by [`Outlet::complete`].
    pub(crate) fn whole(&mut self, head: Head, bytes: Bytes) -> Result<(), Exception> {
        let bytes = self.encode(bytes)?;
        self.held.push(bytes);
        self.head = Some(head);
        Ok(())
    }

    /// Takes a block of a streamed answer and sends it once enough is held back.
    pub(crate) fn block(
        &mut self,
        format: &str,
        counts: Counts,
        bytes: Bytes,
        started: Instant,
    ) -> Result<(), Exception> {
        self.counts += counts;
        let bytes = self.encode(bytes)?;
        if self.stream.is_some() {
            return self.send(Frame::Data(bytes));
        }
        self.held_size += bytes.len();
        self.held.push(bytes);
        if self.held_size < HELD_BACK {
            return Ok(());
        }
        let (sender, receiver) = mpsc::channel(IN_FLIGHT);
        self.stream = Some(sender);
        let head = Head { format: format.to_owned(), counts: self.counts, elapsed: started.elapsed() };
        let body = AnswerBody::Stream(self.held_bytes(), receiver);
        self.reply(Ok(Answer { head, body }));
        Ok(())
    }

    /// Notes the end of a streamed answer; it is sent by [`Outlet::complete`].
    pub(crate) fn end(&mut self, format: &str, started: Instant) {
        self.head = Some(Head { format: format.to_owned(), counts: self.counts, elapsed: started.elapsed() });
    }

    /// Sends what is left, once the connection is free again.
    pub(crate) fn complete(&mut self) -> Result<(), Exception> {
        let last = self.finish_encoding()?;
        self.ticket.finish();
        if self.stream.is_some() {
            if !last.is_empty() {
                self.send(Frame::Data(last))?;
            }
            return self.send(Frame::End);
        }
        self.held.push(last);
        let head = self.head.take();
        let head = head.ok_or_else(|| Exception::from_engine("a statement ended without an answer"))?;
        let body = AnswerBody::Whole(self.held_bytes());
        self.reply(Ok(Answer { head, body }));
        Ok(())
    }

    /// Sends an error: as the answer, or, when that has begun, as its tagged end, after which the connection is cut.
    pub(crate) fn fail(&mut self, error: Exception) {
        self.ticket.finish();
        if self.stream.is_none() {
            self.reply(Err(error));
            return;
        }
        let text = error.body(self.shared.engine.version());
        let (tag, length) = (&self.tag, text.len());
        let trailer = format!("\r\n__exception__\r\n{tag}\r\n{text}{length} {tag}\r\n__exception__\r\n");
        let packed = self.encode(Bytes::from(trailer)).and_then(|bytes| Ok([bytes, self.finish_encoding()?].concat()));
        if let Ok(bytes) = packed {
            // A client that is gone needs no error.
            let _ = self.send(Frame::Data(bytes.into()));
        }
        self.stream = None;
    }

    fn encode(&mut self, bytes: Bytes) -> Result<Bytes, Exception> {
        let mut encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => Encoder::new(self.coding).map_err(cannot_encode)?,
        };
        let bytes = encoder.push(bytes).map_err(cannot_encode)?;
        self.encoder = Some(encoder);
        Ok(bytes)
    }

    fn finish_encoding(&mut self) -> Result<Bytes, Exception> {
        self.encoder.take().map_or(Ok(Bytes::new()), |encoder| encoder.finish().map_err(cannot_encode))
    }

    fn held_bytes(&mut self) -> Bytes {
        self.held.retain(|bytes| !bytes.is_empty());
        match self.held.len() {
            1 => self.held.remove(0),
            _ => std::mem::take(&mut self.held).concat().into(),
        }
    }

    fn reply(&mut self, answer: Result<Answer, Exception>) {
        if let Some(reply) = self.reply.take() {
            // A client that is gone needs no answer.
            let _ = reply.send(answer);
        }
    }

    fn send(&mut self, frame: Frame) -> Result<(), Exception> {
        let Some(stream) = &self.stream else { return Ok(()) };
        let sent = self.shared.runtime.block_on(async { timeout(self.shared.idle, stream.send(frame)).await });
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Exception::new(Code::NETWORK_ERROR, "The client went away while reading the answer")),
            Err(_) => {
                let text = "Timeout exceeded while the client did not read the answer (limits.idle_seconds)";
                Err(Exception::new(Code::SOCKET_TIMEOUT, text))
            }
        }
    }
}

fn cannot_encode(error: std::io::Error) -> Exception {
    Exception::from_engine(&format!("cannot compress the answer: {error}"))
}
