//! The `[server.connections]` part of a configuration.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::descriptors;

/// How many connections a port has and how long each may be silent or idle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionsConfig {
    /// Connections at the same time; fewer where the process may open few files. A new one beyond them takes the place of the
    /// one that has had no request for the longest time, and is closed when all have one in progress.
    pub max: NonZeroUsize,
    /// Longest time in seconds from a connection's begin to its TLS handshake and its HTTP/2 preface, or its first request.
    pub handshake_seconds: NonZeroU64,
    /// Longest time in seconds without a request in progress; 0 for no limit.
    pub idle_seconds: u64,
}

const MAX: NonZeroUsize = NonZeroUsize::new(256).expect("it is not 0");
const HANDSHAKE_SECONDS: NonZeroU64 = NonZeroU64::new(5).expect("it is not 0");
const IDLE_SECONDS: u64 = 300;

impl Default for ConnectionsConfig {
    fn default() -> Self {
        Self { max: MAX, handshake_seconds: HANDSHAKE_SECONDS, idle_seconds: IDLE_SECONDS }
    }
}

impl ConnectionsConfig {
    /// Returns what holds in this process, whose descriptors may be few.
    pub(crate) fn limits(&self) -> super::Limits {
        super::Limits {
            max: descriptors::share().map_or(self.max.get(), |share| share.min(self.max.get())),
            handshake: Duration::from_secs(self.handshake_seconds.get()),
            idle: (self.idle_seconds > 0).then(|| Duration::from_secs(self.idle_seconds)),
        }
    }
}
