//! What a sweep finds.

use std::fmt;
use std::str::FromStr;

use champion_market_data::{Dataset, Exchange, TradeDate};

/// A part of the lake that can be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Zone {
    /// As received.
    Raw,
    /// Published.
    Curated,
    /// Earlier versions.
    History,
    /// Months.
    Compacted,
    /// Between parser and writer.
    Staged,
}

impl Zone {
    /// Every zone.
    pub const ALL: [Self; 5] = [Self::Raw, Self::Curated, Self::History, Self::Compacted, Self::Staged];

    /// The zones whose loss would be a loss: what is staged can be made again.
    pub const KEPT: [Self; 4] = [Self::Raw, Self::Curated, Self::History, Self::Compacted];

    /// Returns its one spelling: the first part of its keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Curated => "curated",
            Self::History => "history",
            Self::Compacted => "compacted",
            Self::Staged => "staged",
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("unknown zone {text:?}; known: raw, curated, history, compacted, staged");
        Self::ALL.into_iter().find(|zone| zone.as_str() == text).ok_or_else(unknown)
    }
}

/// What is wrong with something stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Its bytes are not those of its hash.
    Flipped,
    /// It is named and not there.
    Missing,
    /// It ends too early.
    Short,
    /// It is there and nothing names it.
    Orphan,
    /// What names it cannot be read.
    UnreadableManifest,
    /// The store does not give it out, or not let it be repaired.
    Unreadable,
}

impl Problem {
    /// Returns its one spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flipped => "flipped",
            Self::Missing => "missing",
            Self::Short => "short",
            Self::Orphan => "orphan",
            Self::UnreadableManifest => "unreadable_manifest",
            Self::Unreadable => "unreadable",
        }
    }

    /// Returns what bytes that do not hash as they should are.
    pub(super) const fn of_length(found: u64, expected: Option<u64>) -> Self {
        match expected {
            Some(expected) if found < expected => Self::Short,
            _ => Self::Flipped,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Nothing: it was only looked for.
    None,
    /// The bytes are as they were.
    Restored,
    /// The dataset has to be run again for the date.
    NeedsReplay,
}

impl Repair {
    /// Returns its one spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Restored => "restored",
            Self::NeedsReplay => "needs_replay",
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub zone: Zone,
    /// What.
    pub problem: Problem,
    /// Which.
    pub key: String,
    /// In a person's words.
    pub detail: String,
    /// What was done.
    pub repair: Repair,
    /// Where the damaged bytes are now.
    pub moved_to: Option<String>,
    /// What a replay has to run.
    pub session: Option<(Dataset, Exchange, TradeDate)>,
    /// Whether the last look still found it: always, where nothing was repaired.
    pub remains: bool,
}
