//! A channel on which every call has a deadline, and an answer that says so when it has passed.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Status, TimeoutExpired};
use tower::Service;

use super::tls::MovingChannel;

/// A tonic channel that sends `grpc-timeout` along and answers `DEADLINE_EXCEEDED` when the time is over.
///
/// tonic alone keeps the endpoint's timeout to itself and answers `CANCELLED`, which a caller cannot tell from a caller
/// that went away.
#[derive(Debug, Clone)]
pub struct DeadlineChannel {
    inner: Connections,
    timeout: Option<HeaderValue>,
}

/// Where the calls go.
#[derive(Debug, Clone)]
pub(super) enum Connections {
    /// One plain connection for as long as it lasts.
    Plain(Channel),
    /// One behind TLS after the other.
    Moving(MovingChannel),
}

impl DeadlineChannel {
    pub(super) fn new(inner: Connections, timeout: Duration) -> Self {
        // tonic knows how to write a duration; it shows only in the metadata of a request.
        let mut request = tonic::Request::new(());
        request.set_timeout(timeout);
        Self { inner, timeout: request.metadata().as_ref().get(GRPC_TIMEOUT).cloned() }
    }
}

const GRPC_TIMEOUT: &str = "grpc-timeout";

impl Service<Request<Body>> for DeadlineChannel {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match &mut self.inner {
            Connections::Plain(channel) => channel.poll_ready(cx),
            Connections::Moving(channel) => channel.poll_ready(cx),
        }
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let (false, Some(timeout)) = (request.headers().contains_key(GRPC_TIMEOUT), &self.timeout) {
            request.headers_mut().insert(GRPC_TIMEOUT, timeout.clone());
        }
        let answer = match &mut self.inner {
            Connections::Plain(channel) => channel.call(request),
            Connections::Moving(channel) => channel.call(request),
        };
        Box::pin(async move {
            match answer.await {
                Err(error) if is_timeout(&error) => {
                    Ok(Status::deadline_exceeded("no answer within the deadline").into_http())
                }
                result => result,
            }
        })
    }
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<TimeoutExpired>() {
            return true;
        }
        cause = error.source();
    }
    false
}
