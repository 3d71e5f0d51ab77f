//! What a gRPC connection is: plain, or with a handshake that says who is there.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use super::transport::Io;
use crate::access::Caller;
use crate::connections::{Throttle, Transport};
use crate::tls::Reloading;

/// Opens the connections of a gRPC port.
#[derive(Debug, Clone)]
pub(super) enum Opening {
    Plain,
    Tls { config: Arc<Reloading<rustls::ServerConfig>>, told: Arc<Throttle> },
}

impl Opening {
    pub(super) fn new(tls: Option<Arc<Reloading<rustls::ServerConfig>>>) -> Self {
        tls.map_or(Self::Plain, |config| Self::Tls { config, told: Arc::default() })
    }
}

impl Transport for Opening {
    type Io = Io;
    /// Nobody is known on a plain port, where nobody is asked who they are.
    type Info = Caller;

    async fn open(&self, stream: TcpStream) -> Option<(Io, Caller)> {
        let (config, told) = match self {
            Self::Plain => return Some((Io::Plain(stream), Caller::of(None))),
            Self::Tls { config, told } => (config.current().1, told),
        };
        let peer = stream.peer_addr().map_or_else(|_| "unknown".to_owned(), |address| address.to_string());
        match TlsAcceptor::from(config).accept(stream).await {
            Ok(stream) => {
                let caller = Caller::of(stream.get_ref().1.peer_certificates());
                Some((Io::Tls(Box::new(stream)), caller))
            }
            Err(error) => {
                if let Some(left_out) = told.due() {
                    warn!(peer, %error, left_out, "connection refused: its handshake failed");
                }
                None
            }
        }
    }
}
