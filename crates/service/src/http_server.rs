//! Plain HTTP servers with limits on their connections and a graceful stop.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use prometheus::Registry;
use tokio::net::TcpListener;
use tower::ServiceExt;
use tracing::warn;

use crate::Shutdown;
use crate::connections::{
    ConnectionMetrics, ConnectionsConfig, Plain, Port, Protocol, Stop, Transport, serve as serve_connections,
};

/// A bound port of HTTP/1.1 with its limits.
#[derive(Debug)]
pub struct HttpPort {
    port: Port,
}

impl HttpPort {
    /// Takes a bound listener; `champion_connections_*` of the port `http` appear in the registry.
    ///
    /// # Errors
    ///
    /// Fails when the registry has the metrics of such a port.
    pub fn new(
        listener: TcpListener,
        connections: &ConnectionsConfig,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let metrics = ConnectionMetrics::register(registry, "http")?;
        Ok(Self { port: Port::new("http", listener, connections, metrics) })
    }

    /// Serves a router until `shutdown`, then waits for requests in progress, at most `grace`.
    pub async fn serve(self, router: Router, shutdown: Shutdown, grace: Duration) {
        self.serve_through(Plain, router, shutdown, grace).await;
    }

    /// Serves like [`HttpPort::serve`], over connections that a transport opens.
    pub async fn serve_through<T: Transport>(self, transport: T, router: Router, shutdown: Shutdown, grace: Duration) {
        serve_port(self.port, transport, router, shutdown, grace).await;
    }
}

/// Serves a router on a port with any limits.
pub(crate) async fn serve_port<T: Transport>(
    port: Port,
    transport: T,
    router: Router,
    shutdown: Shutdown,
    grace: Duration,
) {
    let stop = Stop { drain: shutdown.token().clone(), ..Stop::default() };
    let protocol =
        Protocol { http: Builder::new(TokioExecutor::new()).http1_only(), has_preface: false, max_age: None };
    let service = router.map_request(|request: Request<Incoming>| request.map(Body::new));
    let server = serve_connections(port, protocol, transport, service, stop.clone());
    let deadline = async {
        shutdown.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        () = server => {}
        () = deadline => {
            warn!(grace_seconds = grace.as_secs(), "requests still open after the grace period; dropped");
            stop.cut.cancel();
        }
    }
}
