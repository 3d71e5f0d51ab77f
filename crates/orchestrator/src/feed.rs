//! The events of a run, kept from the first to the last while it goes on.
//!
//! The run appends and never waits; each client reads at its own pace from the beginning, also one that comes late. The
//! feed is bounded by the run itself: a few events a day of its range.

use std::sync::{Arc, Mutex, PoisonError};

use futures::Stream;
use tokio::sync::watch;

use crate::journal::{DayRecord, StepRecord, Totals};
use crate::vocabulary::{RunStatus, Stage};

/// Something a client of the run is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Started {
        sessions_planned: u32,
        days_in_range: u32,
        resumed: bool,
    },
    /// A stage is asked again.
    Waiting {
        stage: Stage,
        reason: String,
    },
    Step(StepRecord),
    Day(DayRecord),
    Finished {
        status: RunStatus,
        error: String,
        totals: Totals,
        duration_ms: u64,
    },
}

/// How a feed ends for its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// The next event.
    Event(Event),
    /// The orchestrator stopped before the run was finished; the run goes on at the next start.
    CutOff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Length {
    events: usize,
    closed: bool,
}

/// The events of one run.
#[derive(Debug)]
pub(crate) struct Feed {
    events: Mutex<Vec<Event>>,
    length: watch::Sender<Length>,
}

impl Feed {
    pub(crate) fn new() -> Arc<Self> {
        let length = watch::Sender::new(Length { events: 0, closed: false });
        Arc::new(Self { events: Mutex::new(Vec::new()), length })
    }

    /// Appends an event.
    pub(crate) fn push(&self, event: Event) {
        self.extend([event]);
    }

    /// Appends events in their order.
    pub(crate) fn extend(&self, new: impl IntoIterator<Item = Event>) {
        let events = {
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.extend(new);
            events.len()
        };
        self.length.send_modify(|length| length.events = events);
    }

    /// Says that nothing follows.
    pub(crate) fn close(&self) {
        self.length.send_modify(|length| length.closed = true);
    }

    fn get(&self, index: usize) -> Option<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).get(index).cloned()
    }

    /// Reads the feed from its first event to its end.
    pub(crate) fn read(self: &Arc<Self>) -> impl Stream<Item = Told> + use<> {
        struct Reader {
            feed: Arc<Feed>,
            length: watch::Receiver<Length>,
            next: usize,
            done: bool,
        }
        let reader = Reader { feed: Arc::clone(self), length: self.length.subscribe(), next: 0, done: false };
        futures::stream::unfold(reader, |mut reader| async move {
            if reader.done {
                return None;
            }
            let next = reader.next;
            // The sender lives in the feed that the reader holds, so the wait ends by a new length only.
            let closed = reader.length.wait_for(|length| length.events > next || length.closed).await.is_err();
            match reader.feed.get(next).filter(|_| !closed) {
                Some(event) => {
                    reader.next += 1;
                    reader.done = matches!(event, Event::Finished { .. });
                    Some((Told::Event(event), reader))
                }
                None => {
                    reader.done = true;
                    Some((Told::CutOff, reader))
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn started() -> Event {
        Event::Started { sessions_planned: 1, days_in_range: 1, resumed: false }
    }

    fn finished() -> Event {
        Event::Finished {
            status: RunStatus::Succeeded,
            error: String::new(),
            totals: Totals::default(),
            duration_ms: 1,
        }
    }

    #[tokio::test]
    async fn a_client_that_comes_late_reads_from_the_first_event() {
        let feed = Feed::new();
        feed.push(started());
        feed.push(finished());
        feed.close();
        let told: Vec<Told> = feed.read().collect().await;
        assert_eq!(told, [Told::Event(started()), Told::Event(finished())]);
    }

    #[tokio::test]
    async fn a_feed_that_ends_without_the_last_event_says_so() {
        let feed = Feed::new();
        feed.push(started());
        let reader = tokio::spawn(feed.read().collect::<Vec<Told>>());
        feed.close();
        assert_eq!(reader.await.expect("the reader"), [Told::Event(started()), Told::CutOff]);
    }
}
