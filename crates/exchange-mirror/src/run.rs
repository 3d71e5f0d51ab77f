//! The life of the mirror: ports, server, stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use champion_service::{
    Admin, HttpGuard, HttpPort, ListenError, Readiness, Shutdown, bind_admin, bind_plain, write_address_file,
};
use prometheus::Registry;
use tokio::net::TcpListener;
use tracing::info;

use crate::address::host_names;
use crate::config::{Config, HttpConfig};
use crate::error::Error;
use crate::server::{METHODS, Mirror, Wires, router};

/// The bound ports of the mirror.
#[derive(Debug)]
pub struct Ports {
    http: TcpListener,
    http_addr: SocketAddr,
    admin: Option<(TcpListener, SocketAddr)>,
}

impl Ports {
    /// Binds both ports and writes the address file when one is configured.
    ///
    /// # Errors
    ///
    /// Fails when the exchanges' port cannot be bound, when the admin port cannot be and is required, or when the address
    /// file cannot be written.
    pub async fn bind(config: &HttpConfig) -> Result<Self, Error> {
        let (http, http_addr) = bind_plain(&config.http_listen, config.insecure).await?;
        let admin = bind_admin(&config.admin).await?;
        if let Some(file) = &config.address_file {
            let mut addresses = vec![("http", http_addr)];
            addresses.extend(admin.as_ref().map(|(_, address)| ("admin", *address)));
            write_address_file(file, &addresses)
                .map_err(|source| ListenError::AddressFile { file: file.display().to_string(), source })?;
        }
        Ok(Self { http, http_addr, admin })
    }

    /// Returns the address of the exchanges' port.
    #[must_use]
    pub const fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Returns the address of the admin port, when there is one.
    #[must_use]
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, address)| *address)
    }
}

/// Serves until `shutdown`, then waits for requests in progress, at most the configured grace.
///
/// # Errors
///
/// Fails when the source or the fault rules cannot be read, or when the server fails.
pub async fn run(config: Config, ports: Ports, registry: Registry, shutdown: Shutdown) -> Result<(), Error> {
    let (opened, stop) = (config.clone(), shutdown.clone());
    let for_metrics = registry.clone();
    // Drawing the universe and reading an archive's samples take milliseconds of a thread.
    let mirror = tokio::task::spawn_blocking(move || Mirror::open(&opened, &for_metrics, stop))
        .await
        .map_err(|error| Error::Serve(std::io::Error::other(error)))??;
    let port = HttpPort::new(ports.http, &config.server.connections, &registry).map_err(Error::Metrics)?;
    let readiness = Readiness::default();
    let admin = ports.admin.map(|(listener, _)| Admin::spawn(listener, registry, readiness.clone(), shutdown.clone()));
    info!(http = %ports.http_addr, source = config.source_name(), "mirror is serving");
    readiness.set(true);

    let names: Vec<String> = config.server.host_names.iter().cloned().chain(host_names()).collect();
    let guard = HttpGuard::new(ports.http_addr, &names, METHODS);
    let grace = Duration::from_secs(config.server.shutdown_grace_seconds);
    let server = port.serve_through(Wires, router(Arc::new(mirror), guard), shutdown.clone(), grace);
    let unready = async {
        shutdown.cancelled().await;
        readiness.set(false);
    };
    tokio::join!(server, unready);
    if let Some(admin) = admin {
        admin.stopped().await;
    }
    Ok(())
}
