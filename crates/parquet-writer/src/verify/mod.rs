//! The sweep: everything stored is read, hashed and held against what names it.
//!
//! Raw bytes are held against the hash in their name and the length in their facts, curated files against their manifest,
//! earlier versions against the hash in their name, months against their manifest, staged artifacts against the parser's
//! reports. What is damaged is
//! moved aside and, where the same bytes can be made of a staged artifact, comes back; the rest is to be run again.

mod compacted;
mod curated;
mod finding;
mod history;
mod keys;
mod raw;
mod rebuild;
mod staged;

use champion_lake::{Lake, LakeError};
use champion_market_data::{Sha256, TradeDate};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::WriteError;
use crate::compact::Month;
use crate::parquet_file::Encoding;

pub use finding::{Finding, Problem, Repair, Zone};

/// What is to be verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sweep {
    /// First trade date; none for no bound.
    pub from: Option<TradeDate>,
    /// Last trade date, included; none for no bound.
    pub to: Option<TradeDate>,
    /// The zones, each once.
    pub zones: Vec<Zone>,
    /// Whether damage is repaired.
    pub repair: bool,
}

impl Sweep {
    fn covers(&self, date: TradeDate) -> bool {
        self.from.is_none_or(|from| from <= date) && self.to.is_none_or(|to| date <= to)
    }

    fn touches(&self, month: Month) -> bool {
        self.from.is_none_or(|from| Month::of(from) <= month) && self.to.is_none_or(|to| month <= Month::of(to))
    }
}

/// How far a sweep is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SweepEvent {
    /// Objects of a zone that are done, of all in the zone.
    Progress(Zone, u64, u64),
    /// Something is not as it should be.
    Finding(Finding),
}

/// What a sweep came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepSummary {
    /// Objects that were read.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was not as it should be.
    pub findings: u64,
    /// Findings that are as they were again.
    pub restored: u64,
}

/// Objects between two events of progress.
const PROGRESS_EVERY: u64 = 50;

/// Verifies the lake. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Verifier {
    lake: Lake,
    encoding: Encoding,
}

impl Verifier {
    /// Makes a verifier; `encoding` is the one files are published with.
    #[must_use]
    pub const fn new(lake: Lake, encoding: Encoding) -> Self {
        Self { lake, encoding }
    }

    /// Sweeps and sends what it sees; a receiver that has gone ends the sweep.
    ///
    /// # Errors
    /// [`WriteError`] when the lake cannot be read or written.
    pub async fn verify(&self, sweep: &Sweep, events: mpsc::Sender<SweepEvent>) -> Result<SweepSummary, WriteError> {
        let mut pass = Pass { verifier: self, sweep, events, summary: SweepSummary::default() };
        for zone in &sweep.zones {
            match zone {
                Zone::Raw => raw::verify(&mut pass).await?,
                Zone::Curated => curated::verify(&mut pass).await?,
                Zone::History => history::verify(&mut pass).await?,
                Zone::Compacted => compacted::verify(&mut pass).await?,
                Zone::Staged => staged::verify(&mut pass).await?,
            }
        }
        let SweepSummary { objects, bytes, findings, restored } = pass.summary;
        info!(objects, bytes, findings, restored, repair = sweep.repair, "lake verified");
        Ok(pass.summary)
    }
}

/// One sweep in progress.
struct Pass<'a> {
    verifier: &'a Verifier,
    sweep: &'a Sweep,
    events: mpsc::Sender<SweepEvent>,
    summary: SweepSummary,
}

/// Bytes as they were read.
struct Read {
    bytes: bytes::Bytes,
    sha256: Sha256,
}

impl Pass<'_> {
    fn lake(&self) -> &Lake {
        &self.verifier.lake
    }

    /// Reads and hashes, away from the async threads.
    async fn read(&mut self, key: &str) -> Result<Option<Read>, LakeError> {
        let Some(bytes) = self.lake().get(key).await? else { return Ok(None) };
        self.summary.objects += 1;
        self.summary.bytes += bytes.len() as u64;
        let hashed = bytes.clone();
        let sha256 = tokio::task::spawn_blocking(move || Sha256::of(&hashed)).await.expect("hashing does not panic");
        Ok(Some(Read { bytes, sha256 }))
    }

    async fn progress(&self, zone: Zone, done: u64, total: u64) -> Result<(), WriteError> {
        if done == total || done.is_multiple_of(PROGRESS_EVERY) {
            self.send(SweepEvent::Progress(zone, done, total)).await?;
        }
        Ok(())
    }

    async fn found(&mut self, finding: Finding) -> Result<(), WriteError> {
        let Finding { zone, problem, key, detail, repair, .. } = &finding;
        warn!(%zone, %problem, key, detail, repair = repair.as_str(), "stored bytes are not as they should be");
        self.summary.findings += 1;
        self.summary.restored += u64::from(finding.repair == Repair::Restored);
        self.send(SweepEvent::Finding(finding)).await
    }

    async fn send(&self, event: SweepEvent) -> Result<(), WriteError> {
        self.events.send(event).await.map_err(|_| WriteError::CallerGone)
    }
}
