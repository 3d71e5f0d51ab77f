//! Small values that several processes change: read, changed and written as one step.
//!
//! A register is what the processes on a lake must agree on, such as when a host may be asked again. On a folder a lock
//! file keeps the processes of all users of that folder apart; on an object store the write is conditional on the
//! version that was read, and a lost race is repeated.

use std::path::Path as FilePath;

use bytes::Bytes;

use crate::LakeError;
use crate::lock_file::{self, Kind, locked};
use crate::store::{Lake, io_failed};

/// What a change of a register comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    /// The register keeps its bytes.
    Keep(T),
    /// The register holds these bytes from now on.
    Write(Bytes, T),
}

/// Races a conditional write may lose before the store is called broken; a race is won by somebody else's progress.
const MAX_RACES: u32 = 100;

impl Lake {
    /// Reads a register, decides on a change and writes it, as one step among all processes on the lake.
    ///
    /// `change` sees the bytes, or `None` for a register that was never written, and may be called several times; the
    /// outcome of the last call is returned. The write is atomic for readers. It outlives the process and, unlike the other
    /// writes of the lake, perhaps not the machine: a register may be lost, and its users then begin anew.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails or cannot write conditionally.
    pub async fn update<T>(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&Bytes>) -> Change<T> + Send,
    ) -> Result<T, LakeError> {
        if let Some(folder) = self.folder() {
            let lock = lock_file::path(folder, Kind::Register, key);
            // Held until the end of this function; the operating system frees it should the process die.
            let _lock = locked(lock, key).await?;
            return match change(self.get(key).await?.as_ref()) {
                Change::Keep(outcome) => Ok(outcome),
                Change::Write(bytes, outcome) => {
                    write_through(folder, key, &bytes).map_err(|error| io_failed("write", key, error))?;
                    Ok(outcome)
                }
            };
        }
        self.update_conditionally(key, &mut change).await
    }

    async fn update_conditionally<T>(
        &self,
        key: &str,
        change: &mut (impl FnMut(Option<&Bytes>) -> Change<T> + Send),
    ) -> Result<T, LakeError> {
        for _ in 0..MAX_RACES {
            let (bytes, seen) = self.get_seen(key).await?;
            let (bytes, outcome) = match change(bytes.as_ref()) {
                Change::Keep(outcome) => return Ok(outcome),
                Change::Write(bytes, outcome) => (bytes, outcome),
            };
            match self.put_if_seen(key, &seen, bytes).await {
                Ok(_) => return Ok(outcome),
                Err(LakeError::Raced { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(io_failed("write", key, std::io::Error::other(format!("{MAX_RACES} races lost in a row"))))
    }
}

/// Writes without waiting for the disk: a register is asked for at every request to an exchange.
fn write_through(folder: &FilePath, key: &str, bytes: &[u8]) -> std::io::Result<()> {
    #[cfg(feature = "testing")]
    crate::testing::before_write(folder)?;
    let target = folder.join(key);
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent)?;
    }
    // Only the holder of the lock writes, so one name serves.
    let half = lock_file::path(folder, Kind::Register, key).with_extension("half");
    std::fs::write(&half, bytes)?;
    std::fs::rename(&half, &target)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::ObjectStore;
    use object_store::memory::InMemory;

    use super::*;

    const KEY: &str = "state/hosts/x.json";

    async fn count_up(lake: &Lake) -> u64 {
        let next = |held: Option<&Bytes>| -> u64 {
            held.map_or(0, |bytes| std::str::from_utf8(bytes).expect("digits").parse().expect("a number")) + 1
        };
        lake.update(KEY, |held| {
            let next = next(held);
            Change::Write(Bytes::from(next.to_string()), next)
        })
        .await
        .expect("counted")
    }

    async fn no_count_is_lost(lakes: Vec<Lake>) {
        let counts: Vec<_> = (0..40).map(|at| lakes[at % lakes.len()].clone()).collect();
        let mut seen = futures::future::join_all(counts.iter().map(count_up)).await;
        seen.sort_unstable();
        assert_eq!(seen, (1..=40).collect::<Vec<u64>>());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_lakes_on_one_folder_lose_no_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Lake::open_folder(folder.path()).expect("a lake");
        no_count_is_lost(vec![open(), open()]).await;
        assert_eq!(open().list("state").await.expect("listed"), [KEY], "no lock or half file is listed");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_lakes_on_one_object_store_lose_no_change() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        no_count_is_lost(vec![Lake::over(Arc::clone(&store)), Lake::over(store)]).await;
    }

    #[tokio::test]
    async fn a_register_that_is_kept_is_not_written() {
        let lake = Lake::over(Arc::new(InMemory::new()));
        assert!(lake.update(KEY, |held| Change::Keep(held.is_none())).await.expect("read"), "never written");
        assert_eq!(lake.size(KEY).await.expect("an answer"), None);
    }
}
