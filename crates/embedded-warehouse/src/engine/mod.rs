//! The engine in this process: its connections, and how a statement is stopped from outside.

#[expect(unsafe_code, reason = "the engine has a C interface; this module wraps it and nothing else does")]
mod ffi;
mod store;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{info, warn};

pub(crate) use ffi::{Connection, Counts, Parameters};

use crate::config::Config;
use crate::error::StartError;
use crate::exception::Exception;
use crate::sql::Guard;
use ffi::EngineLibrary;
use store::Store;

/// The version of the engine that `deploy/setup/fetch-engine.sh` pins.
const PINNED: &str = "26.7.3-stable.1";
/// What the library calls itself in that version.
const LIBRARY_VERSION: &str = "26.7.3";

/// Locks a mutex; what it guards here stays valid when a thread panics in between.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The booted engine.
pub(crate) struct Engine {
    library: EngineLibrary,
    store: Store,
    /// Stays open, because the engine stops with its last connection; stops statements of the others.
    control: Mutex<Option<Connection>>,
    idle: Mutex<Vec<Marked>>,
    most_idle: usize,
    opened: AtomicU64,
    guard: Guard,
    version: String,
    timezone: String,
}

/// A connection and the text by which its statements are found from outside.
pub(crate) struct Marked {
    pub(crate) connection: Connection,
    pub(crate) marker: String,
}

impl Engine {
    /// Takes the data folder, loads the library and boots it.
    ///
    /// # Errors
    ///
    /// Fails when the library is missing or another, when the folder is taken, or when the engine refuses.
    pub(crate) fn start(config: &Config) -> Result<Self, StartError> {
        let path = match &config.engine.library {
            Some(path) => path.clone(),
            None => default_library()?,
        };
        if !path.is_file() {
            return Err(StartError::NoLibrary(path));
        }
        let store = Store::open(&config.engine, &config.limits, config.access.external)?;
        let library = EngineLibrary::load(&path).map_err(|source| StartError::Load { path: path.clone(), source })?;
        if library.version() != LIBRARY_VERSION {
            warn!(
                version = library.version(),
                expected = LIBRARY_VERSION,
                "the engine is not the version this was tested with"
            );
        }
        let refused = || StartError::Refused(config.engine.data.clone());
        let mut control = library.connect(&store.arguments()).ok_or_else(refused)?;
        let version = scalar(&mut control, "SELECT version()")?;
        let timezone = scalar(&mut control, "SELECT timezone()")?;
        let table_functions = scalar(&mut control, "SELECT name FROM system.table_functions")?;
        let engines = "SELECT name FROM system.table_engines UNION DISTINCT SELECT name FROM system.database_engines";
        let guard = Guard::new(&table_functions, &scalar(&mut control, engines)?, config.access.external);
        info!(version, timezone, data = %config.engine.data.display(), "engine started");
        Ok(Self {
            library,
            store,
            control: Mutex::new(Some(control)),
            idle: Mutex::new(Vec::new()),
            most_idle: config.engine.connections,
            opened: AtomicU64::new(0),
            guard,
            version,
            timezone,
        })
    }

    /// Returns a connection without any state of an earlier request.
    pub(crate) fn take(&self) -> Result<Marked, Exception> {
        if let Some(idle) = lock(&self.idle).pop() {
            return Ok(idle);
        }
        let marker = format!("champion-{}-{}", std::process::id(), self.opened.fetch_add(1, Ordering::Relaxed));
        let mut arguments = self.store.arguments();
        arguments.push(format!("--log_comment={marker}"));
        let connection = self.library.connect(&arguments);
        let connection = connection.ok_or_else(|| Exception::from_engine("the engine refused a connection"))?;
        Ok(Marked { connection, marker })
    }

    /// Takes back a connection in which no request has left anything.
    pub(crate) fn give_back(&self, connection: Marked) {
        let mut idle = lock(&self.idle);
        if idle.len() < self.most_idle {
            idle.push(connection);
        }
    }

    /// Stops whatever a connection is running; a statement that has not begun yet is not there to be stopped.
    ///
    /// The interface stops streams only, so a statement is found by a setting without effect of its own: `log_comment`.
    pub(crate) fn kill(&self, marker: &str) {
        let sql = format!("KILL QUERY WHERE Settings['log_comment'] = '{marker}' ASYNC");
        if let Some(control) = lock(&self.control).as_mut()
            && let Err(error) = control.query(&sql, "Null", &Parameters::default())
        {
            warn!(%error, marker, "cannot stop a statement");
        }
    }

    /// Returns the second wall before the host's files and network.
    pub(crate) const fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Returns the version that stands at the end of error texts.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Returns the time zone of the engine.
    pub(crate) fn timezone(&self) -> &str {
        &self.timezone
    }

    /// Closes the connections; with the last one the engine writes what it holds and gives the folder up.
    ///
    /// `chdb_shutdown` is not called: it reports failure for some of its idle threads, and the process ends anyway.
    pub(crate) fn stop(&self) {
        lock(&self.idle).clear();
        lock(&self.control).take();
    }
}

fn scalar(connection: &mut Connection, sql: &str) -> Result<String, StartError> {
    let result = connection.query(sql, "TabSeparatedRaw", &Parameters::default());
    let result = result.map_err(|error| StartError::Silent(error.to_string()))?;
    Ok(String::from_utf8_lossy(result.as_ref()).trim().to_owned())
}

/// Returns where `deploy/setup/fetch-engine.sh` puts the library.
fn default_library() -> Result<std::path::PathBuf, StartError> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(std::path::PathBuf::from);
    let cache = match set("CHAMPION_ENGINE_CACHE") {
        Some(cache) => cache,
        None => set("HOME").ok_or(StartError::NoHome)?.join(".cache/champion/engine"),
    };
    Ok(cache.join(PINNED).join("libchdb.so"))
}
