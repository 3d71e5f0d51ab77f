//! The lake over an object store.

use std::fmt;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use champion_market_data::{ArtifactRef, Sha256};
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::LakeError;

/// Whether a create-once write found the key free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The bytes are new.
    Created,
    /// The same bytes stood there before.
    AlreadyThere,
}

/// Bytes by key. Cloning is cheap; all clones share the store.
#[derive(Clone)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    /// The folder of a lake on a file system.
    folder: Option<Arc<FilePath>>,
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
        std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| failed(error.to_string()))?;
        let store: Arc<dyn ObjectStore> = Arc::new(store.with_fsync(true));
        #[cfg(feature = "testing")]
        let store = crate::testing::wrapped(folder, store);
        Ok(Self { store, folder: Some(Arc::from(folder)) })
    }

    /// Puts the lake over any object store.
    #[must_use]
    pub fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, folder: None }
    }

    pub(crate) fn store(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }

    pub(crate) fn folder(&self) -> Option<&FilePath> {
        self.folder.as_deref()
    }

    /// Writes bytes under a free key and never rewrites.
    ///
    /// # Errors
    /// [`LakeError::Conflict`] when the key holds other bytes, [`LakeError::Store`] when the store fails.
    pub async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, LakeError> {
        let path = path_of(key)?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path, PutPayload::from(bytes.clone()), options).await {
            Ok(_) => Ok(PutOutcome::Created),
            Err(object_store::Error::AlreadyExists { .. }) => match self.get(key).await? {
                Some(found) if found == bytes => Ok(PutOutcome::AlreadyThere),
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

    /// Lists the keys below a folder, sorted.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails.
    pub async fn list(&self, folder: &str) -> Result<Vec<String>, LakeError> {
        let path = path_of(folder)?;
        let found: Vec<_> = self.store.list(Some(&path)).try_collect().await.map_err(|source| LakeError::Store {
            action: "list",
            key: folder.to_owned(),
            source,
        })?;
        let mut keys: Vec<String> = found.into_iter().map(|meta| meta.location.to_string()).collect();
        keys.sort();
        Ok(keys)
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

pub(crate) fn path_of(key: &str) -> Result<Path, LakeError> {
    Path::parse(key).map_err(|error| LakeError::Store {
        action: "name",
        key: key.to_owned(),
        source: object_store::Error::Generic { store: "lake", source: Box::new(error) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lake() -> (tempfile::TempDir, Lake) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let lake = Lake::open_folder(folder.path()).expect("a lake");
        (folder, lake)
    }

    fn reference(key: &str, bytes: &[u8]) -> ArtifactRef {
        ArtifactRef { key: key.to_owned(), sha256: Sha256::of(bytes), bytes: bytes.len() as u64, rows: 0 }
    }

    #[tokio::test]
    async fn raw_bytes_are_created_once_and_never_rewritten() {
        let (_folder, lake) = lake();
        let key = "raw/nse/bhavcopy/2025-02-24/a.csv";
        assert_eq!(lake.put_if_absent(key, Bytes::from("one")).await.expect("created"), PutOutcome::Created);
        assert_eq!(lake.put_if_absent(key, Bytes::from("one")).await.expect("same"), PutOutcome::AlreadyThere);
        let error = lake.put_if_absent(key, Bytes::from("two")).await.expect_err("other bytes are refused");
        assert!(matches!(error, LakeError::Conflict { .. }), "{error}");
        assert_eq!(lake.get(key).await.expect("readable").as_deref(), Some(&b"one"[..]));
    }

    #[tokio::test]
    async fn a_flipped_bit_is_never_served() {
        let (folder, lake) = lake();
        let key = "curated/x/exchange=nse/year=2025/a.parquet";
        lake.publish(key, Bytes::from("good bytes")).await.expect("published");
        assert!(lake.get_verified(&reference(key, b"good bytes")).await.is_ok());
        std::fs::write(folder.path().join(key), b"gooe bytes").expect("the file is ours");
        let error = lake.get_verified(&reference(key, b"good bytes")).await.expect_err("a flipped bit");
        assert_eq!(error.kind(), crate::LakeErrorKind::Corrupt);
    }

    #[tokio::test]
    async fn a_key_never_leaves_the_folder() {
        let (_folder, lake) = lake();
        assert!(lake.publish("../outside", Bytes::from("x")).await.is_err());
        assert!(lake.get("raw/../../outside").await.is_err());
    }

    #[tokio::test]
    async fn keys_are_listed_in_order_below_their_folder_only() {
        let (_folder, lake) = lake();
        for key in ["raw/a/2", "raw/a/1", "raw/b/3"] {
            lake.publish(key, Bytes::from("x")).await.expect("published");
        }
        assert_eq!(lake.list("raw/a").await.expect("listed"), ["raw/a/1", "raw/a/2"]);
        assert!(lake.list("raw/none").await.expect("an absent folder is empty").is_empty());
    }

    #[tokio::test]
    async fn absent_things_are_absent_and_not_errors() {
        let (_folder, lake) = lake();
        assert_eq!(lake.size("raw/none").await.expect("an answer"), None);
        assert!(lake.get("raw/none").await.expect("an answer").is_none());
        lake.delete("raw/none").await.expect("deleting nothing is fine");
        let error = lake.get_verified(&reference("raw/none", b"")).await.expect_err("nothing there");
        assert_eq!(error.kind(), crate::LakeErrorKind::NotFound);
    }
}
