//! What the journal remembers.

use champion_market_data::{
    ArtifactRef, CuratedArtifact, QuarantineArtifact, RawArtifact, RowCounts, StagedArtifact, Table, TradeDate,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::plan::RunSpec;
use crate::vocabulary::{DayState, RunStatus, Stage};

/// What a step made, with everything the next stage needs: a run that was cut off goes on from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Product {
    Fetched(RawArtifact),
    Parsed(StagedArtifact),
    Quarantined(QuarantineArtifact),
    Written(CuratedArtifact),
    Loaded(CuratedArtifact),
}

impl Product {
    pub(crate) const fn stage(&self) -> Stage {
        match self {
            Self::Fetched(_) => Stage::Fetch,
            Self::Parsed(_) | Self::Quarantined(_) => Stage::Parse,
            Self::Written(_) => Stage::Write,
            Self::Loaded(_) => Stage::Load,
        }
    }

    pub(crate) const fn trade_date(&self) -> TradeDate {
        match self {
            Self::Fetched(raw) => raw.trade_date,
            Self::Parsed(staged) => staged.trade_date,
            Self::Quarantined(quarantine) => quarantine.trade_date,
            Self::Written(curated) | Self::Loaded(curated) => curated.trade_date,
        }
    }

    pub(crate) const fn table(&self) -> Option<Table> {
        match self {
            Self::Fetched(_) | Self::Quarantined(_) => None,
            Self::Parsed(staged) => Some(staged.table),
            Self::Written(curated) | Self::Loaded(curated) => Some(curated.table),
        }
    }

    pub(crate) const fn artifact(&self) -> &ArtifactRef {
        match self {
            Self::Fetched(raw) => &raw.artifact,
            Self::Parsed(staged) => &staged.artifact,
            Self::Quarantined(quarantine) => &quarantine.artifact,
            Self::Written(curated) | Self::Loaded(curated) => &curated.artifact,
        }
    }
}

/// One step on one artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StepRecord {
    pub(crate) product: Product,
    /// Whether the work had been done before.
    pub(crate) reused: bool,
    pub(crate) duration_ms: u64,
}

/// One day in its final state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DayRecord {
    pub(crate) trade_date: TradeDate,
    pub(crate) state: DayState,
    /// Empty for a day that is present.
    pub(crate) reason: String,
    pub(crate) counts: RowCounts,
    /// Whether every step found its work done.
    pub(crate) unchanged: bool,
}

impl DayRecord {
    /// A day that ends without rows.
    pub(crate) fn without_rows(trade_date: TradeDate, state: DayState, reason: impl Into<String>) -> Self {
        Self { trade_date, state, reason: reason.into(), counts: RowCounts::default(), unchanged: false }
    }
}

/// The sums of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) present: u32,
    pub(crate) closed: u32,
    pub(crate) missing: u32,
    pub(crate) failed: u32,
    pub(crate) unchanged: u32,
    pub(crate) downloaded: u32,
    pub(crate) written: u32,
    pub(crate) loaded: u32,
    pub(crate) counts: RowCounts,
}

impl Totals {
    /// Adds a day to the sums.
    pub(crate) fn add_day(&mut self, day: &DayRecord) {
        match day.state {
            DayState::Present => {
                self.present += 1;
                self.unchanged += u32::from(day.unchanged);
                add_counts(&mut self.counts, &day.counts);
            }
            DayState::Closed => self.closed += 1,
            DayState::Pending | DayState::Gap | DayState::Unknown => self.missing += 1,
            DayState::Refused | DayState::Failed => self.failed += 1,
        }
    }

    /// Adds a step to the sums; one that found its work done changes nothing.
    pub(crate) fn add_step(&mut self, stage: Stage, reused: bool) {
        let did = u32::from(!reused);
        match stage {
            Stage::Fetch => self.downloaded += did,
            Stage::Parse => {}
            Stage::Write => self.written += did,
            Stage::Load => self.loaded += did,
        }
    }
}

/// Adds the books of one file to a sum of books.
pub(crate) fn add_counts(sum: &mut RowCounts, counts: &RowCounts) {
    sum.rows_in += counts.rows_in;
    sum.published += counts.published;
    sum.quarantined += counts.quarantined;
    sum.filtered += counts.filtered;
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunRecord {
    pub(crate) run_id: String,
    pub(crate) trace_id: String,
    /// Parent of the run's spans; a resumed run takes it again.
    pub(crate) traceparent: String,
    pub(crate) spec: RunSpec,
    pub(crate) status: RunStatus,
    pub(crate) error: String,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    /// Zero while the run goes on.
    pub(crate) totals: Totals,
}
