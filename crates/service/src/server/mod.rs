//! The gRPC server every service is.

mod connection;
mod limits;
mod serve;
mod transport;
mod upload;

use std::convert::Infallible;
use std::fmt;

use axum::response::IntoResponse;
use prometheus::Registry;
use thiserror::Error;
use tonic::server::NamedService;
use tonic::service::{Routes, RoutesBuilder};
use tower::Service;

use crate::{Listeners, Readiness, ServerConfig};

/// A server that cannot start or go on.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The server's own metrics cannot be registered.
    #[error("cannot register the server's metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The file descriptors are not valid.
    #[error("invalid file descriptors: {0}")]
    Descriptors(#[from] prost::DecodeError),
    /// Reflection cannot be served from the file descriptors.
    #[error("cannot serve reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The list of those who may call has rules for methods the server does not have.
    #[error("[server.tls.allow] has rules for methods that are not there: {}; the service has: {}", .rules.join(", "), .methods.join(", "))]
    Rules {
        /// The keys of the rules.
        rules: Vec<String>,
        /// The keys there are.
        methods: Vec<String>,
    },
}

/// A gRPC server with health, reflection, telemetry, limits and the admin endpoint.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use champion_service::{Listeners, Server, ServerConfig, Shutdown};
///
/// let config = ServerConfig::default();
/// let listeners = Listeners::bind(&config).await?;
/// let server = Server::new(listeners, champion_telemetry::Registry::new(), &config);
/// server.serve(Shutdown::on_signals()).await?;
/// # Ok(())
/// # }
/// ```
pub struct Server {
    listeners: Listeners,
    registry: Registry,
    config: ServerConfig,
    routes: RoutesBuilder,
    names: Vec<&'static str>,
    descriptors: Vec<&'static [u8]>,
    readiness: Readiness,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listeners", &self.listeners)
            .field("services", &self.names)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Creates a server on bound listeners.
    #[must_use]
    pub fn new(listeners: Listeners, registry: Registry, config: &ServerConfig) -> Self {
        Self {
            listeners,
            registry,
            config: config.clone(),
            routes: Routes::builder(),
            names: Vec::new(),
            descriptors: Vec::new(),
            readiness: Readiness::default(),
        }
    }

    /// Adds a generated service.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<tonic::body::Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes.add_service(service);
        self.names.push(S::NAME);
        self
    }

    /// Gives the encoded file descriptor set of the services: for reflection, and to show each method's metrics at 0.
    #[must_use]
    pub fn reflection(mut self, descriptors: &'static [u8]) -> Self {
        self.descriptors.push(descriptors);
        self
    }

    /// Sets the check behind `/readyz`; without one the server is ready while it serves.
    #[must_use]
    pub fn readiness(mut self, check: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.readiness = Readiness::new(check);
        self
    }
}
