//! The server's side of a call.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use prometheus::Registry;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::context;
use crate::grpc::body::observe;
use crate::grpc::call::Call;
use crate::grpc::method::Method;
use crate::grpc::metrics::{CallMetrics, Side};
use crate::grpc::status::code_of_error;
use crate::semconv;

/// Puts a span, metrics and the caller's W3C context around the calls a server answers.
#[derive(Debug, Clone)]
pub struct ServerLayer {
    metrics: CallMetrics,
}

impl ServerLayer {
    /// Creates the layer with its metrics (`grpc_server_*`) in the registry.
    ///
    /// # Errors
    ///
    /// Fails when the registry already has them: one layer a registry, cloned where it is needed.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self { metrics: CallMetrics::register(registry, Side::Server)? })
    }

    /// Names the methods (`package.Service/Method`) that the server has; calls of others are counted as `unknown`.
    #[must_use]
    pub fn with_methods(mut self, methods: impl IntoIterator<Item = String>) -> Self {
        self.metrics.know(methods);
        self
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ServerService { inner, metrics: self.metrics.clone() }
    }
}

/// A service wrapped by [`ServerLayer`].
#[derive(Debug, Clone)]
pub struct ServerService<S> {
    inner: S,
    metrics: CallMetrics,
}

impl<S, B> Service<Request<B>> for ServerService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Error: Error + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = Method::of_path(request.uri().path());
        if method.is_ignored() {
            return Box::pin(self.inner.call(request));
        }
        let mut call = Call::begin(Side::Server, method, Some(&self.metrics), request.headers());
        context::extract_into(call.span(), request.headers());
        let span = call.span().clone();
        if let Some(host) = request.uri().host() {
            span.set_attribute(semconv::SERVER_ADDRESS, host.to_owned());
        }
        let answer = span.in_scope(|| self.inner.call(request)).instrument(span.clone());
        Box::pin(async move {
            match answer.await {
                Ok(response) => Ok(observe(response, call)),
                Err(error) => {
                    call.end(code_of_error(&error), &error.to_string());
                    Err(error)
                }
            }
        })
    }
}
