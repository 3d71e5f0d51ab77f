//! The journal: what was asked, how far it came and what is in, in one SQLite file.
//!
//! The journal is the memory of the orchestrator and nothing else's: bytes and rows are in the lake and the warehouse,
//! and every stage is idempotent. A record that is lost therefore costs a question to a stage, never a wrong row.

mod error;
mod lock;
mod read;
mod record;
mod schema;
mod write;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

pub use error::JournalError;
pub(crate) use read::{DatasetBook, Found, Pending, Progress};
pub(crate) use record::{DayRecord, Product, RunRecord, StepRecord, Totals};
pub(crate) use write::{End, NewRun};

use lock::OwnerLock;

/// A handle on the journal; cloning is cheap. All work happens on the runtime's blocking threads.
#[derive(Clone)]
pub(crate) struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    connection: Mutex<Connection>,
    /// Held as long as the journal is open; the operating system lets go of it when the process dies.
    _owner: OwnerLock,
}

impl Journal {
    /// Opens the journal, makes it if need be and becomes its owner.
    ///
    /// # Errors
    /// [`JournalError::Owned`] when another orchestrator has it, [`JournalError::Newer`] when a later version wrote it.
    pub(crate) async fn open(path: &Path, busy_timeout: Duration) -> Result<Self, JournalError> {
        let path = path.to_owned();
        blocking(move || Self::open_blocking(&path, busy_timeout)).await
    }

    fn open_blocking(path: &Path, busy_timeout: Duration) -> Result<Self, JournalError> {
        let owner = OwnerLock::take(path)?;
        let connection = Connection::open(path)?;
        connection.busy_timeout(busy_timeout)?;
        schema::prepare(&connection, path)?;
        Ok(Self { inner: Arc::new(Inner { connection: Mutex::new(connection), _owner: owner }) })
    }

    /// Runs a piece of work on the connection, off the async threads.
    async fn with<T, F>(&self, work: F) -> Result<T, JournalError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, JournalError> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            // A panic between two statements rolls its transaction back, so the connection stays good.
            let mut connection = inner.connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
        })
        .await
    }
}

async fn blocking<T, F>(work: F) -> Result<T, JournalError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, JournalError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|_| JournalError::Stopped)?
}
