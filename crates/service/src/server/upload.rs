//! Requests that begin and never end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use tonic::Status;
use tonic::body::Body;

/// Longest wait for the next part of a request. Ours are small and sent at once.
pub(super) const NEXT_PART: Duration = Duration::from_secs(30);

/// A request's body whose parts come in time, or whose call fails: half a message would hold the slot of a call for ever.
pub(super) struct Upload {
    inner: Body,
    patience: Duration,
    deadline: Pin<Box<Sleep>>,
}

impl Upload {
    pub(super) fn new(inner: Body, patience: Duration) -> Self {
        Self { inner, patience, deadline: Box::pin(tokio::time::sleep(patience)) }
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            let next = Instant::now() + self.patience;
            self.deadline.as_mut().reset(next);
            return Poll::Ready(frame);
        }
        self.deadline
            .as_mut()
            .poll(cx)
            .map(|()| Some(Err(Status::deadline_exceeded("the rest of the request did not come"))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http_body::Body as _;

    use super::*;

    /// A request of which nothing more comes.
    struct Stalled;

    impl http_body::Body for Stalled {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn half_a_request_fails_when_the_rest_does_not_come() {
        let mut upload = Upload::new(Body::new(Stalled), Duration::from_millis(20));
        let frame = poll_fn(|cx| Pin::new(&mut upload).poll_frame(cx)).await;
        let status = frame.expect("an end").expect_err("not a part");
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
    }

    #[tokio::test]
    async fn a_whole_request_passes() {
        let mut upload = Upload::new(Body::empty(), Duration::from_millis(20));
        assert!(poll_fn(|cx| Pin::new(&mut upload).poll_frame(cx)).await.is_none());
    }
}
