//! One leader among all processes on a lake: epochs that only rise, and the sign that their holder lives.
//!
//! An epoch is a key that is created once, so two processes never hold the same one, on a folder as on an object store, and
//! no lock can be left held by a process that was paused. Its number is the fencing token: whoever works for the holder of
//! an epoch finds out by one listing that a newer one was taken. The holder publishes a beat; whoever waits takes the next
//! epoch when the beat has not changed for the lease's time by the waiter's own steady clock, so that no two clocks are
//! compared. On a folder each process also holds a lock of the operating system on a file of its own: one that is dead has
//! lost it, and is followed at once.

use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::LakeError;
use crate::store::{Lake, PutOutcome, io_failed};

/// Where the leader of the runs stands: tokens of [`Lake::check_fencing_token`] are its epochs.
pub const ORCHESTRATOR: &str = "orchestrator";

/// Epochs that are kept for people to read.
const EPOCHS_KEPT: u64 = 16;

/// Who holds an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number, from 1; the fencing token.
    pub number: u64,
    /// The holder's own random name.
    pub holder: String,
    /// Where the holder can be asked.
    pub address: String,
    /// When it was taken, by the holder's clock; for people.
    pub taken_at: DateTime<Utc>,
}

/// The sign of life of an epoch's holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Beat {
    count: u64,
    /// Whether the holder has given the epoch up.
    ended: bool,
}

/// What a look at the lease came to.
#[derive(Debug)]
pub enum Look {
    /// The candidate leads.
    Taken(Lease),
    /// Another process does.
    Held(Epoch),
}

/// A process that waits for its turn to lead.
#[derive(Debug)]
pub struct Candidate {
    lake: Lake,
    name: &'static str,
    holder: String,
    address: String,
    lasts: Duration,
    presence: Option<Presence>,
    /// The newest epoch with its beat, and since when this process has seen nothing else.
    last: Option<(u64, Option<Bytes>, Instant)>,
}

/// The right to lead, as long as no newer epoch is taken.
#[derive(Debug)]
pub struct Lease {
    lake: Lake,
    name: &'static str,
    epoch: Epoch,
    beats: u64,
    presence: Option<Presence>,
}

/// A lock that the operating system holds as long as the process lives.
#[derive(Debug)]
struct Presence {
    path: PathBuf,
    _file: File,
}

impl Presence {
    /// Removes the file; one that stays behind is empty and in nobody's way.
    fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        self.presence.iter().for_each(Presence::remove);
    }
}

fn epochs(name: &str) -> String {
    format!("state/{name}/epochs")
}

fn epoch_key(name: &str, number: u64) -> String {
    format!("{}/{number:012}.json", epochs(name))
}

fn beat_key(name: &str, number: u64) -> String {
    format!("state/{name}/beats/{number:012}.json")
}

fn presence_path(folder: &Path, holder: &str) -> PathBuf {
    folder.join(".locks").join(format!("presence-{holder}.lock"))
}

impl Lake {
    /// Returns the numbers of the epochs that are kept, rising.
    async fn epoch_numbers(&self, name: &str) -> Result<Vec<u64>, LakeError> {
        let keys = self.list(&epochs(name)).await?;
        let number = |key: &String| key.rsplit('/').next()?.strip_suffix(".json")?.parse().ok();
        Ok(keys.iter().filter_map(number).collect())
    }

    /// Returns the newest epoch of a leader, 0 when nobody ever led.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails.
    pub async fn newest_epoch(&self, name: &str) -> Result<u64, LakeError> {
        Ok(self.epoch_numbers(name).await?.last().copied().unwrap_or(0))
    }

    /// Checks that a call is made for the orchestrator that leads; 0 is the token of an operator's own call.
    ///
    /// # Errors
    /// [`LakeError::Superseded`] when another epoch is the newest, [`LakeError::Store`] when the store fails.
    pub async fn check_fencing_token(&self, token: u64) -> Result<(), LakeError> {
        if token == 0 {
            return Ok(());
        }
        match self.newest_epoch(ORCHESTRATOR).await? {
            newest if newest == token => Ok(()),
            newest => Err(LakeError::Superseded { token, epoch: newest }),
        }
    }

    async fn read_epoch(&self, name: &str, number: u64) -> Result<Epoch, LakeError> {
        let found = self.get(&epoch_key(name, number)).await?;
        // A holder that cannot be read is one nobody can ask; its beat still tells whether it lives.
        let unknown =
            || Epoch { number, holder: String::new(), address: String::new(), taken_at: DateTime::UNIX_EPOCH };
        Ok(found.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_else(unknown))
    }
}

impl Candidate {
    /// Makes a candidate; `address` is where others find it when it leads, and `lasts` how long a silent holder is waited for.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the folder takes no lock.
    pub async fn new(lake: &Lake, name: &'static str, address: String, lasts: Duration) -> Result<Self, LakeError> {
        let holder = format!("{:016x}{:016x}", random(), random());
        let presence = match lake.folder() {
            None => None,
            Some(folder) => {
                let path = presence_path(folder, &holder);
                let taking = tokio::task::spawn_blocking(move || present(path)).await;
                let taken = taking.unwrap_or_else(|error| Err(std::io::Error::other(error)));
                Some(taken.map_err(|error| io_failed("lock", name, error))?)
            }
        };
        Ok(Self { lake: lake.clone(), name, holder, address, lasts, presence, last: None })
    }

    /// Looks whether somebody leads, and leads if nobody does.
    ///
    /// # Errors
    /// [`LakeError::Store`] when the store fails; nobody leads by it, and a later look may.
    pub async fn look(&mut self) -> Result<Look, LakeError> {
        let newest = self.lake.newest_epoch(self.name).await?;
        if newest == 0 {
            return self.take(0).await;
        }
        let held = self.lake.read_epoch(self.name, newest).await?;
        let beat = self.lake.get(&beat_key(self.name, newest)).await?;
        let ended =
            beat.as_ref().and_then(|beat| serde_json::from_slice(beat).ok()).is_some_and(|beat: Beat| beat.ended);
        let now = Instant::now();
        let silent = match &self.last {
            Some((number, last, since)) if *number == newest && *last == beat => now - *since >= self.lasts,
            _ => {
                self.last = Some((newest, beat, now));
                false
            }
        };
        if ended || silent || self.is_gone(&held.holder).await {
            return self.take(newest).await;
        }
        Ok(Look::Held(held))
    }

    async fn take(&mut self, newest: u64) -> Result<Look, LakeError> {
        let (holder, address) = (self.holder.clone(), self.address.clone());
        let epoch = Epoch { number: newest + 1, holder, address, taken_at: Utc::now() };
        let json = Bytes::from(serde_json::to_vec_pretty(&epoch).expect("texts and numbers always serialise"));
        match self.lake.put_if_absent(&epoch_key(self.name, epoch.number), json).await {
            Ok(PutOutcome::Created | PutOutcome::AlreadyThere) => {}
            Err(LakeError::Conflict { .. }) => {
                return Ok(Look::Held(self.lake.read_epoch(self.name, epoch.number).await?));
            }
            Err(error) => return Err(error),
        }
        let mut lease =
            Lease { lake: self.lake.clone(), name: self.name, epoch, beats: 0, presence: self.presence.take() };
        if let Err(error) = lease.renew().await {
            tracing::warn!(%error, "the first sign of life was not written");
        }
        lease.tidy(newest).await;
        Ok(Look::Taken(lease))
    }

    /// Tells whether a holder on this folder is dead: its lock can be had. A file that somebody removed tells nothing.
    async fn is_gone(&self, holder: &str) -> bool {
        let Some(folder) = self.lake.folder().filter(|_| !holder.is_empty()) else { return false };
        let path = presence_path(folder, holder);
        let gone = move || match File::open(&path) {
            Ok(file) => match file.try_lock() {
                Ok(()) => {
                    let _ = std::fs::remove_file(&path);
                    true
                }
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
            },
            Err(_) => false,
        };
        tokio::task::spawn_blocking(gone).await.unwrap_or(false)
    }
}

impl Lease {
    /// Returns the epoch that is held.
    #[must_use]
    pub const fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Checks that no newer epoch was taken.
    ///
    /// # Errors
    /// [`LakeError::Superseded`] when one was, [`LakeError::Store`] when the store fails.
    pub async fn check(&self) -> Result<(), LakeError> {
        match self.lake.newest_epoch(self.name).await? {
            newest if newest > self.epoch.number => {
                Err(LakeError::Superseded { token: self.epoch.number, epoch: newest })
            }
            _ => Ok(()),
        }
    }

    /// Gives a sign of life.
    ///
    /// # Errors
    /// As [`Lease::check`]. A store that fails takes nothing away: the lease is lost when another process takes the next one.
    pub async fn renew(&mut self) -> Result<(), LakeError> {
        self.check().await?;
        self.beats += 1;
        self.beat(false).await
    }

    /// Gives the lease up, so that the next one can be taken at once.
    pub async fn end(mut self) {
        self.beats += 1;
        if let Err(error) = self.beat(true).await {
            tracing::warn!(%error, "the lease could not be given back and runs out by itself");
        }
        self.presence.iter().for_each(Presence::remove);
    }

    async fn beat(&self, ended: bool) -> Result<(), LakeError> {
        let beat = Beat { count: self.beats, ended };
        let json = Bytes::from(serde_json::to_vec(&beat).expect("numbers always serialise"));
        self.lake.publish(&beat_key(self.name, self.epoch.number), json).await
    }

    /// Removes what nobody reads any more; what cannot be removed is tried again by the next holder.
    async fn tidy(&self, before: u64) {
        let Ok(numbers) = self.lake.epoch_numbers(self.name).await else { return };
        for number in numbers.into_iter().filter(|number| number + EPOCHS_KEPT <= before) {
            let _ = self.lake.delete(&epoch_key(self.name, number)).await;
            let _ = self.lake.delete(&beat_key(self.name, number)).await;
        }
    }
}

/// Lets orchestrators lead one after the other, for tests of what is refused to the earlier ones.
///
/// # Errors
/// [`LakeError::Store`] when the store fails.
#[cfg(feature = "testing")]
pub async fn lead_times(lake: &Lake, times: u64) -> Result<(), LakeError> {
    for _ in 0..times {
        let mut candidate = Candidate::new(lake, ORCHESTRATOR, String::new(), Duration::MAX).await?;
        if let Look::Taken(lease) = candidate.look().await? {
            lease.end().await;
        }
    }
    Ok(())
}

fn present(path: PathBuf) -> std::io::Result<Presence> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let writable = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    // Held for as long as the process lives: a handle for writing would keep the file system from being made read-only. A
    // network file system locks no other.
    let readable = File::open(&path)?;
    let file = match readable.try_lock() {
        Ok(()) => readable,
        Err(TryLockError::WouldBlock) => return Err(std::io::ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(_)) => {
            writable.try_lock()?;
            writable
        }
    };
    Ok(Presence { path, _file: file })
}

/// The standard library seeds each of these from the operating system.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
