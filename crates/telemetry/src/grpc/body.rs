//! A response's body that tells its call when it has ended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::grpc::call::Call;

/// A response that ends so is broken (gRPC over HTTP/2, "Responses").
const NO_STATUS: &str = "the response ended without a status";

/// Lets the call last as long as the response's body.
pub(super) fn observe(response: Response<Body>, mut call: Call) -> Response<Body> {
    // A response without body carries its status in the headers.
    if let Some(status) = Status::from_header_map(response.headers()) {
        call.end(status.code(), status.message());
        return response;
    }
    if response.body().is_end_stream() {
        call.end(Code::Unknown, NO_STATUS);
        return response;
    }
    response.map(|inner| Body::new(CallBody { inner, call }))
}

struct CallBody {
    inner: Body,
    call: Call,
}

impl http_body::Body for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { inner, call } = self.get_mut();
        let entered = call.span().clone().entered();
        let frame = ready!(Pin::new(inner).poll_frame(cx));
        drop(entered);
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    match Status::from_header_map(trailers) {
                        Some(status) => call.end(status.code(), status.message()),
                        None => call.end(Code::Unknown, NO_STATUS),
                    }
                }
            }
            Some(Err(status)) => call.end(status.code(), status.message()),
            None => call.end(Code::Unknown, NO_STATUS),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
