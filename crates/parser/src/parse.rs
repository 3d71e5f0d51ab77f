//! The use case: one raw file to its staged tables.

use std::sync::Arc;

use bytes::Bytes;
use champion_decode::{DECODER_VERSION, Limits, Refusal, Request};
use champion_lake::{Lake, LakeError};
use champion_market_data::artifact::RawKey;
use champion_market_data::{ArtifactRef, RawArtifact};
use champion_telemetry::semconv;
use chrono::{DateTime, Utc};
use futures::future::try_join_all;
use tokio::sync::Semaphore;
use tracing::{info, info_span, warn};

use crate::ParseError;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::report::Report;
use crate::staging::{Staging, set_aside, stage};

/// The answer to a parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parse {
    /// The tables are staged.
    Parsed {
        /// The books and what was written.
        report: Report,
        /// Whether the work had been done before.
        reused: bool,
    },
    /// The whole file is refused and nothing of it is staged.
    Refused {
        /// Why, with the books.
        refusal: Refusal,
        /// The reason and the rows that speak against the file, in the lake.
        quarantine: ArtifactRef,
    },
}

/// Parses raw files.
#[derive(Debug)]
pub struct Parser {
    lake: Lake,
    limits: Limits,
    workers: Arc<Semaphore>,
    metrics: Metrics,
    clock: fn() -> DateTime<Utc>,
}

impl Parser {
    /// Makes a parser over a lake; `clock` bounds the times that are believed.
    #[must_use]
    pub fn new(config: &Config, lake: Lake, metrics: Metrics, clock: fn() -> DateTime<Utc>) -> Self {
        let workers = Arc::new(Semaphore::new(config.workers()));
        Self { lake, limits: config.limits.into(), workers, metrics, clock }
    }

    /// Parses one raw file, or finds that it has been parsed; `again` decodes it all the same.
    ///
    /// What the file is, its key says; its length and since when it is known, the facts beside it.
    ///
    /// # Errors
    /// [`ParseError`] when raw bytes or facts are not there or not what they should be, or when the lake fails.
    pub async fn parse(&self, run_id: &str, key: &RawKey, again: bool) -> Result<Parse, ParseError> {
        let raw = &self.lake.raw_facts(&key.source, (self.clock)()).await?;
        if raw.artifact.key != key.to_string() {
            return Err(ParseError::Invalid(format!("raw_key: the facts beside {key} name {}", raw.artifact.key)));
        }
        let RawArtifact { dataset, trade_date, artifact: source, .. } = raw;
        let report_key = key.source.report(DECODER_VERSION);
        if !again && let Some(mut report) = self.done_before(&report_key, key).await? {
            info!(%dataset, %trade_date, run_id, "parsed before");
            known_since(&mut report, raw);
            return Ok(Parse::Parsed { report, reused: true });
        }
        let bytes = self.lake.get_verified(source).await?;
        let staging = match self.work(raw, bytes).await? {
            Ok(staging) => staging,
            Err(refusal) => {
                self.metrics.refused(*dataset, &refusal);
                let (code, reason) = (refusal.code.as_str(), &refusal.reason);
                warn!(%dataset, %trade_date, run_id, key = source.key, code, reason, "file refused");
                let artifact = set_aside(raw, Some(&refusal), &refusal.rows);
                self.lake.publish(&artifact.reference.key, artifact.bytes).await?;
                return Ok(Parse::Refused { refusal, quarantine: artifact.reference });
            }
        };
        self.write(&report_key, &staging).await?;
        self.metrics.parsed(&staging.report, staging.stocks);
        let counts = staging.report.counts;
        info!(
            %dataset,
            %trade_date,
            run_id,
            era = %staging.report.era,
            rows_in = counts.rows_in,
            published = counts.published,
            quarantined = counts.quarantined,
            filtered = counts.filtered,
            "tables staged"
        );
        let mut report = staging.report;
        known_since(&mut report, raw);
        Ok(Parse::Parsed { report, reused: false })
    }

    /// Checks that a call is made for the orchestrator that leads.
    ///
    /// # Errors
    /// [`ParseError::Lake`] when it is not, or when the lake does not say.
    pub async fn check_fencing_token(&self, token: u64) -> Result<(), ParseError> {
        Ok(self.lake.check_fencing_token(token).await?)
    }

    /// Returns the report of an earlier parse while everything it names is there and of these bytes.
    async fn done_before(&self, report_key: &str, raw: &RawKey) -> Result<Option<Report>, LakeError> {
        let Some(bytes) = self.lake.get(report_key).await? else { return Ok(None) };
        let report: Report = match serde_json::from_slice(&bytes) {
            Ok(report) => report,
            Err(error) => {
                warn!(key = report_key, %error, "the report cannot be read; the file is parsed again");
                return Ok(None);
            }
        };
        if !report.is_of(raw) {
            warn!(key = report_key, "the report is of other bytes; the file is parsed again");
            return Ok(None);
        }
        for artifact in report.artifacts() {
            if self.lake.size(&artifact.key).await? != Some(artifact.bytes) {
                return Ok(None);
            }
        }
        Ok(Some(report))
    }

    /// Decodes and encodes on a worker thread, as many files at a time as there are places.
    async fn work(&self, raw: &RawArtifact, bytes: Bytes) -> Result<Result<Staging, Refusal>, ParseError> {
        let place = Arc::clone(&self.workers).acquire_owned().await.expect("the semaphore is never closed");
        let request = Request {
            dataset: raw.dataset,
            exchange: raw.exchange,
            trade_date: Some(raw.trade_date),
            limits: self.limits,
        };
        let raw = raw.clone();
        let span = info_span!(
            "decode",
            { semconv::CHAMPION_DATASET } = %raw.dataset,
            { semconv::CHAMPION_TRADE_DATE } = %raw.trade_date,
            { semconv::CHAMPION_BYTES } = bytes.len(),
            { semconv::CHAMPION_ROWS } = tracing::field::Empty,
        );
        let work = move || {
            // Kept to the end of the work, also when the caller has gone away.
            let _place = place;
            let _entered = span.enter();
            let staged = stage(&raw, &bytes, &request);
            if let Ok(Ok(staging)) = &staged {
                span.record(semconv::CHAMPION_ROWS, staging.report.counts.published);
            }
            staged
        };
        tokio::task::spawn_blocking(work).await?
    }

    /// Writes tables and quarantine, then the report that says they are there. A staged key is a function of its bytes,
    /// so replacing one that was cut off or collected changes nothing for its readers.
    async fn write(&self, report_key: &str, staging: &Staging) -> Result<(), LakeError> {
        // Side by side: each waits for the disk, not for the others.
        let writes =
            staging.artifacts.iter().map(|artifact| self.lake.publish(&artifact.reference.key, artifact.bytes.clone()));
        try_join_all(writes).await?;
        let json = serde_json::to_vec_pretty(&staging.report).expect("a report is plain data");
        self.lake.publish(report_key, Bytes::from(json)).await
    }
}

/// Bytes that come back after a correction are known anew since then; what they hold is the same.
fn known_since(report: &mut Report, raw: &RawArtifact) {
    report.staged.iter_mut().for_each(|staged| staged.observed_at = raw.observed_at);
}
