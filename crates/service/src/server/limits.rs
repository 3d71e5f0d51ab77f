//! How many calls are served at once and how long each may take.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use champion_telemetry::grpc::timeout_of;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::upload::{NEXT_PART, Upload};

/// Refuses what is too much at once and ends what takes too long.
#[derive(Debug, Clone)]
pub(super) struct LimitLayer {
    slots: Arc<Semaphore>,
    timeout: Option<Duration>,
}

impl LimitLayer {
    /// Serves at most `concurrent` calls over all connections, each at most `timeout` or what its caller allows.
    pub(super) fn new(concurrent: usize, timeout: Option<Duration>) -> Self {
        Self { slots: Arc::new(Semaphore::new(concurrent.min(Semaphore::MAX_PERMITS))), timeout }
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Limited { inner, limits: self.clone() }
    }
}

/// A service behind [`LimitLayer`].
#[derive(Debug, Clone)]
pub(super) struct Limited<S> {
    inner: S,
    limits: LimitLayer,
}

impl<S> Service<Request<Body>> for Limited<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Probes must get through when the service is full: full is not dead.
        if request.uri().path().starts_with("/grpc.") {
            return Box::pin(self.inner.call(request));
        }
        let Ok(slot) = self.limits.slots.clone().try_acquire_owned() else {
            let refused = Status::resource_exhausted("too many calls at once");
            return Box::pin(std::future::ready(Ok(refused.into_http())));
        };
        let deadline = shorter(timeout_of(request.headers()), self.limits.timeout);
        let answer = self.inner.call(request.map(|body| Body::new(Upload::new(body, NEXT_PART))));
        Box::pin(async move {
            let response = match deadline {
                None => answer.await?,
                // tonic's own timer would answer CANCELLED; the caller must be able to tell the two apart.
                Some(deadline) => match tokio::time::timeout(deadline, answer).await {
                    Ok(response) => response?,
                    Err(_) => Status::deadline_exceeded("the call took longer than its deadline").into_http(),
                },
            };
            Ok(response.map(|inner| Body::new(Held { inner, _slot: slot })))
        })
    }
}

fn shorter(first: Option<Duration>, second: Option<Duration>) -> Option<Duration> {
    match (first, second) {
        (Some(first), Some(second)) => Some(first.min(second)),
        (first, second) => first.or(second),
    }
}

/// A body that keeps its call's slot until it has ended: a stream is work as long as it flows.
struct Held {
    inner: Body,
    _slot: OwnedSemaphorePermit,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.get_mut().inner).poll_frame(cx)
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
    use std::future::{pending, ready};

    use tonic::Code;
    use tower::{ServiceExt, service_fn};

    use super::*;

    fn request(timeout: Option<&str>) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        if let Some(timeout) = timeout {
            request.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
        }
        request
    }

    fn code(response: &Response<Body>) -> Option<Code> {
        Status::from_header_map(response.headers()).map(|status| status.code())
    }

    #[tokio::test]
    async fn a_call_ends_with_its_callers_deadline() {
        let hanging = LimitLayer::new(1, None).layer(service_fn(|_: Request<Body>| pending()));
        let response = hanging.oneshot(request(Some("10m"))).await.unwrap();
        assert_eq!(code(&response), Some(Code::DeadlineExceeded));
    }

    #[tokio::test]
    async fn a_caller_cannot_ask_for_more_time_than_the_server_gives() {
        let timeout = Some(Duration::from_millis(10));
        let hanging = LimitLayer::new(1, timeout).layer(service_fn(|_: Request<Body>| pending()));
        let response = hanging.oneshot(request(Some("1H"))).await.unwrap();
        assert_eq!(code(&response), Some(Code::DeadlineExceeded));
    }

    /// A stream that flows on.
    struct Open;

    impl http_body::Body for Open {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_slot_is_free_again_when_the_response_is_gone() {
        let answer = || Response::new(Body::new(Open));
        let service = LimitLayer::new(1, None).layer(service_fn(move |_: Request<Body>| ready(Ok(answer()))));
        let held = service.clone().oneshot(request(None)).await.unwrap();
        let refused = service.clone().oneshot(request(None)).await.unwrap();
        assert_eq!((code(&held), code(&refused)), (None, Some(Code::ResourceExhausted)));
        drop(held);
        assert_eq!(code(&service.oneshot(request(None)).await.unwrap()), None);
    }
}
