//! Serving, and stopping in order: not ready, nothing new, what runs may end until the deadline.

use std::time::Duration;

use champion_telemetry::grpc::ServerLayer;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tonic::body::Body;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::{Layer, ServiceExt};
use tracing::{info, warn};

use super::connection::Opening;
use super::limits::LimitLayer;
use super::{ServeError, Server};
use crate::access::{AccessLayer, REFLECTION, rule_of, without_method};
use crate::connections::{ConnectionMetrics, Port, Protocol, Stop, serve};
use crate::methods::methods;
use crate::{Admin, ServerConfig, Shutdown};

/// HTTP/2 streams one connection may have open; the limit on calls comes before it.
const MAX_STREAMS: u32 = 1024;
/// Bytes of a call's headers. Ours have less than one kilobyte.
const MAX_HEADER_LIST_BYTES: u32 = 16 << 10;
/// Calls that their caller has already reset and the server has not yet looked at; with more the connection ends.
const MAX_PENDING_RESETS: usize = 20;
/// Calls of a connection that the server itself may reset for errors in them; with more the connection ends.
const MAX_ERROR_RESETS: usize = 256;
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
    /// Fails when the metrics are registered twice, the descriptors are invalid, or a rule is given for a method that the server
    /// does not have.
    pub async fn serve(mut self, shutdown: Shutdown) -> Result<(), ServeError> {
        let mut known = Vec::new();
        for encoded in &self.descriptors {
            known.extend(methods(encoded, &self.names)?);
        }
        let access = self.access(&known)?;
        let telemetry = ServerLayer::new(&self.registry)?.with_methods(known);
        let connections = ConnectionMetrics::register(&self.registry, "grpc")?;
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
        let limits = LimitLayer::new(config.max_concurrent_requests, timeout);
        // Counted first, so that a refusal counts too; refused before it takes the slot of a call.
        let service = telemetry.layer(access.layer(limits.layer(routes.routes().prepare())));
        let service = service.map_request(|request: Request<Incoming>| request.map(Body::new));
        let (tls, stop) = (listeners.tls.is_some(), Stop::default());
        let port = Port::new("grpc", listeners.grpc, &config.connections, connections);
        let server = serve(port, protocol(&config), Opening::new(listeners.tls), service, stop.clone());
        let mut server = std::pin::pin!(server);
        readiness.set(true);
        info!(%grpc, tls, admin = admin.map(|address| address.to_string()), "serving");

        tokio::select! {
            () = &mut server => {}
            () = shutdown.cancelled() => {
                readiness.set(false);
                report(&reporter, &names, ServingStatus::NotServing).await;
                stop.drain.cancel();
                let grace = Duration::from_secs(config.shutdown_grace_seconds);
                if tokio::time::timeout(grace, &mut server).await.is_err() {
                    warn!(grace_seconds = grace.as_secs(), "calls still open after the grace period; cut");
                    stop.cut.cancel();
                    // What has not noticed by then ends with the runtime.
                    let _ = tokio::time::timeout(CUT_GRACE, &mut server).await;
                }
            }
        }
        readiness.set(false);
        admin_stop.trigger();
        if let Some(admin) = admin_task {
            admin.stopped().await;
        }
        Ok(())
    }

    /// Makes the look at every call, where callers are known.
    fn access(&self, known: &[String]) -> Result<AccessLayer, ServeError> {
        let allow = &self.config.tls.allow;
        let rules = without_method(allow, known);
        if !rules.is_empty() {
            let methods = known.iter().map(|method| rule_of(method)).chain([REFLECTION.to_owned()]).collect();
            return Err(ServeError::Rules { rules: rules.into_iter().map(ToOwned::to_owned).collect(), methods });
        }
        let callers_are_known = self.listeners.tls.is_some();
        Ok(if callers_are_known { AccessLayer::new(allow.clone(), known.to_vec()) } else { AccessLayer::open() })
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

/// A plain connection lasts as long as it is used: stages keep one for hours.
fn protocol(config: &ServerConfig) -> Protocol {
    let keepalive = (config.keepalive_seconds > 0).then(|| Duration::from_secs(config.keepalive_seconds));
    let mut http = Builder::new(TokioExecutor::new()).http2_only();
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .keep_alive_interval(keepalive)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    Protocol { http, has_preface: true, max_age: config.tls.max_connection_age() }
}

/// The empty name stands for the server as a whole.
async fn report(reporter: &HealthReporter, names: &[&'static str], status: ServingStatus) {
    for name in names.iter().copied().chain([""]) {
        reporter.set_service_status(name, status).await;
    }
}
