//! What a lake on a file system does beside its store: durable folders, and what crashed writes leave.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::LakeError;
use crate::store::{Entry, Lake, io_failed, path_of};

/// A file that a write left behind when its process died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its path relative to the lake: a key, `#` and a number.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// What was found of crashed writes, and what could not be looked into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// The files, sorted by path.
    pub files: Vec<Leftover>,
    /// Files and folders that cannot be read, with the reason; the others were looked at all the same.
    pub unreadable: Vec<(String, String)>,
}

/// The folder of a lake.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Folders whose own entries this process has synced.
    durable: Mutex<HashSet<PathBuf>>,
    /// Whether the objects lie elsewhere and only the locks are here.
    #[cfg(feature = "testing")]
    locks_only: bool,
}

impl Folder {
    /// Makes the folder, and durable what had to be made.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut missing: Vec<&Path> = path.ancestors().take_while(|dir| !dir.exists()).collect();
        std::fs::create_dir_all(path)?;
        while let Some(made) = missing.pop() {
            sync_entry(made)?;
        }
        Ok(Self {
            path: path.to_owned(),
            durable: Mutex::default(),
            #[cfg(feature = "testing")]
            locks_only: false,
        })
    }

    /// Takes a folder for its locks: the objects lie in a store that only behaves as a folder.
    #[cfg(feature = "testing")]
    pub(crate) fn of_locks(path: &Path) -> Self {
        Self { path: path.to_owned(), durable: Mutex::default(), locks_only: true }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folders above a key and syncs each in the one above it, once a process.
    ///
    /// A folder that is there already may have been made a moment ago by another writer that has not synced it yet: without
    /// this, a file could be lost with its folder although its own write had returned.
    pub(crate) async fn prepare(self: &Arc<Self>, key: &str) -> io::Result<()> {
        #[cfg(feature = "testing")]
        if self.locks_only {
            return Ok(());
        }
        let missing: Vec<PathBuf> = {
            let durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
            let folders = key.match_indices('/').map(|(end, _)| self.path.join(&key[..end]));
            folders.filter(|folder| !durable.contains(folder)).collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let this = Arc::clone(self);
        blocking(move || {
            for folder in missing {
                match std::fs::create_dir(&folder) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                    _ => sync_entry(&folder)?,
                }
                this.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(folder);
            }
            Ok(())
        })
        .await
    }

    /// Syncs a file that is there, and its entry.
    pub(crate) async fn sync(&self, key: &str) -> io::Result<()> {
        let path = self.path.join(key);
        blocking(move || match File::open(&path) {
            Ok(file) => file.sync_all().and_then(|()| sync_entry(&path)),
            // A store that only behaves as a folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }

    /// Lists the files below a key whose names are keys, in no order; the others are named in the log.
    pub(crate) async fn entries(self: &Arc<Self>, below: &str) -> io::Result<Vec<Entry>> {
        let this = Arc::clone(self);
        let below = below.to_owned();
        blocking(move || {
            let (mut found, mut folders) = (Vec::new(), vec![below]);
            while let Some(folder) = folders.pop() {
                for entry in std::fs::read_dir(this.path.join(&folder))? {
                    let entry = entry?;
                    let name = entry.file_name();
                    let key = name.to_str().map(|name| format!("{folder}/{name}"));
                    let Some(key) = key.filter(|key| path_of(key).is_ok()) else {
                        tracing::warn!(folder, name = %name.to_string_lossy(), "a file whose name is no key is passed over");
                        continue;
                    };
                    let metadata = match entry.metadata() {
                        // A file that is replaced or removed in this moment.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        metadata => metadata?,
                    };
                    if metadata.is_dir() {
                        folders.push(key);
                    } else if metadata.is_file() && !is_temporary(&name.to_string_lossy()) {
                        found.push(Entry { key, bytes: metadata.len(), modified: metadata.modified()?.into() });
                    }
                }
            }
            Ok(found)
        })
        .await
    }

    fn leftovers(&self, older_than: Duration) -> Leftovers {
        let before = SystemTime::now().checked_sub(older_than).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut found = Leftovers::default();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            if let Err(error) = self.leftovers_in(&folder, before, &mut found.files, &mut folders) {
                // A folder that was removed in this moment holds nothing.
                if error.kind() != io::ErrorKind::NotFound {
                    found.unreadable.push((self.relative(&folder), error.to_string()));
                }
            }
        }
        found.files.sort_by(|one, other| one.path.cmp(&other.path));
        found
    }

    fn leftovers_in(
        &self,
        folder: &Path,
        before: SystemTime,
        files: &mut Vec<Leftover>,
        folders: &mut Vec<PathBuf>,
    ) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && is_temporary(&entry.file_name().to_string_lossy()) {
                // A write that is finished in this moment takes its file away.
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.modified()? < before {
                    files.push(Leftover { path: self.relative(&entry.path()), bytes: metadata.len() });
                }
            }
        }
        Ok(())
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.path).unwrap_or(path).to_string_lossy().into_owned()
    }
}

impl Lake {
    /// Finds what writes left behind when their processes died; nothing on an object store.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the search is cut off. A folder that cannot be read is named and passed over.
    pub async fn leftovers(&self, older_than: Duration) -> Result<Leftovers, LakeError> {
        let Some(folder) = self.folder.clone() else { return Ok(Leftovers::default()) };
        blocking(move || Ok(folder.leftovers(older_than))).await.map_err(|error| io_failed("list", "leftovers", error))
    }

    /// Removes a leftover; one that has gone is fine.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the file cannot be removed.
    pub async fn remove_leftover(&self, leftover: &Leftover) -> Result<(), LakeError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.path.join(&leftover.path);
        let remove = move || match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        blocking(remove).await.map_err(|error| io_failed("delete", &leftover.path, error))
    }
}

/// The store names its temporary files `<name>#<n>`, and refuses such keys.
fn is_temporary(name: &str) -> bool {
    name.split_once('#')
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Makes the entry of a file or folder in the folder above it durable.
fn sync_entry(path: &Path) -> io::Result<()> {
    match path.parent() {
        // A relative path of one part stands in the working directory.
        Some(parent) if parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn promise_44_a_file_whose_name_is_no_key_hides_no_other() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let lake = Lake::open_folder(folder.path()).expect("a lake");
        for key in ["curated/t/a.parquet", "curated/t/u/b.parquet"] {
            lake.publish(key, Bytes::from("whole")).await.expect("published");
        }
        for name in [&b"c\xff.parquet"[..], b"d\x1b.parquet"] {
            let stray = folder.path().join("curated/t").join(std::ffi::OsStr::from_bytes(name));
            std::fs::write(stray, b"stray").expect("the folder is ours");
        }
        assert_eq!(lake.list("curated").await.expect("listed"), ["curated/t/a.parquet", "curated/t/u/b.parquet"]);
    }

    #[tokio::test]
    async fn what_a_crashed_write_leaves_is_listed_nowhere_and_found_when_it_is_old() {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = Lake::open_folder(folder.path()).expect("a lake");
        lake.publish("curated/t/a.parquet", Bytes::from("whole")).await.expect("published");
        std::fs::write(folder.path().join("curated/t/a.parquet#1"), b"who").expect("the folder is ours");
        assert_eq!(lake.list("curated").await.expect("listed"), ["curated/t/a.parquet"]);
        assert!(lake.leftovers(Duration::from_secs(3600)).await.expect("an answer").files.is_empty());
        let found = lake.leftovers(Duration::ZERO).await.expect("an answer").files;
        assert_eq!(found, [Leftover { path: "curated/t/a.parquet#1".to_owned(), bytes: 3 }]);
        lake.publish("curated/t/a.parquet", Bytes::from("newer")).await.expect("a leftover is in nobody's way");
        lake.remove_leftover(&found[0]).await.expect("removed");
        lake.remove_leftover(&found[0]).await.expect("an absent one is fine");
        assert!(lake.leftovers(Duration::ZERO).await.expect("an answer").files.is_empty());
        assert_eq!(lake.get("curated/t/a.parquet").await.expect("readable").as_deref(), Some(&b"newer"[..]));
    }
}
