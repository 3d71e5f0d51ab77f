//! The closed sets of a run: its kind and status, the stages, the states of a day. One spelling serves lake, journal
//! and wire.

use chrono::{DateTime, Utc};
use thiserror::Error;

/// A word in the lake or the journal that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown {set} {word:?}")]
pub(crate) struct UnknownWord {
    pub(crate) set: &'static str,
    pub(crate) word: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $set:literal { $($(#[$member_doc:meta])* $member:ident => $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum $name {
            $($(#[$member_doc])* $member,)+
        }

        impl $name {
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <String as serde::Deserialize>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($text => Ok(Self::$member),)+
                    other => Err(UnknownWord { set: $set, word: other.to_owned() }),
                }
            }
        }
    };
}

words! {
    /// How a run was asked for.
    RunKind, "kind of run" {
        /// One trade date.
        Day => "run",
        /// A range of dates.
        Backfill => "backfill",
    }
}

words! {
    /// How the work of a run is done.
    RunMode, "mode of a run" {
        /// What is there is not asked for again.
        Plain => "plain",
        /// The exchange is asked whether it has corrected its files.
        Recheck => "recheck",
        /// The raw bytes are decoded anew.
        Replay => "replay",
    }
}

words! {
    /// Where a run stands.
    RunStatus, "run status" {
        /// Begun and not finished; after a restart it is taken up again.
        Running => "running",
        /// Finished, and no day was refused or failed.
        Succeeded => "succeeded",
        /// Finished, and a day was refused or failed.
        Failed => "failed",
        /// Ended by an operator.
        Cancelled => "cancelled",
    }
}

words! {
    /// The stages in the order the data takes.
    Stage, "stage" {
        /// Exchange to raw.
        Fetch => "fetch",
        /// Raw to staged.
        Parse => "parse",
        /// Staged to curated.
        Write => "write",
        /// Curated to warehouse.
        Load => "load",
    }
}

impl Stage {
    /// Returns the service that does it.
    pub(crate) const fn service(self) -> &'static str {
        match self {
            Self::Fetch => "scraper",
            Self::Parse => "parser",
            Self::Write => "parquet-writer",
            Self::Load => "clickhouse-loader",
        }
    }
}

words! {
    /// The final state of a day.
    DayState, "state of a day" {
        /// In the warehouse.
        Present => "present",
        /// The exchange held no session.
        Closed => "closed",
        /// A session whose file is not out yet.
        Pending => "pending",
        /// A session whose file is long overdue.
        Gap => "gap",
        /// No file, and nobody knows whether there was a session.
        Unknown => "unknown",
        /// Something came that must not be published.
        Refused => "refused",
        /// A stage failed.
        Failed => "failed",
    }
}

impl DayState {
    /// Tells whether the day makes its run a failed one.
    pub(crate) const fn fails_the_run(self) -> bool {
        match self {
            Self::Refused | Self::Failed => true,
            Self::Present | Self::Closed | Self::Pending | Self::Gap | Self::Unknown => false,
        }
    }

    /// Tells whether it says that there was no file.
    pub(crate) const fn is_an_absence(self) -> bool {
        match self {
            Self::Closed | Self::Pending | Self::Gap | Self::Unknown => true,
            Self::Present | Self::Refused | Self::Failed => false,
        }
    }
}

/// Formats an instant as the journal and the wire have it: RFC 3339, UTC, milliseconds.
pub(crate) fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
