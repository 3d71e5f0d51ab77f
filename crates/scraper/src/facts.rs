//! The facts of a response, kept beside its bytes.

use champion_market_data::{ArtifactRef, Dataset, Era, Exchange, RawArtifact, TradeDate};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::received::HeaderFacts;

/// Where raw bytes come from and when. Written once, after the bytes: bytes without facts do not count as there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Version of this form.
    pub version: u32,
    /// What was asked for.
    pub dataset: Dataset,
    /// Of whom.
    pub exchange: Exchange,
    /// The session.
    pub trade_date: TradeDate,
    /// The bytes beside these facts.
    pub artifact: ArtifactRef,
    /// The format as found inside.
    pub era: Era,
    /// Data rows as counted by a first look.
    pub rows: u64,
    /// What was really asked.
    pub url: String,
    /// The HTTP status.
    pub status: u16,
    /// Selected headers of the answer; never cookies.
    pub headers: HeaderFacts,
    /// When the answer was complete.
    pub observed_at: DateTime<Utc>,
    /// Attempts it took.
    pub attempts: u32,
    /// The run that asked.
    pub run_id: String,
    /// The trace of that run, where there is one.
    pub trace_id: Option<String>,
}

/// Why bytes were set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What the answer is.
    pub class: String,
    /// For people, with the evidence.
    pub reason: String,
    /// The facts of the answer; `artifact` is what the bytes would be as raw.
    pub facts: Facts,
}

impl Facts {
    /// The current form.
    pub const VERSION: u32 = 1;

    /// Returns the reference to the bytes, as it goes to the next stage.
    #[must_use]
    pub fn raw(&self) -> RawArtifact {
        RawArtifact {
            artifact: self.artifact.clone(),
            dataset: self.dataset,
            exchange: self.exchange,
            trade_date: self.trade_date,
            observed_at: self.observed_at,
        }
    }
}
