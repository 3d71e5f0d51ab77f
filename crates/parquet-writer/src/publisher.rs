//! The use case: a staged artifact becomes the curated file of its session.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use champion_lake::{Lake, LakeError, Seen, Turn};
use champion_market_data::artifact::{CuratedKey, Disbelief, HistoryKey, MOST_VERSIONS, keys};
use champion_market_data::columnar::SCHEMA_VERSION;
use champion_market_data::{ArtifactRef, CuratedArtifact, Sha256, StagedArtifact, Table};
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt};
use tokio::sync::Semaphore;
use tracing::{Instrument, Span, debug, info, info_span, warn};

use crate::manifest::{Manifest, Replacement};
use crate::metrics::Metrics;
use crate::parquet_file::{Encoding, WRITER_VERSION};
use crate::session_locks::SessionLocks;
use crate::{WriteError, staged};

/// Which run asks for a write; it stands in the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The run's id.
    pub run_id: String,
    /// The run's trace, 32 hex digits.
    pub trace_id: Option<String>,
    /// The epoch of the orchestrator that drives the run; 0 for an operator's own call.
    pub fencing_token: u64,
}

/// The outcome of one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What is published now.
    pub curated: CuratedArtifact,
    /// Whether it was published before.
    pub unchanged: bool,
}

/// Publishes staged artifacts. Cloning is cheap; all clones share the bound and the locks.
#[derive(Debug, Clone)]
pub struct Publisher {
    lake: Lake,
    encoding: Encoding,
    metrics: Metrics,
    clock: fn() -> DateTime<Utc>,
    at_once: usize,
    permits: Arc<Semaphore>,
    locks: Arc<SessionLocks>,
}

impl Publisher {
    /// Makes a publisher that works on at most `at_once` artifacts at a time; `clock` dates the manifests.
    #[must_use]
    pub fn new(lake: Lake, encoding: Encoding, metrics: Metrics, at_once: usize, clock: fn() -> DateTime<Utc>) -> Self {
        let at_once = at_once.max(1);
        let permits = Arc::new(Semaphore::new(at_once));
        Self { lake, encoding, metrics, clock, at_once, permits, locks: Arc::default() }
    }

    pub(crate) const fn lake(&self) -> &Lake {
        &self.lake
    }

    pub(crate) const fn at_once(&self) -> usize {
        self.at_once
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    pub(crate) fn note_failure(&self, table: Table) {
        self.metrics.failed(table);
    }

    /// Publishes artifacts that were traced to their source, several at once, and returns the outcomes in the order of the call.
    ///
    /// Every artifact is tried, also after another one failed: what could be published needs no second try.
    ///
    /// # Errors
    /// [`WriteError::Ambiguous`] before anything is written, or the first failure in the order of the call.
    pub async fn write_all(&self, artifacts: &[StagedArtifact], run: &Run) -> Result<Vec<Written>, WriteError> {
        refuse_ambiguous(artifacts)?;
        let writes: Vec<_> = artifacts.iter().map(|staged| self.write(staged, run)).collect();
        let outcomes: Vec<Result<Written, WriteError>> = stream::iter(writes).buffered(self.at_once).collect().await;
        outcomes.into_iter().collect()
    }

    /// Publishes one artifact, unless its manifest already names this content, or content that is known since later.
    ///
    /// One writer a session among all processes on the lake; the manifest is replaced only as it was read. A late retry of
    /// bytes that were corrected since (`observed_at` before the manifest's) changes nothing and is answered with the
    /// correction, as unchanged.
    ///
    /// The order makes every crash harmless: the earlier version goes to the history, its manifest then says what takes its
    /// place, then the file is replaced, then the manifest. At every moment the file is whole and the manifest names what
    /// it is. Until the new manifest is written the work is done again, and gives the same bytes.
    ///
    /// # Errors
    /// [`WriteError`]; the manifest then names what it named before.
    pub async fn write(&self, staged: &StagedArtifact, run: &Run) -> Result<Written, WriteError> {
        let span = info_span!(
            "publish",
            champion.table = %staged.table,
            champion.exchange = %staged.exchange,
            champion.trade_date = %staged.trade_date,
            champion.rows = staged.artifact.rows,
        );
        let result = self.write_in_turn(staged, run).instrument(span).await;
        match &result {
            Ok(written) if !written.unchanged => self.metrics.published(staged.table),
            Ok(_) => {}
            Err(_) => self.metrics.failed(staged.table),
        }
        result
    }

    async fn write_in_turn(&self, staged: &StagedArtifact, run: &Run) -> Result<Written, WriteError> {
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        // Two waits: tasks of this process stand in line in memory, processes at the lake.
        let _place = self.locks.lock(staged).await;
        if let (Some(manifest), _) = self.manifest(staged).await?
            && self.is_published(&manifest, staged).await?
        {
            return Ok(unchanged(&manifest));
        }
        let turn = self.lake.turn(&Manifest::key_of(staged)).await?;
        // The turn may have been long in coming: whoever asked may lead no longer.
        let outcome = match self.lake.check_fencing_token(run.fencing_token).await {
            Ok(()) => self.write_alone(staged, run, &turn).await,
            Err(superseded) => Err(superseded.into()),
        };
        turn.end().await;
        outcome
    }

    /// Tells whether the artifact is what the session has, completely.
    async fn is_published(&self, manifest: &Manifest, staged: &StagedArtifact) -> Result<bool, WriteError> {
        Ok(manifest.staged_sha256 == staged.artifact.sha256
            && manifest.writer_version == WRITER_VERSION
            && manifest.replaced_by.is_none()
            && self.lake.size(&manifest.key).await? == Some(manifest.bytes))
    }

    async fn write_alone(&self, staged: &StagedArtifact, run: &Run, turn: &Turn) -> Result<Written, WriteError> {
        let (published, mut seen) = self.manifest(staged).await?;
        if let Some(manifest) = &published {
            if self.is_published(manifest, staged).await? {
                return Ok(unchanged(manifest));
            }
            let late = staged.observed_at < manifest.observed_at;
            if late && staged.artifact.sha256 != manifest.staged_sha256 {
                info!(key = manifest.key, version = manifest.version, "artifact is older than the published one");
                self.settle(manifest, turn, &seen).await?;
                return Ok(unchanged(manifest));
            }
        }
        let bytes = self.lake.get_verified(&staged.artifact).await?;
        let (parquet, sha256) = self.encode(bytes, staged).await?;
        let key = keys::curated(staged.table, staged.exchange, staged.trade_date);
        let version = match &published {
            None => 1 + self.newest_in_history(session_of(staged)).await?,
            // The same content: the file is missing or short, or other staged bytes hold the same rows.
            Some(manifest) if manifest.sha256 == sha256 => {
                let stands = self.stands(manifest).await?;
                if !stands {
                    warn!(
                        key,
                        version = manifest.version,
                        "curated file was not as its manifest says; published again"
                    );
                    self.lake.publish(&key, parquet).await?;
                }
                self.settle(manifest, turn, &seen).await?;
                return Ok(Written { curated: manifest.curated(), unchanged: stands });
            }
            Some(manifest) => {
                match self.keep_in_history(manifest).await {
                    // The same rows in another encoding: nothing is lost with the file that was.
                    Err(WriteError::EarlierVersionLost { .. }) if manifest.staged_sha256 == staged.artifact.sha256 => {}
                    kept => kept?,
                }
                let version = self.next_version(manifest).await?;
                let replacement = Replacement { version, sha256, bytes: parquet.len() as u64 };
                seen = self.announce(manifest, Some(replacement), turn, seen).await?;
                version
            }
        };
        let manifest = Manifest {
            table: staged.table,
            exchange: staged.exchange,
            trade_date: staged.trade_date,
            version,
            key,
            sha256,
            bytes: parquet.len() as u64,
            rows: staged.artifact.rows,
            source_sha256: staged.source_sha256,
            staged_sha256: staged.artifact.sha256,
            counts: staged.counts,
            schema_version: SCHEMA_VERSION,
            writer_version: WRITER_VERSION,
            run_id: run.run_id.clone(),
            trace_id: run.trace_id.clone(),
            observed_at: staged.observed_at,
            published_at: (self.clock)(),
            replaced_by: None,
        };
        self.lake.publish(&manifest.key, parquet).await?;
        self.lake.replace(turn, &Manifest::key_of(staged), &seen, manifest.to_json()).await?;
        info!(key = manifest.key, version, rows = manifest.rows, bytes = manifest.bytes, "artifact published");
        Ok(Written { curated: manifest.curated(), unchanged: false })
    }

    /// Returns the newest earlier version that is kept, or 0: a session whose manifest was lost counts on from there.
    async fn newest_in_history(&self, session: CuratedKey) -> Result<u32, WriteError> {
        let kept = self.lake.list(&session.history_folder()).await?;
        let versions = kept.iter().filter_map(|key| key.parse::<HistoryKey>().ok()).map(|kept| kept.version);
        Ok(versions.filter(|version| *version <= MOST_VERSIONS).max().unwrap_or(0))
    }

    /// Returns the version after all that is known of the session: a manifest may have come back from a backup.
    async fn next_version(&self, manifest: &Manifest) -> Result<u32, WriteError> {
        let session = manifest.session();
        let version = 1 + manifest.version.max(self.newest_in_history(session).await?);
        if version <= MOST_VERSIONS {
            return Ok(version);
        }
        let reason = Disbelief::Version { version, most: MOST_VERSIONS };
        Err(LakeError::Unbelievable { key: session.manifest(), reason }.into())
    }

    /// Tells whether the curated file is the manifest's. Only where a correction was cut off its bytes have to be read: a
    /// file under a settled manifest is short or missing, or the sweep finds it.
    async fn stands(&self, manifest: &Manifest) -> Result<bool, WriteError> {
        if manifest.replaced_by.is_none() {
            return Ok(self.lake.size(&manifest.key).await? == Some(manifest.bytes));
        }
        Ok(self.lake.get(&manifest.key).await?.is_some_and(|found| Sha256::of(&found) == manifest.sha256))
    }

    /// Takes back a correction that was announced and cut off: the file becomes the manifest's again.
    async fn settle(&self, manifest: &Manifest, turn: &Turn, seen: &Seen) -> Result<(), WriteError> {
        if manifest.replaced_by.is_none() {
            return Ok(());
        }
        if !self.stands(manifest).await? {
            let Manifest { table, exchange, trade_date, version, sha256, bytes, rows, .. } = *manifest;
            let key = keys::history(table, exchange, trade_date, version, &sha256);
            let kept = self.lake.get_verified(&ArtifactRef { key, sha256, bytes, rows }).await?;
            self.lake.publish(&manifest.key, kept).await?;
        }
        self.announce(manifest, None, turn, seen.clone()).await.map(|_| ())
    }

    /// Says in the manifest which content is about to stand where its own does.
    async fn announce(
        &self,
        manifest: &Manifest,
        replaced_by: Option<Replacement>,
        turn: &Turn,
        seen: Seen,
    ) -> Result<Seen, WriteError> {
        if manifest.replaced_by == replaced_by {
            return Ok(seen);
        }
        let announced = Manifest { replaced_by, ..manifest.clone() };
        let key = keys::manifest(manifest.table, manifest.exchange, manifest.trade_date);
        Ok(self.lake.replace(turn, &key, &seen, announced.to_json()).await?)
    }

    async fn manifest(&self, staged: &StagedArtifact) -> Result<(Option<Manifest>, Seen), WriteError> {
        let key = Manifest::key_of(staged);
        let (bytes, seen) = self.lake.get_seen(&key).await?;
        let Some(bytes) = bytes else { return Ok((None, seen)) };
        let manifest =
            Manifest::from_json(&bytes).map_err(|source| WriteError::Manifest { key: key.clone(), source })?;
        // One of the year 9999 would be newer than every correction.
        let believed = manifest.believe(session_of(staged), (self.clock)());
        believed.map_err(|reason| LakeError::Unbelievable { key, reason })?;
        Ok((Some(manifest), seen))
    }

    /// Decodes, checks and encodes away from the async threads.
    async fn encode(&self, bytes: Bytes, staged: &StagedArtifact) -> Result<(Bytes, Sha256), WriteError> {
        let (encoding, artifact, span) = (self.encoding, staged.clone(), Span::current());
        let work = move || {
            let _span = info_span!(parent: span, "encode parquet").entered();
            encode(&encoding, &bytes, &artifact)
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|source| Err(WriteError::CutOff { key: staged.artifact.key.clone(), source }))
    }

    /// Copies the published file and its manifest to the history before they are replaced.
    async fn keep_in_history(&self, manifest: &Manifest) -> Result<(), WriteError> {
        self.keep_file(manifest).await?;
        let key = HistoryKey { session: manifest.session(), version: manifest.version, sha256: manifest.sha256 };
        let settled = Manifest { replaced_by: None, ..manifest.clone() };
        match self.lake.put_if_absent(&key.manifest(), settled.to_json()).await {
            // The version was kept before, by a run of its own: the same file, since when it was first known.
            Ok(_) | Err(LakeError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn keep_file(&self, manifest: &Manifest) -> Result<(), WriteError> {
        let Manifest { table, exchange, trade_date, version, sha256, .. } = *manifest;
        let key = keys::history(table, exchange, trade_date, version, &sha256);
        let curated = ArtifactRef { key: manifest.key.clone(), sha256, bytes: manifest.bytes, rows: manifest.rows };
        match self.lake.get_verified(&curated).await {
            Ok(bytes) => {
                self.lake.put_if_absent(&key, bytes).await?;
                Ok(())
            }
            // A write was cut off between file and manifest: its file stands, and the earlier one was kept before.
            Err(_) if self.lake.get_verified(&ArtifactRef { key, ..curated }).await.is_ok() => Ok(()),
            Err(_) => Err(WriteError::EarlierVersionLost { key: manifest.key.clone(), version, expected: sha256 }),
        }
    }
}

fn session_of(staged: &StagedArtifact) -> CuratedKey {
    CuratedKey { table: staged.table, exchange: staged.exchange, trade_date: staged.trade_date }
}

fn unchanged(manifest: &Manifest) -> Written {
    debug!(key = manifest.key, version = manifest.version, "artifact unchanged");
    Written { curated: manifest.curated(), unchanged: true }
}

fn encode(encoding: &Encoding, bytes: &Bytes, staged: &StagedArtifact) -> Result<(Bytes, Sha256), WriteError> {
    let rows: RecordBatch = staged::read(bytes, staged)
        .map_err(|source| WriteError::Staged { key: staged.artifact.key.clone(), source })?;
    let parquet = encoding.encode(staged.table, &rows).map_err(|source| WriteError::Encode {
        table: staged.table,
        trade_date: staged.trade_date,
        source,
    })?;
    let sha256 = Sha256::of(&parquet);
    Ok((Bytes::from(parquet), sha256))
}

/// Two contents for one session in one call: which of them is the correction, nobody can tell.
fn refuse_ambiguous(artifacts: &[StagedArtifact]) -> Result<(), WriteError> {
    let mut named = HashMap::new();
    for StagedArtifact { table, exchange, trade_date, artifact, .. } in artifacts {
        let (table, exchange, trade_date) = (*table, *exchange, *trade_date);
        let first = *named.entry((table, exchange, trade_date)).or_insert(artifact.sha256);
        if first != artifact.sha256 {
            return Err(WriteError::Ambiguous { table, exchange, trade_date });
        }
    }
    Ok(())
}
