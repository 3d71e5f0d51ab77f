//! The life of the process: ports, engine, service, and a stop with a deadline.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use champion_service::{Admin, HttpGuard, HttpPort, Readiness, Shutdown, bind_admin, bind_tcp, write_address_file};
use champion_telemetry::Registry;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::config::Config;
use crate::engine::Engine;
use crate::error::StartError;
use crate::execute::Shared;
use crate::http::{Interface, METHODS, router};
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::session::Sessions;

/// Longest wait for statements to end once they are cancelled; the engine looks several times a second.
const CANCELLED_GRACE: Duration = Duration::from_secs(5);
/// How often sessions are looked at.
const SESSION_INTERVAL: Duration = Duration::from_secs(1);

/// The bound ports.
#[derive(Debug)]
pub struct Bound {
    http: TcpListener,
    http_addr: SocketAddr,
    admin: Option<(TcpListener, SocketAddr)>,
}

impl Bound {
    /// Checks the configuration and binds the ports.
    ///
    /// # Errors
    ///
    /// Fails when the configuration cannot be used or a port cannot be had.
    pub async fn bind(config: &Config) -> Result<Self, StartError> {
        config.check()?;
        let (http, http_addr) = bind_tcp(&config.server.http_listen).await?;
        let admin = bind_admin(&config.server.admin).await?;
        Ok(Self { http, http_addr, admin })
    }

    /// Returns the address of the HTTP interface.
    #[must_use]
    pub const fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Returns the address of the admin endpoint, when there is one.
    #[must_use]
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, address)| *address)
    }
}

/// Runs the warehouse until `shutdown`.
///
/// The address file is written once statements are answered. At a stop no request is accepted any more, those in
/// progress have the grace period, the rest is cancelled, and the engine is closed.
///
/// # Errors
///
/// Fails when the engine cannot start.
pub async fn run(config: Config, bound: Bound, registry: Registry, shutdown: Shutdown) -> Result<(), StartError> {
    let metrics = Metrics::register(&registry)?;
    let readiness = Readiness::default();
    let admin_stop = Shutdown::manual();
    let mut addresses = vec![("http", bound.http_addr)];
    addresses.extend(bound.admin_addr().map(|address| ("admin", address)));
    let port = HttpPort::new(bound.http, &config.server.connections, &registry)?;
    let admin =
        bound.admin.map(|(listener, _)| Admin::spawn(listener, registry, readiness.clone(), admin_stop.clone()));

    let starting = config.clone();
    let engine = tokio::task::spawn_blocking(move || Engine::start(&starting)).await;
    let engine = Arc::new(engine.map_err(|error| StartError::Silent(error.to_string()))??);
    let pool = Pool::start(&engine, config.engine.connections, config.engine.queue)?;
    let shared = Arc::new(Shared {
        engine: Arc::clone(&engine),
        sessions: Sessions::new(config.limits.sessions, config.limits.answer_bytes(&config.engine)),
        answer_bytes: config.limits.answer_bytes(&config.engine),
        metrics,
        query_bytes: config.limits.query_bytes,
        decoded_bytes: config.limits.decoded_bytes,
        idle: Duration::from_secs(config.limits.idle_seconds),
        runtime: Handle::current(),
    });
    let interface = Arc::new(Interface {
        shared: Arc::clone(&shared),
        pool,
        auth: config.auth.clone(),
        limits: config.limits,
        guard: HttpGuard::new(bound.http_addr, &config.server.host_names, METHODS),
        running: Arc::default(),
    });
    let watch = tokio::spawn(watch_sessions(Arc::clone(&shared)));
    if let Some(path) = &config.server.address_file {
        write_address_file(path, &addresses)
            .map_err(|source| StartError::AddressFile { path: path.clone(), source })?;
    }
    info!(http = %bound.http_addr, "answering statements");
    readiness.set(true);
    let unready = async {
        shutdown.cancelled().await;
        readiness.set(false);
    };
    let served = port.serve(router(Arc::clone(&interface)), shutdown.clone(), config.grace());
    tokio::join!(served, unready);
    watch.abort();
    let stopped = tokio::task::spawn_blocking(move || stop(&engine, &shared, &interface.pool)).await;
    if !stopped.unwrap_or(false) {
        warn!("statements still ran at the end; the data is as after a crash, which the engine survives");
    }
    admin_stop.trigger();
    if let Some(admin) = admin {
        admin.stopped().await;
    }
    Ok(())
}

async fn watch_sessions(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(SESSION_INTERVAL);
    loop {
        tick.tick().await;
        shared.sessions.expire();
        shared.metrics.sessions.set(i64::try_from(shared.sessions.count()).unwrap_or(i64::MAX));
    }
}

/// Ends the statements, the sessions and the engine; false when a statement would not end.
fn stop(engine: &Engine, shared: &Shared, pool: &Pool) -> bool {
    let ended = pool.stop(CANCELLED_GRACE);
    shared.sessions.clear();
    engine.stop();
    ended
}
