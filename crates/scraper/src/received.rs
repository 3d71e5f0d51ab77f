//! What one request brought: an answer, or the way it broke off.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What one request brought.
#[derive(Debug, Clone)]
pub enum Received {
    /// A whole answer.
    Answer(Answer),
    /// No answer, or only a part of one.
    Failure(Failure),
}

/// A whole answer.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers that matter.
    pub headers: HeaderFacts,
    /// The body, decompressed where the transport had compressed it.
    pub body: Bytes,
}

/// The headers that matter; never cookies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderFacts {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Length`, absent where the transport had compressed the body.
    pub content_length: Option<u64>,
    /// `Last-Modified`; a corrected file changes it.
    pub last_modified: Option<String>,
    /// `ETag`; a corrected file changes it.
    pub etag: Option<String>,
    /// `Date`.
    pub date: Option<String>,
    /// `Retry-After`, in seconds or as a date.
    pub retry_after: Option<String>,
}

/// How a request broke off.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The kind.
    pub kind: FailureKind,
    /// What a person should read.
    pub detail: String,
}

/// The ways a request breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection, or it was lost before the answer began: DNS, TCP, TLS handshake, reset, `GOAWAY`.
    NoAnswer,
    /// The certificate is not to be trusted.
    Certificate,
    /// Too few bytes for too long.
    Stalled,
    /// The body ended early or is malformed as HTTP.
    BrokenBody,
    /// The body is longer than any report.
    TooLong,
    /// A redirect that is not followed.
    Redirect,
}
