//! Accepting connections: within the limit, and without haste when there are no descriptors.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, info, warn};

use super::descriptors::{self, Spare};
use super::metrics::{Closed, ConnectionMetrics};
use super::slots::{Slot, Slots};
use super::{ConnectionsConfig, Throttle};

/// Waits after a connection that could not be accepted: doubled from the first to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// What holds for the connections of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) max: usize,
    pub(crate) handshake: Duration,
    pub(crate) idle: Option<Duration>,
}

/// A bound port with its limits.
#[derive(Debug)]
pub(crate) struct Port {
    name: &'static str,
    listener: TcpListener,
    slots: Arc<Slots>,
    spare: Option<Arc<Spare>>,
    backoff: Duration,
    told_errors: Throttle,
    told_full: Throttle,
    pub(super) limits: Limits,
    pub(super) metrics: ConnectionMetrics,
}

/// A connection with its place.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) slot: Slot,
    pub(super) spare: Option<Arc<Spare>>,
}

impl Port {
    /// Takes a port for work, whose connections leave descriptors for everything else.
    pub(crate) fn new(
        name: &'static str,
        listener: TcpListener,
        config: &ConnectionsConfig,
        metrics: ConnectionMetrics,
    ) -> Self {
        let limits = config.limits();
        if limits.max < config.max.get() {
            let (configured, max) = (config.max.get(), limits.max);
            info!(port = name, configured, max, "fewer connections than configured: the process may open few files");
        }
        Self::with_limits(name, listener, limits, metrics)
    }

    /// Takes a port with limits of its own.
    pub(crate) fn with_limits(
        name: &'static str,
        listener: TcpListener,
        limits: Limits,
        metrics: ConnectionMetrics,
    ) -> Self {
        let (slots, backoff) = (Slots::new(limits.max), BACKOFF.0);
        let (told_errors, told_full) = (Throttle::default(), Throttle::default());
        Self { name, listener, slots, spare: None, backoff, told_errors, told_full, limits, metrics }
    }

    /// Holds descriptors back for connections that come when the process has none left.
    pub(crate) fn with_spare(mut self, descriptors: usize) -> Self {
        self.spare = Some(Arc::new(Spare::new(descriptors)));
        self
    }

    /// Waits for the next connection that has a place.
    pub(super) async fn accept(&mut self) -> Accepted {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    self.backoff = BACKOFF.0;
                    if let Err(error) = stream.set_nodelay(true) {
                        debug!(%error, "connection without TCP_NODELAY");
                    }
                    if let Some(slot) = self.slots.take() {
                        return Accepted { stream, slot, spare: self.spare.clone() };
                    }
                    self.metrics.closed(Closed::Full);
                    if let Some(left_out) = self.told_full.due() {
                        let (port, max) = (self.name, self.limits.max);
                        warn!(port, max, %peer, left_out, "connection refused: all others have a request in progress");
                    }
                }
                Err(error) if descriptors::is_callers_fault(&error) => debug!(%error, "connection lost"),
                Err(error) => self.failed(&error).await,
            }
        }
    }

    /// Makes room if it can, and waits: the listener stays readable, and would be asked again without end.
    async fn failed(&mut self, error: &io::Error) {
        self.metrics.accept_errors.inc();
        if let Some(left_out) = self.told_errors.due() {
            warn!(port = self.name, %error, left_out, "cannot accept a connection; trying again");
        }
        if self.spare.as_ref().is_some_and(|spare| spare.release()) {
            return;
        }
        self.slots.displace();
        tokio::time::sleep(self.backoff).await;
        self.backoff = (self.backoff * 2).min(BACKOFF.1);
    }
}
