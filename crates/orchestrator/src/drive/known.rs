//! What a run that was cut off had reached, day by day.

use std::collections::{HashMap, HashSet};

use champion_market_data::{CuratedArtifact, QuarantineArtifact, RawArtifact, StagedArtifact, TradeDate};

use crate::journal::{Product, Progress};

/// What the journal knows of the days of a run; empty for a new one.
#[derive(Debug, Default)]
pub(super) struct Known {
    finished: HashSet<TradeDate>,
    begun: HashMap<TradeDate, KnownDay>,
}

/// The artifacts of one day that was begun and not finished.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct KnownDay {
    pub(super) raw: Option<RawArtifact>,
    pub(super) staged: Vec<StagedArtifact>,
    pub(super) curated: Vec<CuratedArtifact>,
    pub(super) quarantine: Option<QuarantineArtifact>,
    /// Whether a step of it did real work.
    pub(super) worked: bool,
}

impl Known {
    /// Reads the progress of a run.
    pub(super) fn of(progress: Progress) -> Self {
        let mut known =
            Self { finished: progress.days.iter().map(|day| day.trade_date).collect(), begun: HashMap::new() };
        for step in progress.steps {
            let date = step.product.trade_date();
            if known.finished.contains(&date) {
                continue;
            }
            let day = known.begun.entry(date).or_default();
            day.worked |= !step.reused;
            match step.product {
                Product::Fetched(raw) => day.raw = Some(raw),
                Product::Parsed(staged) => day.staged.push(staged),
                Product::Quarantined(quarantine) => day.quarantine = Some(quarantine),
                Product::Written(curated) => day.curated.push(curated),
                // The loader decides by its ledger; it is asked again.
                Product::Loaded(_) => {}
            }
        }
        known
    }

    /// Tells whether the day has its final state.
    pub(super) fn is_finished(&self, date: TradeDate) -> bool {
        self.finished.contains(&date)
    }

    /// Takes what is known of a day.
    pub(super) fn take(&mut self, date: TradeDate) -> KnownDay {
        self.begun.remove(&date).unwrap_or_default()
    }
}
