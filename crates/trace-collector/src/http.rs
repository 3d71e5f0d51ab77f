//! OTLP over HTTP: `POST /v1/traces` with protobuf, plain or gzip.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use ::http::{HeaderMap, Method, StatusCode};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::sync::Semaphore;

use crate::intake::Intake;
use crate::metrics::Protocol;

/// OTLP over HTTP is sent, and never read.
pub(crate) const METHODS: &[Method] = &[Method::POST];
const PROTOBUF: &str = "application/x-protobuf";

/// What a handler needs.
#[derive(Debug, Clone)]
struct Receiver {
    intake: Intake,
    slots: Arc<Semaphore>,
    most_bytes: usize,
    timeout: Duration,
}

/// Returns the router. `most_bytes` caps an export once decompressed, `concurrent` the exports at the same time.
pub(crate) fn router(intake: Intake, most_bytes: usize, concurrent: usize, timeout: Duration) -> Router {
    let slots = Arc::new(Semaphore::new(concurrent.min(Semaphore::MAX_PERMITS)));
    Router::new().route("/v1/traces", post(traces)).with_state(Receiver { intake, slots, most_bytes, timeout })
}

async fn traces(State(receiver): State<Receiver>, headers: HeaderMap, body: Body) -> Response {
    match receive(&receiver, &headers, body).await {
        Ok(answer) => ([(CONTENT_TYPE, PROTOBUF)], answer).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn receive(receiver: &Receiver, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Refusal> {
    let Ok(_slot) = receiver.slots.try_acquire() else {
        return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, "too many exports at once".to_owned()));
    };
    let encoding = Encoding::of(headers)?;
    let read = axum::body::to_bytes(body, receiver.most_bytes);
    let received = tokio::time::timeout(receiver.timeout, read)
        .await
        .map_err(|_| Refusal(StatusCode::REQUEST_TIMEOUT, "the export did not arrive in time".to_owned()))?
        .map_err(|_| too_large(receiver.most_bytes))?;
    let message = encoding.decode(received, receiver.most_bytes)?;
    let request = ExportTraceServiceRequest::decode(message)
        .map_err(|error| Refusal(StatusCode::BAD_REQUEST, format!("not an export of traces: {error}")))?;
    Ok(receiver.intake.export(request, Protocol::Http).encode_to_vec())
}

fn too_large(most: usize) -> Refusal {
    Refusal(StatusCode::PAYLOAD_TOO_LARGE, format!("the export is longer than {most} bytes, or broke off"))
}

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let refuse = |reason: &str| Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason.to_owned()));
        let value = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?").trim());
        let content_type = value(CONTENT_TYPE).and_then(|value| value.split(';').next()).map(str::trim);
        if !content_type.is_some_and(|value| value.eq_ignore_ascii_case(PROTOBUF)) {
            return refuse("expected Content-Type: application/x-protobuf");
        }
        match value(CONTENT_ENCODING) {
            None | Some("" | "identity") => Ok(Self::Plain),
            Some("gzip") => Ok(Self::Gzip),
            Some(_) => refuse("expected Content-Encoding: gzip, or none"),
        }
    }

    fn decode(self, body: Bytes, most: usize) -> Result<Bytes, Refusal> {
        if self == Self::Plain {
            return Ok(body);
        }
        let mut decoded = Vec::new();
        let read = GzDecoder::new(body.as_ref()).take(most as u64 + 1).read_to_end(&mut decoded);
        read.map_err(|error| Refusal(StatusCode::BAD_REQUEST, format!("not gzip: {error}")))?;
        if decoded.len() > most { Err(too_large(most)) } else { Ok(Bytes::from(decoded)) }
    }
}

/// An export that is refused, and why.
#[derive(Debug)]
struct Refusal(StatusCode, String);

/// `google.rpc.Status`, the body OTLP gives an error.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        let code = match status {
            StatusCode::SERVICE_UNAVAILABLE => tonic::Code::Unavailable,
            StatusCode::REQUEST_TIMEOUT => tonic::Code::DeadlineExceeded,
            _ => tonic::Code::InvalidArgument,
        };
        let body = RpcStatus { code: code as i32, message }.encode_to_vec();
        let mut response = (status, [(CONTENT_TYPE, PROTOBUF)], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, ::http::HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    fn zipped(bytes: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("memory");
        Bytes::from(encoder.finish().expect("memory"))
    }

    #[test]
    fn protobuf_is_taken_plain_or_zipped_and_nothing_else() {
        let of = |pairs: &[(&'static str, &'static str)]| Encoding::of(&headers(pairs)).map_err(|refusal| refusal.0);
        assert_eq!(of(&[("content-type", PROTOBUF)]).ok(), Some(Encoding::Plain));
        assert_eq!(
            of(&[("content-type", "Application/X-Protobuf; v=1"), ("content-encoding", "gzip")]).ok(),
            Some(Encoding::Gzip)
        );
        for pairs in [
            &[][..],
            &[("content-type", "application/json")],
            &[("content-type", PROTOBUF), ("content-encoding", "br")],
        ] {
            assert_eq!(of(pairs).err(), Some(StatusCode::UNSUPPORTED_MEDIA_TYPE), "{pairs:?}");
        }
    }

    #[test]
    fn a_zipped_bomb_is_refused_before_it_fills_the_memory() {
        let decode = |body: Bytes, most| Encoding::Gzip.decode(body, most).map_err(|refusal| refusal.0);
        assert_eq!(decode(zipped(b"abc"), 3).ok().as_deref(), Some(&b"abc"[..]));
        assert_eq!(decode(zipped(&[0; 100_000]), 1000).err(), Some(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(decode(Bytes::from_static(b"abc"), 1000).err(), Some(StatusCode::BAD_REQUEST));
    }
}
