//! What a port makes of an accepted connection before requests are read from it.

use std::future::Future;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Turns an accepted connection into what requests are read from.
pub trait Transport: Clone + Send + Sync + 'static {
    /// What requests are read from.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// What every request of the connection finds among its extensions.
    type Info: Clone + Send + Sync + 'static;

    /// Opens the connection; none when it is not to be served, which the transport tells.
    fn open(&self, stream: TcpStream) -> impl Future<Output = Option<(Self::Io, Self::Info)>> + Send;
}

/// The connection as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain;

/// Nothing to know about a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoInfo;

impl Transport for Plain {
    type Io = TcpStream;
    type Info = NoInfo;

    async fn open(&self, stream: TcpStream) -> Option<(TcpStream, NoInfo)> {
        Some((stream, NoInfo))
    }
}
