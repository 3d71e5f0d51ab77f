//! The one task that writes: batch by batch, as often as it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use champion_service::Shutdown;
use tracing::{debug, info, warn};

use crate::config::BatchSection;
use crate::metrics::{Dropped, Metrics};
use crate::queue::Queue;
use crate::row::SpanRow;
use crate::warehouse::{Warehouse, WarehouseError};

/// First and longest wait before a statement is tried again. There is one writer a warehouse: no jitter is needed.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Refusals of the same batch after which it is given up: something in it, or in the table, will not change.
const MOST_REFUSALS: u32 = 5;

/// Writes what is in the queue.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Arc<Queue>,
    warehouse: Warehouse,
    metrics: Metrics,
    batch: BatchSection,
    tables_exist: Arc<AtomicBool>,
    in_hand: AtomicUsize,
}

impl Writer {
    pub(crate) fn new(queue: Arc<Queue>, warehouse: Warehouse, metrics: Metrics, batch: BatchSection) -> Self {
        let (tables_exist, in_hand) = (Arc::default(), AtomicUsize::new(0));
        Self { queue, warehouse, metrics, batch, tables_exist, in_hand }
    }

    /// Returns whether the tables are there, for the readiness check.
    pub(crate) fn tables_exist(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.tables_exist)
    }

    /// Makes the tables and writes until the queue is closed and empty. Once `stopping` is set off, it has `flush` to
    /// get there; what is left then is dropped and counted.
    pub(crate) async fn run(&self, stopping: Shutdown, flush: Duration) {
        let deadline = async {
            stopping.cancelled().await;
            if self.unwritten() > 0 {
                tokio::time::sleep(flush).await;
            }
        };
        tokio::select! {
            () = self.write_all() => {}
            () = deadline => {
                let lost = self.unwritten();
                self.metrics.dropped(Dropped::Stopped, lost);
                if lost > 0 {
                    warn!(spans = lost, flush_seconds = flush.as_secs(), "spans not written before the end; dropped");
                }
            }
        }
        self.metrics.queued.set(0);
    }

    fn unwritten(&self) -> usize {
        self.in_hand.load(Ordering::Relaxed) + self.queue.len()
    }

    async fn write_all(&self) {
        self.make_tables().await;
        let linger = Duration::from_millis(self.batch.interval_milliseconds);
        while let Some(rows) = self.queue.next(self.batch.spans, linger).await {
            if rows.is_empty() {
                continue;
            }
            self.in_hand.store(rows.len(), Ordering::Relaxed);
            self.write(&rows).await;
            self.in_hand.store(0, Ordering::Relaxed);
            self.metrics.queued.set(i64::try_from(self.queue.len()).unwrap_or(i64::MAX));
        }
    }

    /// Asks until the warehouse has made the tables; spans gather in the queue meanwhile.
    async fn make_tables(&self) {
        let mut wait = FIRST_WAIT;
        let mut warned = false;
        while let Err(error) = self.warehouse.create().await {
            if !warned {
                warn!(%error, "cannot make the trace tables yet; trying again");
                warned = true;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        self.tables_exist.store(true, Ordering::Release);
        info!("trace tables ready");
    }

    async fn write(&self, rows: &[SpanRow]) {
        let mut wait = FIRST_WAIT;
        let mut failures = 0_u32;
        let mut refusals = 0_u32;
        loop {
            let begun = Instant::now();
            let outcome = self.warehouse.insert(rows).await;
            self.metrics.write_seconds.observe(begun.elapsed().as_secs_f64());
            let error = match outcome {
                Ok(()) => {
                    self.metrics.written.inc_by(rows.len() as u64);
                    if failures > 0 {
                        info!(failures, "spans are written again");
                    }
                    debug!(spans = rows.len(), "spans written");
                    return;
                }
                Err(error) => error,
            };
            failures += 1;
            if failures == 1 {
                warn!(%error, spans = rows.len(), "spans not written; trying again");
            }
            if let WarehouseError::Refused(_) = error {
                refusals += 1;
                if refusals == MOST_REFUSALS {
                    self.metrics.dropped(Dropped::Refused, rows.len());
                    warn!(%error, spans = rows.len(), "batch refused again and again; dropped");
                    return;
                }
                // The tables may be gone: another warehouse has taken the address, or somebody dropped them.
                if let Err(error) = self.warehouse.create().await {
                    debug!(%error, "cannot make the trace tables");
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}
