//! The journal: what was asked, how far it came and what is in, in one SQLite file.
//!
//! The journal is a cache: how days ended and which runs there are stands in the lake, and a journal that is lost, old or
//! damaged is made anew from there. What only the journal has are the steps of runs, and every stage is idempotent, so a
//! step that is lost costs a question to a stage, never a wrong row.

mod damage;
mod error;
mod lake;
mod lock;
mod read;
mod record;
mod schema;
mod write;

use std::path::{Path, PathBuf};
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
    path: PathBuf,
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
        let opened = match open_sound(path, busy_timeout) {
            Err(error) if error.is_damage() => {
                damage::set_aside(path, &error)?;
                open_sound(path, busy_timeout)
            }
            opened => opened,
        };
        let unusable = |error: JournalError| match error {
            JournalError::Sqlite(reason) => {
                JournalError::Unusable { path: path.to_owned(), reason: reason.to_string() }
            }
            other => other.of_file(path),
        };
        let connection = Mutex::new(opened.map_err(unusable)?);
        Ok(Self { inner: Arc::new(Inner { connection, path: path.to_owned(), _owner: owner }) })
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
            work(&mut connection).map_err(|error| error.of_file(&inner.path))
        })
        .await
    }
}

/// Opens the file, brings it to the newest schema and looks whether it is whole.
fn open_sound(path: &Path, busy_timeout: Duration) -> Result<Connection, JournalError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(busy_timeout)?;
    schema::prepare(&connection, path)?;
    schema::check(&connection)?;
    read::check(&mut connection)?;
    Ok(connection)
}

async fn blocking<T, F>(work: F) -> Result<T, JournalError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, JournalError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|_| JournalError::Stopped)?
}
