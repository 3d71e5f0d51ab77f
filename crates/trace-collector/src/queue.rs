//! Spans between intake and warehouse, bounded in number and in memory.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::row::SpanRow;

/// The queue. Many offer, one takes.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Notify,
    most_spans: usize,
    most_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    rows: VecDeque<SpanRow>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    /// Creates an empty queue.
    pub(crate) fn new(most_spans: usize, most_bytes: usize) -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), most_spans, most_bytes }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements that hold the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in as many rows as there is room for; returns how many there was none for.
    pub(crate) fn offer(&self, rows: Vec<SpanRow>) -> usize {
        let mut state = self.state();
        let mut rejected = 0;
        for row in rows {
            let bytes = row.memory();
            let full = state.rows.len() >= self.most_spans || state.bytes.saturating_add(bytes) > self.most_bytes;
            if full || state.closed {
                rejected += 1;
                continue;
            }
            state.bytes += bytes;
            state.rows.push_back(row);
        }
        drop(state);
        self.wake.notify_one();
        rejected
    }

    /// Returns the number of rows that wait.
    pub(crate) fn len(&self) -> usize {
        self.state().rows.len()
    }

    /// Takes nothing in any more; what waits can still be taken.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.wake.notify_one();
    }

    /// Waits for rows and then for company, at most `linger`; returns at most `most` rows, the oldest first, and `None`
    /// once the queue is closed and empty.
    pub(crate) async fn next(&self, most: usize, linger: Duration) -> Option<Vec<SpanRow>> {
        self.until(1).await;
        // The time is up or the batch is full: both are good.
        let _ = tokio::time::timeout(linger, self.until(most)).await;
        let mut state = self.state();
        let count = state.rows.len().min(most);
        let batch: Vec<SpanRow> = state.rows.drain(..count).collect();
        state.bytes -= batch.iter().map(SpanRow::memory).sum::<usize>();
        (!batch.is_empty() || !state.closed).then_some(batch)
    }

    /// Waits until there are so many rows, or no more will come.
    async fn until(&self, count: usize) {
        loop {
            {
                let state = self.state();
                if state.closed || state.rows.len() >= count {
                    return;
                }
            }
            // One waits, and a wake-up that comes before the wait is kept.
            self.wake.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::named;

    const LONG: Duration = Duration::from_secs(3600);

    fn names(rows: &[SpanRow]) -> Vec<&str> {
        rows.iter().map(|row| row.span_name.as_str()).collect()
    }

    #[tokio::test]
    async fn a_full_batch_leaves_at_once_and_the_rest_waits_for_company_or_time() {
        let queue = Queue::new(100, usize::MAX);
        assert_eq!(queue.offer(["a", "b", "c"].map(named).into()), 0);
        assert_eq!(names(&queue.next(2, LONG).await.expect("open")), ["a", "b"]);
        assert_eq!(names(&queue.next(2, Duration::from_millis(1)).await.expect("open")), ["c"]);
    }

    #[tokio::test]
    async fn what_does_not_fit_is_rejected_and_counted() {
        let queue = Queue::new(2, usize::MAX);
        assert_eq!(queue.offer(["a", "b", "c", "d"].map(named).into()), 2);
        assert_eq!(queue.len(), 2);
        let small = Queue::new(100, named("a").memory() * 2);
        assert_eq!(small.offer(["a", "b", "c"].map(named).into()), 1);
        assert_eq!(small.next(10, Duration::ZERO).await.map(|rows| rows.len()), Some(2));
        assert_eq!(small.offer(vec![named("d")]), 0, "there is room again");
    }

    #[tokio::test]
    async fn a_closed_queue_gives_what_it_has_and_then_ends() {
        let queue = Queue::new(100, usize::MAX);
        queue.offer(vec![named("a")]);
        queue.close();
        assert_eq!(queue.offer(vec![named("b")]), 1);
        assert_eq!(names(&queue.next(10, LONG).await.expect("one is left")), ["a"]);
        assert_eq!(queue.next(10, LONG).await, None);
    }

    #[tokio::test]
    async fn a_row_that_comes_while_the_queue_is_empty_wakes_the_taker() {
        let queue = Queue::new(100, usize::MAX);
        let (taken, ()) = tokio::join!(queue.next(1, LONG), async {
            tokio::task::yield_now().await;
            queue.offer(vec![named("a")]);
        });
        assert_eq!(names(&taken.expect("open")), ["a"]);
    }
}
