//! The admin endpoint: `/metrics`, `/livez`, `/readyz`.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::{StatusCode, header};
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing::warn;

use crate::connections::{ConnectionMetrics, Limits, Plain, Port};
use crate::http_server::serve_port;
use crate::{HttpGuard, Shutdown, guarded};

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

/// A running admin endpoint, on a thread, connections and descriptors of its own: work that takes all of them leaves it be.
#[derive(Debug)]
pub struct Admin {
    stopped: oneshot::Receiver<()>,
}

/// Longest wait for a scrape in progress when the endpoint stops.
const ADMIN_GRACE: Duration = Duration::from_secs(1);
/// Who scrapes and probes is few, asks at once and comes again.
const ADMIN_LIMITS: Limits = Limits { max: 16, handshake: Duration::from_secs(5), idle: Some(Duration::from_secs(60)) };
/// Descriptors held back: for a connection, and for what the metrics read of the process.
const ADMIN_SPARE: usize = 4;

impl Admin {
    /// Serves the endpoint on a bound listener until `shutdown`; call it last, so that `/readyz` can say 503 meanwhile.
    #[must_use]
    pub fn spawn(listener: TcpListener, registry: Registry, readiness: Readiness, shutdown: Shutdown) -> Self {
        let (ended, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            if let Err(error) = live(listener, registry, readiness, shutdown) {
                warn!(%error, "admin endpoint failed");
            }
            // Whoever waits for the end may have gone.
            let _ = ended.send(());
        });
        if let Err(error) = thread {
            warn!(%error, "no admin endpoint: metrics and health are not served");
        }
        Self { stopped }
    }

    /// Waits until it has stopped.
    pub async fn stopped(self) {
        let _ = self.stopped.await;
    }
}

/// The life of the thread.
fn live(listener: TcpListener, registry: Registry, readiness: Readiness, shutdown: Shutdown) -> io::Result<()> {
    let router = guarded(router(registry.clone(), readiness), HttpGuard::admin(listener.local_addr()?));
    let listener = listener.into_std()?;
    let metrics = ConnectionMetrics::register(&registry, "admin").map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::from_std(listener)?;
        let port = Port::with_limits("admin", listener, ADMIN_LIMITS, metrics).with_spare(ADMIN_SPARE);
        serve_port(port, Plain, router, shutdown, ADMIN_GRACE).await;
        Ok(())
    })
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
