//! Serving, and stopping in order: not ready, nothing new, what runs may end until the deadline.

use std::time::Duration;

use champion_telemetry::grpc::ServerLayer;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tracing::{info, warn};

use super::connection::accept;
use super::limits::LimitLayer;
use super::{ServeError, Server};
use crate::methods::methods;
use crate::{Admin, Shutdown};

/// HTTP/2 streams one connection may have open; the limit on calls comes before it.
const MAX_STREAMS: u32 = 1024;
/// Longest wait for the answer to a keep-alive ping.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long cut connections have to notice.
const CUT_GRACE: Duration = Duration::from_secs(1);

impl Server {
    /// Serves until `shutdown`, then stops: `/readyz` and health say no, no new connections, calls in progress may end
    /// within the configured grace, whatever is open after it is cut.
    ///
    /// # Errors
    ///
    /// Fails when the metrics are registered twice, the descriptors are invalid or the transport fails.
    pub async fn serve(mut self, shutdown: Shutdown) -> Result<(), ServeError> {
        let mut known = Vec::new();
        for encoded in &self.descriptors {
            known.extend(methods(encoded, &self.names)?);
        }
        let telemetry = ServerLayer::new(&self.registry)?.with_methods(known);
        let (reporter, health) = tonic_health::server::health_reporter();
        self.routes.add_service(health);
        if !self.descriptors.is_empty() {
            self.add_reflection()?;
        }
        report(&reporter, &self.names, ServingStatus::Serving).await;

        let Self { listeners, registry, config, routes, names, readiness, .. } = self;
        let (grpc, admin) = (listeners.grpc_addr(), listeners.admin_addr());
        let admin_stop = Shutdown::manual();
        let admin_task =
            listeners.admin.map(|listener| Admin::spawn(listener, registry, readiness.clone(), admin_stop.clone()));

        let timeout = (config.request_timeout_seconds > 0).then(|| Duration::from_secs(config.request_timeout_seconds));
        let keepalive = (config.keepalive_seconds > 0).then(|| Duration::from_secs(config.keepalive_seconds));
        let (drain, cut) = (CancellationToken::new(), CancellationToken::new());
        // A plain connection lasts as long as its caller likes: stages keep one for hours.
        let builder = tonic::transport::Server::builder();
        let builder = match config.tls.max_connection_age() {
            Some(age) => builder.max_connection_age(age),
            None => builder,
        };
        let tls = listeners.tls.is_some();
        let server = builder
            .max_concurrent_streams(MAX_STREAMS)
            .http2_keepalive_interval(keepalive)
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .layer(telemetry)
            .layer(LimitLayer::new(config.max_concurrent_requests, timeout))
            .add_routes(routes.routes())
            .serve_with_incoming_shutdown(
                accept(listeners.grpc, listeners.tls, cut.clone()),
                drain.clone().cancelled_owned(),
            );
        let mut server = std::pin::pin!(server);
        readiness.set(true);
        info!(%grpc, tls, admin = admin.map(|address| address.to_string()), "serving");

        let served = tokio::select! {
            result = &mut server => result,
            () = shutdown.cancelled() => {
                readiness.set(false);
                report(&reporter, &names, ServingStatus::NotServing).await;
                drain.cancel();
                let grace = Duration::from_secs(config.shutdown_grace_seconds);
                match tokio::time::timeout(grace, &mut server).await {
                    Ok(result) => result,
                    Err(_) => {
                        warn!(grace_seconds = grace.as_secs(), "calls still open after the grace period; cut");
                        cut.cancel();
                        tokio::time::timeout(CUT_GRACE, &mut server).await.unwrap_or(Ok(()))
                    }
                }
            }
        };
        readiness.set(false);
        admin_stop.trigger();
        if let Some(admin) = admin_task {
            admin.stopped().await;
        }
        Ok(served?)
    }

    fn add_reflection(&mut self) -> Result<(), ServeError> {
        let mut reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        for encoded in &self.descriptors {
            reflection = reflection.register_encoded_file_descriptor_set(encoded);
        }
        // The set describes all of the system's services; this server has only its own.
        for name in &self.names {
            reflection = reflection.with_service_name(*name);
        }
        self.routes.add_service(reflection.with_service_name("grpc.health.v1.Health").build_v1()?);
        Ok(())
    }
}

/// The empty name stands for the server as a whole.
async fn report(reporter: &HealthReporter, names: &[&'static str], status: ServingStatus) {
    for name in names.iter().copied().chain([""]) {
        reporter.set_service_status(name, status).await;
    }
}
