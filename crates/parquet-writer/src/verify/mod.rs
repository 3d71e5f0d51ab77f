//! The sweep: everything stored is read, hashed and held against what names it.
//!
//! Raw bytes are held against the hash in their name and the length in their facts, curated files against their manifest,
//! earlier versions against the hash in their name, months against their manifest, staged artifacts against the parser's
//! reports. What is damaged is
//! moved aside and, where the same bytes can be made of a staged artifact, comes back; the rest is to be run again.
//!
//! After a repair everything is read once more, and only what that look no longer finds is called restored. An object that
//! cannot be read is a finding as any other and keeps the sweep from nothing.

mod compacted;
mod curated;
mod finding;
mod history;
mod keys;
mod raw;
mod rebuild;
mod second_look;
mod staged;

use champion_lake::{Lake, LakeError};
use champion_market_data::{Dataset, Exchange, Sha256, TradeDate};
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
    /// Findings that the last look still found.
    pub remaining: u64,
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
    /// With `repair` the findings come at the end, after a second look that says which of them remain.
    ///
    /// # Errors
    /// [`WriteError`] when the lake cannot be listed or the receiver has gone.
    pub async fn verify(&self, sweep: &Sweep, events: mpsc::Sender<SweepEvent>) -> Result<SweepSummary, WriteError> {
        let mut first = Pass::new(self, sweep, events.clone());
        first.zones().await?;
        let (mut summary, found) = (first.summary, first.held);
        if !found.is_empty() {
            let look = Sweep { repair: false, ..sweep.clone() };
            let mut second = Pass::new(self, &look, events.clone());
            second.holds = true;
            second.zones().await?;
            let findings = second_look::judged(found, second.held);
            let count = |is: fn(&Finding) -> bool| findings.iter().filter(|finding| is(finding)).count() as u64;
            summary.findings = findings.len() as u64;
            summary.restored = count(|finding| finding.repair == Repair::Restored && !finding.remains);
            summary.remaining = count(|finding| finding.remains);
            for finding in findings {
                events.send(SweepEvent::Finding(finding)).await.map_err(|_| WriteError::CallerGone)?;
            }
        }
        let SweepSummary { objects, bytes, findings, restored, remaining } = summary;
        info!(objects, bytes, findings, restored, remaining, repair = sweep.repair, "lake verified");
        Ok(summary)
    }
}

/// One sweep in progress.
struct Pass<'a> {
    verifier: &'a Verifier,
    sweep: &'a Sweep,
    events: mpsc::Sender<SweepEvent>,
    summary: SweepSummary,
    /// Whether findings wait for what a second look says of them.
    holds: bool,
    held: Vec<Finding>,
}

/// Bytes as they were read.
struct Read {
    bytes: bytes::Bytes,
    sha256: Sha256,
}

impl<'a> Pass<'a> {
    fn new(verifier: &'a Verifier, sweep: &'a Sweep, events: mpsc::Sender<SweepEvent>) -> Self {
        let summary = SweepSummary::default();
        Self { verifier, sweep, events, summary, holds: sweep.repair, held: Vec::new() }
    }

    async fn zones(&mut self) -> Result<(), WriteError> {
        for zone in &self.sweep.zones {
            match zone {
                Zone::Raw => raw::verify(self).await?,
                Zone::Curated => curated::verify(self).await?,
                Zone::History => history::verify(self).await?,
                Zone::Compacted => compacted::verify(self).await?,
                Zone::Staged => staged::verify(self).await?,
            }
        }
        Ok(())
    }

    /// Makes a finding of what could not be done with one object, and goes on with the others.
    async fn go_on(
        &mut self,
        outcome: Result<(), WriteError>,
        zone: Zone,
        key: &str,
        session: Option<(Dataset, Exchange, TradeDate)>,
    ) -> Result<(), WriteError> {
        let error = match outcome {
            Ok(()) => return Ok(()),
            Err(WriteError::CallerGone) => return Err(WriteError::CallerGone),
            Err(error) => error,
        };
        let (problem, key, detail) = (Problem::Unreadable, key.to_owned(), error.to_string());
        self.found(Finding { zone, problem, key, detail, repair: Repair::None, moved_to: None, session, remains: true })
            .await
    }

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
        if self.holds {
            self.held.push(finding);
            return Ok(());
        }
        self.summary.findings += 1;
        self.summary.remaining += 1;
        self.send(SweepEvent::Finding(finding)).await
    }

    async fn send(&self, event: SweepEvent) -> Result<(), WriteError> {
        self.events.send(event).await.map_err(|_| WriteError::CallerGone)
    }
}
