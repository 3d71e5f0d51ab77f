//! Connections whose socket a fault may take over, to send bytes that no HTTP library would send.
//!
//! The server reads and writes through [`Stream`]; a request handler gets the [`Wire`] of its connection. Once the
//! handler calls [`Wire::hang_up`], the server sees the connection as broken and lets go of it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use champion_service::Transport;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A handler's hold on the socket of its connection.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    socket: Arc<TcpStream>,
    gone: CancellationToken,
}

impl Wire {
    /// Sends raw bytes, past the server.
    pub(crate) async fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.socket.writable().await?;
            match self.socket.try_write(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes the end of the connection a reset (RST) instead of an orderly close (FIN).
    pub(crate) fn reset_on_close(&self) -> io::Result<()> {
        self.socket.set_zero_linger()
    }

    /// Ends the connection for the server; the socket closes when the last hold on it goes.
    pub(crate) fn hang_up(&self) {
        self.gone.cancel();
    }
}

/// A connection as the server reads and writes it.
pub(crate) struct Stream {
    wire: Wire,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Stream {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.gone.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        loop {
            std::task::ready!(self.wire.socket.poll_read_ready(cx))?;
            match self.wire.socket.try_read_buf(buf) {
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        loop {
            std::task::ready!(self.wire.socket.poll_write_ready(cx))?;
            match self.wire.socket.try_write(bytes) {
                Ok(sent) => return Poll::Ready(Ok(sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The socket closes when it is dropped; nothing is buffered here.
        Poll::Ready(Ok(()))
    }
}

/// Opens connections as [`Stream`]s; a handler finds the [`Wire`] of its own as `ConnectInfo`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wires;

impl Transport for Wires {
    type Io = Stream;
    type Info = ConnectInfo<Wire>;

    async fn open(&self, socket: TcpStream) -> Option<(Stream, ConnectInfo<Wire>)> {
        let wire = Wire { socket: Arc::new(socket), gone: CancellationToken::new() };
        let gone = Box::pin(wire.gone.clone().cancelled_owned());
        Some((Stream { wire: wire.clone(), gone }, ConnectInfo(wire)))
    }
}
