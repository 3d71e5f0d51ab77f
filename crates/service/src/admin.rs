//! The admin endpoint: `/metrics`, `/livez`, `/readyz`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::{StatusCode, header};
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::{Shutdown, serve_http};

/// Whether a process wants work: off until it serves, off again when it stops, and as its own check says between.
#[derive(Clone)]
pub struct Readiness {
    serving: Arc<AtomicBool>,
    check: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("serving", &self.serving).finish_non_exhaustive()
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new(|| true)
    }
}

impl Readiness {
    /// Creates a readiness that is off, with the check that decides once it is on.
    pub fn new(check: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { serving: Arc::new(AtomicBool::new(false)), check: Arc::new(check) }
    }

    /// Switches it on or off.
    pub fn set(&self, serving: bool) {
        self.serving.store(serving, Ordering::Release);
    }

    /// Tells whether the process wants work now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.serving.load(Ordering::Acquire) && (self.check)()
    }
}

/// A running admin endpoint.
#[derive(Debug)]
pub struct Admin {
    task: JoinHandle<()>,
}

/// Longest wait for a scrape in progress when the endpoint stops.
const ADMIN_GRACE: Duration = Duration::from_secs(1);

impl Admin {
    /// Serves the endpoint on a bound listener until `shutdown`; call it last, so that `/readyz` can say 503 meanwhile.
    #[must_use]
    pub fn spawn(listener: TcpListener, registry: Registry, readiness: Readiness, shutdown: Shutdown) -> Self {
        let router = router(registry, readiness);
        let task = tokio::spawn(async move {
            if let Err(error) = serve_http(listener, router, shutdown, ADMIN_GRACE).await {
                warn!(%error, "admin endpoint failed");
            }
        });
        Self { task }
    }

    /// Waits until it has stopped.
    pub async fn stopped(self) {
        let _ = self.task.await;
    }
}

fn router(registry: Registry, readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(metrics).with_state(registry))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(readiness))
}

async fn metrics(
    State(registry): State<Registry>,
) -> Result<([(header::HeaderName, &'static str); 1], String), (StatusCode, String)> {
    let text = TextEncoder::new()
        .encode_to_string(&registry.gather())
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot encode the metrics: {error}\n")))?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text))
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    if readiness.is_ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
