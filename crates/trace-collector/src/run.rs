//! The life of the collector: ports, intake, writer, and a stop that flushes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use champion_service::{HttpGuard, HttpPort, Listeners, Server, Shutdown, bind_plain, guarded, write_address_file};
use champion_telemetry::Registry;
use tokio::net::TcpListener;
use tracing::info;

use crate::config::Config;
use crate::error::CollectorError;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::warehouse::Warehouse;
use crate::writer::Writer;
use crate::{grpc, http};

/// The bound ports.
#[derive(Debug)]
pub struct Bound {
    listeners: Listeners,
    http: TcpListener,
    http_addr: SocketAddr,
}

impl Bound {
    /// Checks the configuration, binds the ports and writes the address file when one is configured.
    ///
    /// # Errors
    /// Fails when the configuration cannot be used, a port cannot be had or the file cannot be written.
    pub async fn bind(config: &Config) -> Result<Self, CollectorError> {
        config.check()?;
        let listeners = Listeners::bind(&config.server.for_grpc()).await?;
        let (http, http_addr) = bind_plain(&config.server.http_listen, config.server.insecure).await?;
        let bound = Self { listeners, http, http_addr };
        if let Some(path) = &config.server.address_file {
            let mut addresses = vec![("grpc", bound.grpc_addr()), ("http", http_addr)];
            addresses.extend(bound.admin_addr().map(|address| ("admin", address)));
            write_address_file(path, &addresses)
                .map_err(|source| CollectorError::AddressFile { path: path.clone(), source })?;
        }
        Ok(bound)
    }

    /// Returns the address of OTLP over gRPC.
    #[must_use]
    pub const fn grpc_addr(&self) -> SocketAddr {
        self.listeners.grpc_addr()
    }

    /// Returns the address of OTLP over HTTP.
    #[must_use]
    pub const fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Returns the address of the admin endpoint, when there is one.
    #[must_use]
    pub const fn admin_addr(&self) -> Option<SocketAddr> {
        self.listeners.admin_addr()
    }
}

/// Runs the collector until `shutdown`: then no export is accepted any more, those in progress have the grace period, and
/// what is in memory is written within the flush period.
///
/// # Errors
/// Fails when a metric is registered twice or a server breaks.
pub async fn run(config: Config, bound: Bound, registry: Registry, shutdown: Shutdown) -> Result<(), CollectorError> {
    let metrics = Metrics::register(&registry)?;
    let queue = Arc::new(Queue::new(config.batch.queue_spans, config.batch.queue_mebibytes << 20));
    let intake = Intake::new(Arc::clone(&queue), metrics.clone());
    let writer = Writer::new(Arc::clone(&queue), Warehouse::new(&config.warehouse), metrics, config.batch);
    let tables_exist = writer.tables_exist();

    let server = config.server;
    let (most, concurrent) = (server.max_request_bytes, server.max_concurrent_requests);
    let router = http::router(intake.clone(), most, concurrent, Duration::from_secs(server.request_timeout_seconds));
    let router = guarded(router, HttpGuard::new(bound.http_addr, &server.host_names, http::METHODS));
    let drained = Shutdown::manual();
    let flush = Duration::from_secs(server.flush_seconds);
    let writing = tokio::spawn({
        let drained = drained.clone();
        async move { writer.run(drained, flush).await }
    });
    info!(grpc = %bound.grpc_addr(), http = %bound.http_addr, "taking spans");
    let port = HttpPort::new(bound.http, &server.connections, &registry)?;
    let over_grpc = Server::new(bound.listeners, registry, &server.for_grpc())
        .add_service(grpc::service(intake, most))
        .reflection(opentelemetry_proto::DESCRIPTORS)
        .readiness(move || tables_exist.load(Ordering::Acquire))
        .serve(shutdown.clone());
    let over_http = port.serve(router, shutdown.clone(), server.grace());
    let (grpc_served, ()) = tokio::join!(
        async {
            let served = over_grpc.await;
            // A server that broke ends the other one too.
            shutdown.trigger();
            served
        },
        async {
            over_http.await;
            shutdown.trigger();
        }
    );
    queue.close();
    drained.trigger();
    // A writer that panicked has nothing more to say.
    let _ = writing.await;
    Ok(grpc_served?)
}
