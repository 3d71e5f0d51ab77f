//! One writer at a time for each curated file within this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use champion_market_data::{Exchange, StagedArtifact, Table, TradeDate};
use tokio::sync::OwnedMutexGuard;

type Session = (Table, Exchange, TradeDate);

/// Locks by table, exchange and trade date; the ones nobody holds are forgotten.
#[derive(Debug, Default)]
pub(crate) struct SessionLocks {
    locks: Mutex<HashMap<Session, Arc<tokio::sync::Mutex<()>>>>,
}

impl SessionLocks {
    /// Waits until nobody else writes the artifact's session.
    pub(crate) async fn lock(&self, staged: &StagedArtifact) -> OwnedMutexGuard<()> {
        let session = (staged.table, staged.exchange, staged.trade_date);
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(session).or_default())
        };
        lock.lock_owned().await
    }
}
