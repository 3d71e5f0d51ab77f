//! One download a report, however many ask for it at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use champion_market_data::{Dataset, TradeDate};
use tokio::sync::OwnedMutexGuard;

type Report = (Dataset, TradeDate);
type Lock = Arc<tokio::sync::Mutex<()>>;

/// The reports that are being fetched.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    locks: Mutex<HashMap<Report, Lock>>,
}

/// The exclusive right to fetch a report, until it is dropped.
#[derive(Debug)]
pub(crate) struct Entered<'a> {
    in_flight: &'a InFlight,
    report: Report,
    guard: Option<OwnedMutexGuard<()>>,
}

impl InFlight {
    /// Waits until nobody else fetches the report.
    pub(crate) async fn enter(&self, dataset: Dataset, date: TradeDate) -> Entered<'_> {
        let report = (dataset, date);
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(report).or_default())
        };
        // Made before the wait: a caller that gives up while waiting cleans up too.
        let mut entered = Entered { in_flight: self, report, guard: None };
        entered.guard = Some(lock.lock_owned().await);
        entered
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut locks = self.in_flight.locks.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the table itself still knows the lock: nobody holds it or waits for it.
        if locks.get(&self.report).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            locks.remove(&self.report);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_same_report_is_fetched_by_one_at_a_time_and_another_one_beside_it() {
        let in_flight = InFlight::default();
        let date = "2025-02-24".parse().expect("a date");
        let first = in_flight.enter(Dataset::Bhavcopy, date).await;
        let _other = in_flight.enter(Dataset::FullBhavcopy, date).await;
        let second = in_flight.enter(Dataset::Bhavcopy, date);
        tokio::pin!(second);
        assert!(poll_once(second.as_mut()).await.is_none(), "the first still fetches");
        drop(first);
        drop(second.await);
        assert_eq!(in_flight.locks.lock().expect("nobody panicked").len(), 1, "what is done is forgotten");
    }

    async fn poll_once<F: Future + Unpin>(future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = std::future::ready(()) => None,
        }
    }
}
