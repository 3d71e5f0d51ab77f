//! Every port of a process, bound before any work begins.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use thiserror::Error;
use tokio::net::TcpListener;
use tracing::warn;

use crate::address_file::write_address_file;
use crate::loopback;
use crate::tls::{self, Reloading};
use crate::{AdminConfig, ServerConfig, TlsError};

/// A port that cannot be had.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The configured address.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The port is plain and other machines reach it.
    #[error(
        "{address} is plain and other machines can reach it: give certificates in [server.tls], where the service has that \
         section, or say [server] insecure = true"
    )]
    Insecure {
        /// The configured address.
        address: String,
    },
    /// The files of TLS cannot be used.
    #[error("no TLS on the gRPC port: {0}")]
    Tls(#[from] TlsError),
    /// The address file cannot be written.
    #[error("cannot write the address file {file}: {source}")]
    AddressFile {
        /// The configured file.
        file: String,
        /// Why not.
        source: io::Error,
    },
}

/// The bound ports of a gRPC service.
#[derive(Debug)]
pub struct Listeners {
    pub(crate) grpc: TcpListener,
    pub(crate) tls: Option<Arc<Reloading<rustls::ServerConfig>>>,
    pub(crate) admin: Option<TcpListener>,
    grpc_addr: SocketAddr,
    admin_addr: Option<SocketAddr>,
}

impl Listeners {
    /// Binds the gRPC port and the admin port, and writes the address file when one is configured.
    ///
    /// # Errors
    ///
    /// Fails when the files of TLS cannot be used, when the gRPC port is plain beyond loopback and `insecure` is not said, when it
    /// cannot be bound, when the admin port cannot be and is required, or when the address file cannot be written.
    pub async fn bind(config: &ServerConfig) -> Result<Self, ListenError> {
        let tls = config.tls.files.as_ref().map(|files| Reloading::load(files, tls::server)).transpose()?.map(Arc::new);
        let (grpc, grpc_addr) = match tls {
            Some(_) => bind_tcp(&config.grpc_listen).await?,
            None => bind_plain(&config.grpc_listen, config.insecure).await?,
        };
        let admin = bind_admin(&config.admin).await?;
        let admin_addr = admin.as_ref().map(|(_, address)| *address);
        if let Some(file) = &config.address_file {
            let mut addresses = vec![("grpc", grpc_addr)];
            addresses.extend(admin_addr.map(|address| ("admin", address)));
            write_address_file(file, &addresses)
                .map_err(|source| ListenError::AddressFile { file: file.display().to_string(), source })?;
        }
        Ok(Self { grpc, tls, admin: admin.map(|(listener, _)| listener), grpc_addr, admin_addr })
    }

    /// Returns the address of the gRPC port.
    #[must_use]
    pub const fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    /// Returns the address of the admin port, when there is one.
    #[must_use]
    pub const fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin_addr
    }
}

/// Binds one TCP port for plain traffic: beyond loopback only when `insecure` is said.
///
/// # Errors
///
/// Fails like [`bind_tcp`], and when other machines could reach the port and `insecure` is false.
pub async fn bind_plain(address: &str, insecure: bool) -> Result<(TcpListener, SocketAddr), ListenError> {
    if !insecure {
        let failed = |source| ListenError::Bind { address: address.to_owned(), source };
        let mut found = tokio::net::lookup_host(address).await.map_err(failed)?;
        if !found.all(|address| loopback::is_loopback(address.ip())) {
            return Err(ListenError::Insecure { address: address.to_owned() });
        }
    }
    bind_tcp(address).await
}

/// Binds one TCP port.
///
/// # Errors
///
/// Fails when the address cannot be resolved or bound; the error names it.
pub async fn bind_tcp(address: &str) -> Result<(TcpListener, SocketAddr), ListenError> {
    let failed = |source| ListenError::Bind { address: address.to_owned(), source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}

/// Binds the admin port; one that is taken is a warning, and the service runs on, unless it is required.
///
/// # Errors
///
/// Fails when the port cannot be bound and is required.
pub async fn bind_admin(config: &AdminConfig) -> Result<Option<(TcpListener, SocketAddr)>, ListenError> {
    if !config.enabled {
        return Ok(None);
    }
    match bind_tcp(&config.listen).await {
        Ok(bound) => Ok(Some(bound)),
        Err(error) if config.required => Err(error),
        Err(error) => {
            warn!(%error, "no admin endpoint: metrics and health are not served");
            Ok(None)
        }
    }
}
