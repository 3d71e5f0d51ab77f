//! Connections behind TLS, and a channel that moves to a new one before the old one is stale.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncBufReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};
use tower::Service;
use tracing::{info, warn};

use crate::tls::{HTTP2, Reloading};

/// Longest wait for the server's first bytes after the handshake.
const FIRST_BYTES_TIMEOUT: Duration = Duration::from_secs(1);
/// Shortest time between two attempts to move to a new connection.
const MOVE_INTERVAL: Duration = Duration::from_secs(5);

/// Opens connections with the certificate of the moment.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    pub(super) config: Arc<Reloading<ClientConfig>>,
    /// The name the server's certificate must bear.
    pub(super) name: ServerName<'static>,
}

impl Connector {
    async fn connect(self, uri: Uri) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(super::HTTPS_PORT))).await?;
        stream.set_nodelay(true)?;
        let (_, config) = self.config.current();
        let mut stream = tokio_rustls::TlsConnector::from(config).connect(self.name, stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the server does not speak HTTP/2"));
        }
        // In TLS 1.3 the client's handshake ends before the server has looked at its certificate; a refusal comes in place
        // of the first bytes. A server that waits for the client to speak first is not refused for it.
        match timeout(FIRST_BYTES_TIMEOUT, stream.fill_buf()).await {
            Ok(Ok([])) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) | Err(_) => Ok(TokioIo::new(stream)),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.clone().connect(uri);
        Box::pin(async move {
            let connected = connecting.await;
            if let Err(error) = &connected {
                warn!(%error, "no TLS connection");
            }
            connected
        })
    }
}

/// A channel that opens a new connection when its certificate has been replaced or its connection is old, and sends the next
/// calls there once it is up. Calls in progress end on the connection they began on, which closes after the last of them.
#[derive(Debug)]
pub(super) struct MovingChannel {
    shared: Arc<Shared>,
    ready: Option<Channel>,
}

#[derive(Debug)]
struct Shared {
    endpoint: Endpoint,
    connector: Connector,
    reconnect: Duration,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    channel: Channel,
    /// When it was opened, and with which version of the files.
    opened: Instant,
    version: u64,
    /// When the last attempt to replace it began.
    tried: Option<Instant>,
}

impl MovingChannel {
    pub(super) fn new(endpoint: Endpoint, connector: Connector, reconnect: Duration) -> Self {
        let channel = endpoint.connect_with_connector_lazy(connector.clone());
        let (version, _) = connector.config.current();
        let current = Mutex::new(Current { channel, opened: Instant::now(), version, tried: None });
        Self { shared: Arc::new(Shared { endpoint, connector, reconnect, current }), ready: None }
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), tonic::transport::Error>> {
        let shared = &self.shared;
        self.ready.get_or_insert_with(|| shared.current()).poll_ready(cx)
    }

    pub(super) fn call(&mut self, request: http::Request<tonic::body::Body>) -> <Channel as Service<Request>>::Future {
        let shared = &self.shared;
        self.ready.take().unwrap_or_else(|| shared.current()).call(request)
    }
}

type Request = http::Request<tonic::body::Body>;

/// A clone that is kept for later holds no connection.
impl Clone for MovingChannel {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), ready: None }
    }
}

impl Shared {
    fn current(self: &Arc<Self>) -> Channel {
        let (version, _) = self.connector.config.current();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stale = version != current.version || current.opened.elapsed() >= self.reconnect;
        // A call that a closing connection has not taken fails, so none begins on one the server may soon close: the calls
        // of a channel that was idle wait for the new connection.
        if current.opened.elapsed() >= self.reconnect * 2 {
            let channel = self.endpoint.connect_with_connector_lazy(self.connector.clone());
            *current = Current { channel, opened: Instant::now(), version, tried: None };
            return current.channel.clone();
        }
        let waits = current.tried.is_some_and(|tried| tried.elapsed() < MOVE_INTERVAL);
        if stale && !waits {
            current.tried = Some(Instant::now());
            tokio::spawn(self.clone().replace(version));
        }
        current.channel.clone()
    }

    /// Opens a connection and lets the next calls use it; without one the old stays in use.
    async fn replace(self: Arc<Self>, version: u64) {
        let opened = Instant::now();
        match self.endpoint.connect_with_connector(self.connector.clone()).await {
            Ok(channel) => {
                let tried = None;
                let current = Current { channel, opened, version, tried };
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = current;
                info!(server = %self.endpoint.uri(), "calls go over a new connection");
            }
            Err(error) => warn!(server = %self.endpoint.uri(), %error, "no new connection; the old one stays in use"),
        }
    }
}
