//! What a port shows of its connections.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Why the server ended a connection, or did not take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The port was full of connections with a request in progress.
    Full,
    /// It had no request when another connection needed its place.
    Displaced,
    /// Its handshake or its first request did not come in time.
    Silent,
    /// Its TLS handshake failed.
    Handshake,
    /// It had no request for too long.
    Idle,
}

impl Closed {
    const ALL: [Self; 5] = [Self::Full, Self::Displaced, Self::Silent, Self::Handshake, Self::Idle];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Displaced => "displaced",
            Self::Silent => "silent",
            Self::Handshake => "handshake",
            Self::Idle => "idle",
        }
    }
}

/// The metrics of one port.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionMetrics {
    pub(super) open: IntGauge,
    pub(super) accept_errors: IntCounter,
    closed: IntCounterVec,
}

impl ConnectionMetrics {
    /// Registers the metrics of a port; each port of a process once.
    ///
    /// # Errors
    ///
    /// Fails when the registry has those of a port with this name.
    pub(crate) fn register(registry: &Registry, port: &'static str) -> Result<Self, prometheus::Error> {
        let metrics = Self::new(port)?;
        registry.register(Box::new(metrics.open.clone()))?;
        registry.register(Box::new(metrics.accept_errors.clone()))?;
        registry.register(Box::new(metrics.closed.clone()))?;
        Ok(metrics)
    }

    fn new(port: &'static str) -> Result<Self, prometheus::Error> {
        let opts = |name: &str, help: &str| Opts::new(name, help).const_label("port", port);
        let closed =
            opts("champion_connections_closed_total", "Connections the server ended or did not take, by reason.");
        let closed = IntCounterVec::new(closed, &["reason"])?;
        for reason in Closed::ALL {
            closed.with_label_values(&[reason.as_str()]);
        }
        Ok(Self {
            open: IntGauge::with_opts(opts("champion_connections_open", "Connections of the port."))?,
            accept_errors: IntCounter::with_opts(opts(
                "champion_connection_accept_errors_total",
                "Connections that could not be accepted, mostly for want of descriptors.",
            ))?,
            closed,
        })
    }

    /// Counts a connection that the server ended.
    pub(crate) fn closed(&self, reason: Closed) {
        self.closed.with_label_values(&[reason.as_str()]).inc();
    }
}
