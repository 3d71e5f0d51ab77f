//! Files that are read again while the process runs.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{error, info};

use super::material::Contents;
use super::{TlsError, TlsFiles};

/// Shortest time between two looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Makes one side's configuration of what the files hold.
type Make<C> = fn(&TlsFiles, &Contents) -> Result<C, TlsError>;

/// A configuration that follows its files: a whole new set of them replaces it, a broken one does not.
pub(crate) struct Reloading<C> {
    files: TlsFiles,
    make: Make<C>,
    state: Mutex<State<C>>,
}

struct State<C> {
    looked: Instant,
    seen: u64,
    version: u64,
    current: Arc<C>,
}

impl<C> fmt::Debug for Reloading<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloading").field("files", &self.files).finish_non_exhaustive()
    }
}

impl<C> Reloading<C> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read or used.
    pub(crate) fn load(files: &TlsFiles, make: Make<C>) -> Result<Self, TlsError> {
        let contents = Contents::read(files);
        let seen = fingerprint(&contents);
        let current = Arc::new(make(files, &contents?)?);
        let state = Mutex::new(State { looked: Instant::now(), seen, version: 0, current });
        Ok(Self { files: files.clone(), make, state })
    }

    /// Returns the configuration for a new connection, and a number that grows with each new set of files. The files are
    /// looked at again at most once a second.
    pub(crate) fn current(&self) -> (u64, Arc<C>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK_INTERVAL {
            state.looked = Instant::now();
            self.look(&mut state);
        }
        (state.version, state.current.clone())
    }

    fn look(&self, state: &mut State<C>) {
        let contents = Contents::read(&self.files);
        let seen = fingerprint(&contents);
        // What was broken at the last look and still is has been told.
        if seen == state.seen {
            return;
        }
        state.seen = seen;
        let certificate = self.files.certificate.display();
        match contents.and_then(|contents| (self.make)(&self.files, &contents)) {
            Ok(made) => {
                state.current = Arc::new(made);
                state.version += 1;
                info!(%certificate, "new certificate in use");
            }
            Err(error) => error!(%certificate, %error, "the new certificate cannot be used; the old one stays in use"),
        }
    }
}

/// Contents and not times: a file written twice within one tick of the clock is still seen.
fn fingerprint(contents: &Result<Contents, TlsError>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match contents {
        Ok(contents) => [&contents.certificate, &contents.private_key, &contents.ca].hash(&mut hasher),
        Err(error) => error.to_string().hash(&mut hasher),
    }
    hasher.finish()
}
