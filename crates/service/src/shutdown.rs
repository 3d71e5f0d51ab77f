//! The wish to stop, shared by everything that runs.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::lifeline;

/// A cloneable stop signal.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

/// Exit code of a process ended by a second signal: 128 + SIGINT, as shells report it.
const SECOND_SIGNAL: i32 = 130;

impl Shutdown {
    /// Creates a stop signal that only [`Shutdown::trigger`] sets off.
    #[must_use]
    pub fn manual() -> Self {
        Self::default()
    }

    /// Creates a stop signal that SIGTERM and SIGINT set off, a second one ends the process at once; so does the end of the
    /// process that started this one, where that holds a lifeline ([`crate::LIFELINE`]).
    ///
    /// # Panics
    ///
    /// Panics outside a runtime, or when the operating system refuses a signal handler at start.
    #[must_use]
    pub fn on_signals() -> Self {
        let shutdown = Self::default();
        let mut terminate = handler(SignalKind::terminate());
        let mut interrupt = handler(SignalKind::interrupt());
        lifeline::watch(&shutdown);
        let stop = shutdown.clone();
        tokio::spawn(async move {
            let name = first(&mut terminate, &mut interrupt).await;
            info!(signal = name, "stopping");
            stop.trigger();
            first(&mut terminate, &mut interrupt).await;
            // The person insists: nothing is worth waiting for.
            std::process::exit(SECOND_SIGNAL);
        });
        shutdown
    }

    /// Sets it off.
    pub fn trigger(&self) {
        self.token.cancel();
    }

    /// Waits until it is set off.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// Tells whether it has been set off.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns the token, for `select!` and for child tokens.
    #[must_use]
    pub const fn token(&self) -> &CancellationToken {
        &self.token
    }
}

fn handler(kind: SignalKind) -> Signal {
    signal(kind).expect("the runtime has signals enabled and the kind is one a process may handle")
}

async fn first(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
