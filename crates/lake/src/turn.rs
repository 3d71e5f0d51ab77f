//! One process at a time: work of several writes that no other process may interleave.
//!
//! On a folder a turn is a lock of the operating system, which frees it when the process dies. On an object store it is a
//! lease: whoever waits takes it over after it has not changed for [`LEASE`] by the waiter's own steady clock, so that no
//! two clocks are ever compared. A holder that was too slow finds its turn lost before the write that counts, and that
//! write ([`Lake::replace`]) is conditional on what was read.

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use bytes::Bytes;
use champion_market_data::Sha256;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};

use crate::LakeError;
use crate::lock_file::{self, Kind, locked, try_locked};
use crate::register::Change;
use crate::store::{Lake, path_of};

/// How long a lease on an object store lasts without a sign of its holder.
const LEASE: Duration = Duration::from_secs(30);

/// How often a waiter looks at a lease.
const LOOK: Duration = Duration::from_millis(100);

/// The right to work on a name alone, until it is ended or dropped.
#[derive(Debug)]
#[must_use = "a turn that is dropped is over"]
pub struct Turn(Held);

#[derive(Debug)]
enum Held {
    Lock { _file: File },
    Lease { lake: Lake, key: String, holder: Bytes, since: Instant },
}

/// The state of a key as it was read: what [`Lake::replace`] expects to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen(Option<UpdateVersion>);

impl Lake {
    /// Waits until no other process, and nobody else in this one, works on a name.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails.
    pub async fn turn(&self, name: &str) -> Result<Turn, LakeError> {
        let Some(folder) = self.folder() else { return self.lease(lease_of(name)).await };
        let path = lock_file::path(folder, Kind::Turn, name);
        Ok(Turn(Held::Lock { _file: locked(path, name).await? }))
    }

    /// Takes the turn of a name unless another process has it; `None` leaves the work to that one. No session's turn is
    /// kept waiting by it, however long it lasts.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails.
    pub async fn only(&self, name: &str) -> Result<Option<Turn>, LakeError> {
        if let Some(folder) = self.folder() {
            let file = try_locked(lock_file::path(folder, Kind::Only, name), name).await?;
            return Ok(file.map(|file| Turn(Held::Lock { _file: file })));
        }
        // A lease whose holder died runs out meanwhile.
        match tokio::time::timeout(LEASE + LEASE / 2, self.lease(lease_of(name))).await {
            Ok(turn) => turn.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn lease(&self, key: String) -> Result<Turn, LakeError> {
        let holder = Bytes::from(format!("{:016x}{:016x}", random(), random()));
        let mut last: Option<(Bytes, Instant)> = None;
        loop {
            let now = Instant::now();
            let stale = last.as_ref().filter(|(_, since)| now - *since >= LEASE).map(|(bytes, _)| bytes.clone());
            let found = self.update(&key, |held| match held {
                Some(bytes) if !bytes.is_empty() && Some(bytes) != stale.as_ref() => Change::Keep(Some(bytes.clone())),
                _ => Change::Write(holder.clone(), None),
            });
            match found.await? {
                None => return Ok(Turn(Held::Lease { lake: self.clone(), key, holder, since: now })),
                Some(other) if last.as_ref().is_some_and(|(bytes, _)| *bytes == other) => {}
                Some(other) => last = Some((other, now)),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reads the bytes under a key, if there are any, and remembers which they were.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails.
    pub async fn get_seen(&self, key: &str) -> Result<(Option<Bytes>, Seen), LakeError> {
        let path = path_of(key)?;
        let failed = |source| LakeError::Store { action: "read", key: key.to_owned(), source };
        match self.store().get(&path).await {
            Ok(found) => {
                let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
                Ok((Some(found.bytes().await.map_err(failed)?), Seen(Some(version))))
            }
            Err(object_store::Error::NotFound { .. }) => Ok((None, Seen(None))),
            Err(source) => Err(failed(source)),
        }
    }

    /// Writes bytes under a key in one's turn, if the key still holds what was seen. Durable and atomic as
    /// [`Lake::publish`].
    ///
    /// # Errors
    /// [`LakeError::Raced`] when another process wrote in the meantime or the turn was lost, [`LakeError::Store`] when
    /// the store fails; the key then holds what it held.
    pub async fn replace(&self, turn: &Turn, key: &str, seen: &Seen, bytes: Bytes) -> Result<Seen, LakeError> {
        let since = match &turn.0 {
            Held::Lock { .. } => return self.publish(key, bytes).await.map(|()| seen.clone()),
            Held::Lease { since, .. } => *since,
        };
        if since.elapsed() >= LEASE {
            return Err(LakeError::Raced { key: key.to_owned() });
        }
        self.put_if_seen(key, seen, bytes).await
    }

    /// Writes bytes on an object store if the key still holds what was seen.
    pub(crate) async fn put_if_seen(&self, key: &str, seen: &Seen, bytes: Bytes) -> Result<Seen, LakeError> {
        let mode = seen.0.clone().map_or(PutMode::Create, PutMode::Update);
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.store().put_opts(&path_of(key)?, PutPayload::from(bytes), options).await {
            Ok(put) => Ok(Seen(Some(UpdateVersion { e_tag: put.e_tag, version: put.version }))),
            Err(object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. }) => {
                Err(LakeError::Raced { key: key.to_owned() })
            }
            Err(source) => Err(LakeError::Store { action: "write", key: key.to_owned(), source }),
        }
    }
}

impl Turn {
    /// Ends the turn. One that is dropped on an object store keeps the others waiting until its lease has run out.
    pub async fn end(self) {
        if let Held::Lease { lake, key, holder, .. } = self.0 {
            let freed = lake.update(&key, |held| match held {
                Some(bytes) if *bytes == holder => Change::Write(Bytes::new(), ()),
                _ => Change::Keep(()),
            });
            if let Err(error) = freed.await {
                tracing::warn!(key, %error, "the lease could not be given back and runs out by itself");
            }
        }
    }
}

fn lease_of(name: &str) -> String {
    format!("leases/{}", Sha256::of(name.as_bytes()))
}

/// The standard library seeds each of these from the operating system.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use object_store::ObjectStore;
    use object_store::memory::InMemory;

    use super::*;

    async fn only_one_works_at_a_time(lakes: [Lake; 2]) {
        let inside = Arc::new(AtomicU32::new(0));
        let work = |lake: Lake| {
            let inside = Arc::clone(&inside);
            async move {
                let turn = lake.turn("a name").await.expect("a turn");
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "somebody else is at work");
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                turn.end().await;
            }
        };
        futures::future::join_all((0..6).map(|at| work(lakes[at % 2].clone()))).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_one_of_two_lakes_on_a_folder_has_the_turn() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Lake::open_folder(folder.path()).expect("a lake");
        only_one_works_at_a_time([open(), open()]).await;
    }

    #[tokio::test]
    async fn only_one_of_two_lakes_on_an_object_store_has_the_turn() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        only_one_works_at_a_time([Lake::over(Arc::clone(&store)), Lake::over(store)]).await;
    }

    #[tokio::test]
    async fn work_that_one_process_does_is_left_to_it_until_it_is_done() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Lake::open_folder(folder.path()).expect("a lake");
        let (one, other) = (open(), open());
        let turn = one.only("collect").await.expect("an answer").expect("nobody has it");
        assert!(other.only("collect").await.expect("an answer").is_none());
        drop(other.turn("collect").await.expect("no turn waits for it"));
        turn.end().await;
        assert!(other.only("collect").await.expect("an answer").is_some());
    }

    #[tokio::test]
    async fn a_write_on_an_object_store_that_was_overtaken_is_refused() {
        let lake = Lake::over(Arc::new(InMemory::new()));
        let turn = lake.turn("a").await.expect("a turn");
        let (held, seen) = lake.get_seen("a").await.expect("an answer");
        assert!(held.is_none());
        let after_first = lake.replace(&turn, "a", &seen, Bytes::from("1")).await.expect("the key was free");
        let error = lake.replace(&turn, "a", &seen, Bytes::from("2")).await.expect_err("it is no longer free");
        assert!(matches!(error, LakeError::Raced { .. }), "{error}");
        lake.replace(&turn, "a", &after_first, Bytes::from("2")).await.expect("as it was seen");
        turn.end().await;
    }
}
