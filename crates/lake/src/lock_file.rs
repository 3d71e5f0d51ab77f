//! Lock files of a lake in a folder: few names, each freed by the system when its holder dies, removed when they are old.
//!
//! A name is a function of what is locked, one of [`LOCK_FILES`] a kind: what shares a name only waits for each other.
//! A file that is locked may be removed by whoever holds it, so a lock counts only while its file is still the one that
//! the path names: a waiter that wakes up on a file that has been removed begins again. Thus two never hold one lock on
//! two files, and an old file can be removed while processes come and go.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use champion_market_data::Sha256;

use crate::LakeError;
use crate::folder::{Leftover, blocking};
use crate::store::{Lake, io_failed};

/// Lock files of a kind.
const LOCK_FILES: u16 = 1024;

/// Lock files lie outside the zones, so that no listing sees them.
const FOLDER: &str = ".locks";

/// What is locked. Kinds share no file, so that one may be taken while another is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Work of several writes on a name.
    Turn,
    /// A register that is changed.
    Register,
    /// Work that only one process of all does, and the others leave to it.
    Only,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::Register => "register",
            Self::Only => "only",
        }
    }
}

/// Returns the lock file of a name.
pub(crate) fn path(folder: &Path, kind: Kind, name: &str) -> PathBuf {
    let hash = Sha256::of(name.as_bytes());
    let number = u16::from_be_bytes([hash.as_bytes()[0], hash.as_bytes()[1]]) % LOCK_FILES;
    folder.join(FOLDER).join(format!("{}-{number}.lock", kind.as_str()))
}

/// Waits for a lock file, off the async threads; `name` is what it is taken for. Dropping the file frees it.
pub(crate) async fn locked(path: PathBuf, name: &str) -> Result<File, LakeError> {
    blocking(move || lock(&path)).await.map_err(|error| io_failed("lock", name, error))
}

/// Takes a lock file if nobody holds it.
pub(crate) async fn try_locked(path: PathBuf, name: &str) -> Result<Option<File>, LakeError> {
    blocking(move || try_lock(&open(&path)?, &path)).await.map_err(|error| io_failed("lock", name, error))
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    OpenOptions::new().create(true).truncate(false).write(true).open(path)
}

fn lock(path: &Path) -> io::Result<File> {
    loop {
        let file = open(path)?;
        file.lock()?;
        if is_named(&file, path)? {
            return Ok(file);
        }
    }
}

/// Takes the lock of an open file; `None` where somebody holds it, or it is no longer the one that the path names.
fn try_lock(file: &File, path: &Path) -> io::Result<Option<File>> {
    match file.try_lock() {
        Ok(()) if is_named(file, path)? => file.try_clone().map(Some),
        Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Tells whether a path still names an open file.
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Lake {
    /// Finds lock files that were made long ago, and registers half written by processes that died; sorted by path, none
    /// on an object store.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the folder cannot be read.
    pub async fn old_locks(&self, older_than: Duration) -> Result<Vec<Leftover>, LakeError> {
        let Some(folder) = self.folder().map(Path::to_owned) else { return Ok(Vec::new()) };
        blocking(move || old(&folder, older_than)).await.map_err(|error| io_failed("list", FOLDER, error))
    }

    /// Removes a lock file that nobody holds, and tells whether it is gone. One that is held stays.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the file cannot be removed.
    pub async fn remove_lock(&self, lock: &Leftover) -> Result<bool, LakeError> {
        let Some(folder) = self.folder() else { return Ok(false) };
        let path = folder.join(&lock.path);
        blocking(move || remove(&path)).await.map_err(|error| io_failed("delete", &lock.path, error))
    }
}

fn old(folder: &Path, older_than: Duration) -> io::Result<Vec<Leftover>> {
    let before = SystemTime::now().checked_sub(older_than).unwrap_or(SystemTime::UNIX_EPOCH);
    let entries = match std::fs::read_dir(folder.join(FOLDER)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_file() && (name.ends_with(".lock") || name.ends_with(".half")) && metadata.modified()? < before {
            found.push(Leftover { path: format!("{FOLDER}/{name}"), bytes: metadata.len() });
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// Removes a file under its own lock; a register's half is written under the lock of the same name.
fn remove(path: &Path) -> io::Result<bool> {
    let lock = path.with_extension("lock");
    let file = match OpenOptions::new().create(lock != path).truncate(false).write(true).open(&lock) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        file => file?,
    };
    let Some(_held) = try_lock(&file, &lock)? else { return Ok(false) };
    gone(path)?;
    gone(&lock)?;
    Ok(true)
}

fn gone(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    #[test]
    fn promise_45_a_lock_is_never_held_twice_while_its_file_is_removed_again_and_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = path(folder.path(), Kind::Turn, "a name");
        let (inside, done, removed) = (AtomicU32::new(0), AtomicBool::new(false), AtomicU32::new(0));
        // Not atomic as a step: only the lock keeps a count from being lost.
        let count = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    for old in old(folder.path(), Duration::ZERO).expect("listed") {
                        let gone = remove(&folder.path().join(&old.path)).expect("removed or left");
                        removed.fetch_add(u32::from(gone), Ordering::SeqCst);
                    }
                }
            });
            let workers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        for _ in 0..300 {
                            let held = lock(&path).expect("locked");
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "somebody else holds it");
                            std::thread::yield_now();
                            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                            inside.fetch_sub(1, Ordering::SeqCst);
                            drop(held);
                        }
                    })
                })
                .collect();
            let outcomes: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            done.store(true, Ordering::SeqCst);
            assert!(outcomes.iter().all(Result::is_ok));
        });
        assert_eq!(count.into_inner(), 1200);
        assert!(removed.into_inner() > 0, "the race was run");
    }

    #[tokio::test]
    async fn promise_45_a_lock_that_is_held_stays_and_an_old_free_one_goes_with_its_half() {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = Lake::open_folder(folder.path()).expect("a lake");
        let turn = lake.turn("held").await.expect("a turn");
        lake.turn("free").await.expect("a turn").end().await;
        let half = path(folder.path(), Kind::Register, "x").with_extension("half");
        std::fs::write(&half, b"hal").expect("the folder is ours");
        assert!(lake.old_locks(Duration::from_secs(3600)).await.expect("listed").is_empty(), "all are young");
        let old = lake.old_locks(Duration::ZERO).await.expect("listed");
        assert_eq!(old.len(), 3);
        let mut kept = Vec::new();
        for lock in &old {
            if !lake.remove_lock(lock).await.expect("removed or left") {
                kept.push(folder.path().join(&lock.path));
            }
        }
        assert_eq!(kept, [path(folder.path(), Kind::Turn, "held")]);
        assert!(!half.exists());
        assert_eq!(lake.old_locks(Duration::ZERO).await.expect("listed").len(), 1);
        turn.end().await;
        assert!(lake.remove_lock(&old[old.len() - 1]).await.is_ok());
    }

    #[test]
    fn promise_45_lock_files_are_bounded_however_many_names_there_are() {
        let folder = Path::new("lake");
        for kind in [Kind::Turn, Kind::Register, Kind::Only] {
            let paths: std::collections::HashSet<PathBuf> =
                (0..20_000).map(|name| path(folder, kind, &format!("state/{name}"))).collect();
            assert_eq!(paths.len(), usize::from(LOCK_FILES));
        }
    }
}
