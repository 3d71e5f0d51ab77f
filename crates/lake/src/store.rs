//! The lake over an object store.

use std::fmt;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use champion_market_data::{ArtifactRef, Sha256};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::LakeError;
use crate::folder::Folder;

/// Whether a create-once write found the key free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The bytes are new.
    Created,
    /// The same bytes stood there before.
    AlreadyThere,
}

/// What a listing says of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Length in bytes.
    pub bytes: u64,
    /// When it was written, by the clock of the store.
    pub modified: DateTime<Utc>,
}

/// Bytes by key. Cloning is cheap; all clones share the store.
#[derive(Clone)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    /// The folder of a lake on a file system.
    pub(crate) folder: Option<Arc<Folder>>,
}

impl fmt::Debug for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lake({})", self.store)
    }
}

impl Lake {
    /// Opens the lake in a folder, which is created if need be.
    ///
    /// # Errors
    /// [`LakeError::Open`] when the folder cannot be made or read.
    pub fn open_folder(folder: &FilePath) -> Result<Self, LakeError> {
        let failed = |reason: String| LakeError::Open { place: folder.display().to_string(), reason };
        let place = Folder::create(folder).map_err(|error| failed(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| failed(error.to_string()))?;
        let store: Arc<dyn ObjectStore> = Arc::new(store.with_fsync(true));
        #[cfg(feature = "testing")]
        let store = crate::testing::wrapped(folder, store);
        Ok(Self { store, folder: Some(Arc::new(place)) })
    }

    /// Puts the lake over any object store.
    #[must_use]
    pub fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, folder: None }
    }

    pub(crate) fn store(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }

    /// Puts the lake over a store that behaves as a folder does; the locks lie in `folder`.
    #[cfg(feature = "testing")]
    pub(crate) fn over_as_folder(store: Arc<dyn ObjectStore>, folder: &FilePath) -> Self {
        Self { store, folder: Some(Arc::new(Folder::of_locks(folder))) }
    }

    pub(crate) fn folder(&self) -> Option<&FilePath> {
        self.folder.as_deref().map(Folder::path)
    }

    /// Makes the folders of a key durable before something is written into them.
    async fn prepare(&self, key: &str) -> Result<(), LakeError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        folder.prepare(key).await.map_err(|error| io_failed("write", key, error))
    }

    /// Writes bytes under a free key and never rewrites.
    ///
    /// # Errors
    /// [`LakeError::Conflict`] when the key holds other bytes, [`LakeError::Store`] when the store fails.
    pub async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, LakeError> {
        let path = path_of(key)?;
        self.prepare(key).await?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path, PutPayload::from(bytes.clone()), options).await {
            Ok(_) => Ok(PutOutcome::Created),
            Err(object_store::Error::AlreadyExists { .. }) => match self.get(key).await? {
                Some(found) if found == bytes => {
                    // Whoever wrote them may have been stopped before its last sync.
                    if let Some(folder) = &self.folder {
                        folder.sync(key).await.map_err(|error| io_failed("write", key, error))?;
                    }
                    Ok(PutOutcome::AlreadyThere)
                }
                _ => Err(LakeError::Conflict { key: key.to_owned() }),
            },
            Err(source) => Err(LakeError::Store { action: "write", key: key.to_owned(), source }),
        }
    }

    /// Writes bytes under a key and replaces what stood there, atomically for readers.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails; then the key holds what it held before.
    pub async fn publish(&self, key: &str, bytes: Bytes) -> Result<(), LakeError> {
        let path = path_of(key)?;
        self.prepare(key).await?;
        self.store.put(&path, PutPayload::from(bytes)).await.map(|_| ()).map_err(|source| LakeError::Store {
            action: "write",
            key: key.to_owned(),
            source,
        })
    }

    /// Reads the bytes under a key, if there are any.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, LakeError> {
        let path = path_of(key)?;
        let failed = |source| LakeError::Store { action: "read", key: key.to_owned(), source };
        match self.store.get(&path).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(failed(source)),
        }
    }

    /// Reads what a reference names and checks length and hash.
    ///
    /// # Errors
    /// [`LakeError::NotFound`], [`LakeError::Corrupt`] or [`LakeError::Store`].
    pub async fn get_verified(&self, artifact: &ArtifactRef) -> Result<Bytes, LakeError> {
        let bytes = self.get(&artifact.key).await?.ok_or_else(|| LakeError::NotFound { key: artifact.key.clone() })?;
        let found = Sha256::of(&bytes);
        let found_bytes = bytes.len() as u64;
        if found != artifact.sha256 || found_bytes != artifact.bytes {
            return Err(LakeError::Corrupt {
                key: artifact.key.clone(),
                expected: artifact.sha256,
                expected_bytes: artifact.bytes,
                found,
                found_bytes,
            });
        }
        Ok(bytes)
    }

    /// Returns the length of what lies under a key, if anything does.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails.
    pub async fn size(&self, key: &str) -> Result<Option<u64>, LakeError> {
        let path = path_of(key)?;
        match self.store.head(&path).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(LakeError::Store { action: "read", key: key.to_owned(), source }),
        }
    }

    /// Lists the keys below a folder, sorted. A file whose name is no key is none of the lake's and is passed over.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails.
    pub async fn list(&self, folder: &str) -> Result<Vec<String>, LakeError> {
        Ok(self.list_entries(folder).await?.into_iter().map(|entry| entry.key).collect())
    }

    /// Lists what lies below a folder with length and age, sorted by key, as [`Lake::list`] does.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails.
    pub async fn list_entries(&self, folder: &str) -> Result<Vec<Entry>, LakeError> {
        let failed = |source| LakeError::Store { action: "list", key: folder.to_owned(), source };
        let found: Result<Vec<_>, _> = self.store.list(Some(&path_of(folder)?)).try_collect().await;
        let mut entries: Vec<Entry> = match (found, &self.folder) {
            (Ok(found), _) => found.into_iter().map(entry).collect(),
            // One stray file must not hide all others.
            (Err(object_store::Error::InvalidPath { .. }), Some(place)) => {
                place.entries(folder).await.map_err(|error| io_failed("list", folder, error))?
            }
            (Err(error), _) => return Err(failed(error)),
        };
        entries.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(entries)
    }

    /// Moves damaged bytes out of the way, below `quarantine/damaged/`, and returns where they are; `None` when there is
    /// nothing under the key.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails; the bytes then still lie under their key.
    pub async fn set_aside(&self, key: &str) -> Result<Option<String>, LakeError> {
        let Some(bytes) = self.get(key).await? else { return Ok(None) };
        let found = Sha256::of(&bytes);
        // The name says what the bytes are, so that the same damage twice is one file.
        let aside = format!("quarantine/damaged/{key}.{found}");
        self.put_if_absent(&aside, bytes).await?;
        self.delete(key).await?;
        Ok(Some(aside))
    }

    /// Removes a key; an absent one is fine.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails.
    pub async fn delete(&self, key: &str) -> Result<(), LakeError> {
        let path = path_of(key)?;
        match self.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(LakeError::Store { action: "delete", key: key.to_owned(), source }),
        }
    }
}

fn entry(meta: object_store::ObjectMeta) -> Entry {
    Entry { key: meta.location.to_string(), bytes: meta.size, modified: meta.last_modified }
}

pub(crate) fn io_failed(action: &'static str, key: &str, error: std::io::Error) -> LakeError {
    let source = object_store::Error::Generic { store: "lake", source: Box::new(error) };
    LakeError::Store { action, key: key.to_owned(), source }
}

pub(crate) fn path_of(key: &str) -> Result<Path, LakeError> {
    Path::parse(key).map_err(|error| LakeError::Store {
        action: "name",
        key: key.to_owned(),
        source: object_store::Error::Generic { store: "lake", source: Box::new(error) },
    })
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
