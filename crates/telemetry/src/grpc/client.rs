//! The client's side of a call.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
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

/// Puts a span, metrics and the W3C context of the caller around the calls a client makes.
#[derive(Debug, Clone)]
pub struct ClientLayer {
    metrics: Option<CallMetrics>,
    target: Option<Target>,
}

#[derive(Debug, Clone)]
struct Target {
    host: Arc<str>,
    port: u16,
}

impl ClientLayer {
    /// Creates the layer with its metrics (`grpc_client_*`) in the registry.
    ///
    /// # Errors
    ///
    /// Fails when the registry already has them: one layer a registry, cloned for each channel.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self { metrics: Some(CallMetrics::register(registry, Side::Client)?), target: None })
    }

    /// Creates the layer without metrics, for programs that have no registry.
    #[must_use]
    pub const fn unmeasured() -> Self {
        Self { metrics: None, target: None }
    }

    /// Shows the methods (`package.Service/Method`) that will be called at 0 from the start.
    #[must_use]
    pub fn with_methods(mut self, methods: impl IntoIterator<Item = String>) -> Self {
        if let Some(metrics) = &mut self.metrics {
            metrics.know(methods);
        }
        self
    }

    /// Names the server on the spans of this clone.
    #[must_use]
    pub fn with_target(mut self, host: &str, port: u16) -> Self {
        self.target = Some(Target { host: host.into(), port });
        self
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientService { inner, layer: self.clone() }
    }
}

/// A service wrapped by [`ClientLayer`].
#[derive(Debug, Clone)]
pub struct ClientService<S> {
    inner: S,
    layer: ClientLayer,
}

impl<S, B> Service<Request<B>> for ClientService<S>
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

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let method = Method::of_path(&path);
        if method.is_ignored() {
            return Box::pin(self.inner.call(request));
        }
        let mut call = Call::begin(Side::Client, method, self.layer.metrics.as_ref(), request.headers());
        let span = call.span().clone();
        if let Some(target) = &self.layer.target {
            span.set_attribute(semconv::SERVER_ADDRESS, target.host.to_string());
            span.set_attribute(semconv::SERVER_PORT, i64::from(target.port));
        }
        context::inject_span(&span, request.headers_mut());
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
