//! Plain HTTP servers with a graceful stop.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tracing::{debug, warn};

use crate::Shutdown;

/// Serves a router until `shutdown`, then waits for requests in progress, at most `grace`.
///
/// # Errors
///
/// Fails when the listener does.
pub async fn serve_http(listener: TcpListener, router: Router, shutdown: Shutdown, grace: Duration) -> io::Result<()> {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "connection without TCP_NODELAY");
        }
    });
    let stop = shutdown.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
    let deadline = async {
        shutdown.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        result = server => result,
        () = deadline => {
            warn!(grace_seconds = grace.as_secs(), "requests still open after the grace period; dropped");
            Ok(())
        }
    }
}
