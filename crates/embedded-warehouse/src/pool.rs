//! Threads that run statements, the bounded queue before them, and how a statement is given up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, warn};

use crate::engine::{Engine, lock};
use crate::error::StartError;
use crate::exception::{Code, Exception};

/// Stack of a thread that runs statements: the engine's parser is recursive, its own threads have as much.
const STACK: usize = 8 * 1024 * 1024;
/// How often a statement that does not stop is asked again; it may not have begun when it was asked first.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// What a thread runs.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// One request's way through the pool: whether it is given up, and what it is running.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    cancelled: AtomicBool,
    finished: AtomicBool,
    running: Mutex<Option<String>>,
}

impl Ticket {
    /// Tells whether the client is gone or the process stops.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Fails once the request is given up.
    pub(crate) fn check(&self) -> Result<(), Exception> {
        if self.is_cancelled() {
            Err(Exception::new(Code::QUERY_WAS_CANCELLED, "The request was given up"))
        } else {
            Ok(())
        }
    }

    /// Notes the connection whose statement has to be stopped if the request is given up.
    pub(crate) fn runs_on(&self, marker: Option<&str>) {
        *lock(&self.running) = marker.map(str::to_owned);
    }

    /// Notes the end.
    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::Release);
    }

    fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }
}

/// Gives a request up when it is dropped before the end.
#[derive(Debug)]
pub(crate) struct CancelOnDrop {
    ticket: Arc<Ticket>,
    canceller: Option<Sender<Arc<Ticket>>>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if !self.ticket.is_finished() {
            self.ticket.cancelled.store(true, Ordering::Release);
            if let Some(canceller) = &self.canceller {
                // Without one the process is stopping and stops the statement itself.
                let _ = canceller.send(Arc::clone(&self.ticket));
            }
        }
    }
}

/// The threads.
pub(crate) struct Pool {
    /// `None` once the process stops.
    queue: Mutex<Option<SyncSender<Task>>>,
    canceller: Mutex<Option<Sender<Arc<Ticket>>>>,
    tickets: Mutex<Vec<Weak<Ticket>>>,
    ended: Mutex<Receiver<()>>,
    threads: usize,
}

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// Fails when the system refuses a thread.
    pub(crate) fn start(engine: &Arc<Engine>, threads: usize, queue: usize) -> Result<Self, StartError> {
        let (sender, receiver) = sync_channel::<Task>(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        let (end, ended) = channel();
        for number in 0..threads {
            let (receiver, end) = (Arc::clone(&receiver), end.clone());
            thread::Builder::new()
                .name(format!("statement-{number}"))
                .stack_size(STACK)
                .spawn(move || {
                    run_tasks(&receiver);
                    let _ = end.send(());
                })
                .map_err(StartError::Thread)?;
        }
        let (canceller, given_up) = channel();
        let engine = Arc::clone(engine);
        thread::Builder::new()
            .name("canceller".to_owned())
            .spawn(move || {
                stop_statements(&engine, &given_up);
                drop(engine);
                let _ = end.send(());
            })
            .map_err(StartError::Thread)?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            canceller: Mutex::new(Some(canceller)),
            tickets: Mutex::new(Vec::new()),
            ended: Mutex::new(ended),
            threads: threads + 1,
        })
    }

    /// Returns a new ticket and the guard that gives it up.
    pub(crate) fn ticket(&self) -> (Arc<Ticket>, CancelOnDrop) {
        let ticket = Arc::new(Ticket::default());
        let mut tickets = lock(&self.tickets);
        tickets.retain(|ticket| ticket.strong_count() > 0);
        tickets.push(Arc::downgrade(&ticket));
        (Arc::clone(&ticket), CancelOnDrop { ticket, canceller: lock(&self.canceller).clone() })
    }

    /// Queues a task.
    ///
    /// # Errors
    ///
    /// Refuses when the queue is full or the process is stopping.
    pub(crate) fn submit(&self, task: Task) -> Result<(), Exception> {
        let stopping = || Exception::new(Code::ABORTED, "The warehouse is stopping");
        let queue = lock(&self.queue);
        queue.as_ref().ok_or_else(stopping)?.try_send(task).map_err(|error| match error {
            TrySendError::Full(_) => Exception::new(
                Code::TOO_MANY_SIMULTANEOUS_QUERIES,
                "Too many simultaneous queries: engine.connections are busy and engine.queue is full",
            ),
            TrySendError::Disconnected(_) => stopping(),
        })
    }

    /// Gives up whatever still runs, takes nothing more and waits for the threads; false when some do not end in time.
    pub(crate) fn stop(&self, patience: Duration) -> bool {
        let canceller = lock(&self.canceller).take();
        for ticket in lock(&self.tickets).iter().filter_map(Weak::upgrade) {
            if !ticket.is_finished() {
                ticket.cancelled.store(true, Ordering::Release);
                if let Some(canceller) = &canceller {
                    // The canceller lives until all of its senders are gone.
                    let _ = canceller.send(ticket);
                }
            }
        }
        drop(canceller);
        lock(&self.queue).take();
        let deadline = Instant::now() + patience;
        let ended = lock(&self.ended);
        for _ in 0..self.threads {
            if ended.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_err() {
                warn!("a statement does not stop");
                return false;
            }
        }
        true
    }
}

fn run_tasks(receiver: &Mutex<Receiver<Task>>) {
    loop {
        let task = lock(receiver).recv();
        let Ok(task) = task else { return };
        // A panic is a bug of ours; it must cost one request and not a thread of the pool.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(task)).is_err() {
            error!("a statement's thread panicked");
        }
    }
}

/// Stops the statements of given-up requests, again and again until each has ended.
fn stop_statements(engine: &Engine, given_up: &Receiver<Arc<Ticket>>) {
    let mut pending: Vec<Arc<Ticket>> = Vec::new();
    let mut open = true;
    while open || !pending.is_empty() {
        let next = if pending.is_empty() {
            given_up.recv().map_err(RecvTimeoutError::from)
        } else {
            given_up.recv_timeout(ASK_AGAIN)
        };
        match next {
            Ok(ticket) => pending.push(ticket),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                if open && !pending.is_empty() {
                    thread::sleep(ASK_AGAIN);
                }
                open = false;
            }
        }
        pending.retain(|ticket| !ticket.is_finished() && Arc::strong_count(ticket) > 1);
        for ticket in &pending {
            // Under the lock: a connection leaves its request under it too, so no other request's statement is hit.
            if let Some(marker) = lock(&ticket.running).as_deref() {
                engine.kill(marker);
            }
        }
    }
}
