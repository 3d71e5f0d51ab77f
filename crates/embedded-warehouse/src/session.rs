//! Sessions: a connection that several requests share one after the other (`session_id`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use crate::engine::{Engine, Marked, lock};
use crate::exception::{Code, Exception};
use crate::request::SessionRequest;
use crate::settings::bound_answer;

/// Longest and usual life of a session without requests, in seconds; the same as ClickHouse's.
pub(crate) const MAX_TIMEOUT_SECONDS: u64 = 3600;
pub(crate) const DEFAULT_TIMEOUT_SECONDS: u64 = 60;

/// One session.
pub(crate) struct Session {
    /// Locked while a request uses it.
    connection: Mutex<Marked>,
    expires: Mutex<Instant>,
}

/// The open sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Mutex<HashMap<String, Arc<Session>>>,
    most: usize,
    answer_bytes: u64,
}

impl Sessions {
    /// Creates a book of at most this many sessions, each of whose answers has at most so many bytes.
    pub(crate) fn new(most: usize, answer_bytes: u64) -> Self {
        Self { open: Mutex::default(), most, answer_bytes }
    }

    /// Runs something on the session's connection, and opens the session first if need be.
    ///
    /// # Errors
    ///
    /// Fails when the session is busy, when it has to exist and does not, or when there are too many.
    pub(crate) fn with<T>(
        &self,
        engine: &Engine,
        request: &SessionRequest,
        run: impl FnOnce(&mut Marked) -> Result<T, Exception>,
    ) -> Result<T, Exception> {
        let session = self.find(engine, request)?;
        let result = match session.connection.try_lock() {
            Ok(mut connection) => run(&mut connection),
            Err(TryLockError::Poisoned(poisoned)) => run(&mut poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                let text = format!("Session {} is locked by a concurrent client", request.id);
                return Err(Exception::new(Code::SESSION_IS_LOCKED, text));
            }
        };
        *lock(&session.expires) = Instant::now() + Duration::from_secs(request.timeout_seconds);
        if request.close {
            lock(&self.open).remove(&request.id);
        }
        result
    }

    fn find(&self, engine: &Engine, request: &SessionRequest) -> Result<Arc<Session>, Exception> {
        self.expire();
        let mut open = lock(&self.open);
        if let Some(session) = open.get(&request.id) {
            return Ok(Arc::clone(session));
        }
        if request.must_exist {
            let text = format!("Session {} not found", request.id);
            return Err(Exception::new(Code::SESSION_NOT_FOUND, text));
        }
        if open.len() >= self.most {
            return Err(Exception::new(
                Code::TOO_MANY_SIMULTANEOUS_QUERIES,
                "Too many open sessions (limits.sessions)",
            ));
        }
        let expires = Instant::now() + Duration::from_secs(request.timeout_seconds);
        let mut connection = engine.take()?;
        // The answers of a session are all kept whole.
        bound_answer(&mut connection, self.answer_bytes)?;
        let session = Arc::new(Session { connection: Mutex::new(connection), expires: Mutex::new(expires) });
        open.insert(request.id.clone(), Arc::clone(&session));
        Ok(session)
    }

    /// Closes the sessions whose time is over; one in use stays.
    pub(crate) fn expire(&self) {
        let now = Instant::now();
        lock(&self.open).retain(|_, session| Arc::strong_count(session) > 1 || *lock(&session.expires) > now);
    }

    /// Closes every session.
    pub(crate) fn clear(&self) {
        lock(&self.open).clear();
    }

    /// Counts the open sessions.
    pub(crate) fn count(&self) -> usize {
        lock(&self.open).len()
    }
}
