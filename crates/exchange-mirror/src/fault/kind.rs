//! Everything that can go wrong, sorted by where it takes hold.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! faults {
    ($(#[$set_doc:meta])* $set:ident { $($(#[$doc:meta])* $member:ident => $text:literal,)+ }) => {
        $(#[$set_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $set {
            $($(#[$doc])* $member,)+
        }

        impl $set {
            /// Every member.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$member,)+];

            /// Returns the name rules and metrics use.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text,)+ }
            }
        }
    };
}

faults! {
    /// Another answer comes in place of the file.
    PageFault {
        /// 200 with an HTML page: the soft block.
        Html200 => "html_200",
        /// 404 with the host's page (200 at BSE).
        NotFound => "not_found",
        /// 403 with the CDN's page and its reference number.
        ForbiddenEdgesuite => "forbidden_edgesuite",
        /// 403 that tells to come back in ten minutes.
        RateBlock403 => "rate_block_403",
        /// 401 with an HTML page; every session ends.
        Unauthorized401 => "unauthorized_401",
        /// 500 with the five bytes `Error`.
        Error500Body => "error_500_body",
        /// 429, with `Retry-After` as `retry_after` says, 1 second by default.
        Throttled429 => "throttled_429",
        /// The status of `status`, 503 by default.
        Status5xx => "status_5xx",
        /// 302 to the URL of `to`.
        Redirect => "redirect",
        /// 200 with `{}`.
        EmptyJson => "empty_json",
        /// 200 with nothing.
        EmptyBody => "empty_body",
    }
}

faults! {
    /// The bytes on the wire are not what HTTP promises.
    WireFault {
        /// The connection is reset without an answer.
        Reset => "reset",
        /// The request is accepted and never answered.
        Stall => "stall",
        /// The body comes a byte at a time, one in `interval_ms`, 1,000 by default.
        Drip => "drip",
        /// Half of the body comes, then the connection ends: `Content-Length` promised more.
        TruncatedBody => "truncated_body",
        /// Chunked, with a chunk size that is none.
        BadChunk => "bad_chunk",
    }
}

faults! {
    /// The file is that of another day.
    DayFault {
        /// The file of `date`, or of the session before.
        WrongDay => "wrong_day",
        /// The rows of the session before, under the right date and name.
        CopiedSession => "copied_session",
    }
}

faults! {
    /// The container is wrong.
    ContainerFault {
        /// Half of the file, with a `Content-Length` that fits: a report read while it is written.
        TruncatedZip => "truncated_zip",
        /// A checksum that does not fit the member.
        BadCrc => "bad_crc",
        /// Bytes that are no archive, under the name of one.
        NotAZip => "not_a_zip",
        /// A member that unpacks to `bytes` zeros, 256 MiB by default.
        ZipBomb => "zip_bomb",
        /// A declared size below the real one.
        LyingSize => "lying_size",
        /// An archive within the archive.
        NestedZip => "nested_zip",
        /// A member that climbs out of the folder.
        TraversalMember => "traversal_member",
        /// `rows` more members, 1,000 by default.
        ManyMembers => "many_members",
    }
}

faults! {
    /// The table is wrong.
    TableFault {
        /// Without `column`, the close (or the subject of filings) by default.
        MissingColumn => "missing_column",
        /// With a column nobody knows.
        ExtraColumn => "extra_column",
        /// With the columns in reverse order.
        Reordered => "reordered",
        /// With CRLF line ends.
        Crlf => "crlf",
        /// With a byte-order mark.
        Bom => "bom",
        /// With one close 5 paise higher and without the last `rows` rows, 0 by default, under another tag and a later
        /// date: a correction.
        Corrected => "corrected",
        /// With `rows` rows whose high is below their low, 1 by default.
        HighBelowLow => "high_below_low",
        /// With `rows` rows whose close is no number, 1 by default.
        PoisonedRows => "poisoned_rows",
        /// With `rows` rows in a series nobody knows, 1 by default.
        UnknownSeries => "unknown_series",
        /// With its first row twice.
        DuplicateRow => "duplicate_row",
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing but the delay of the rule.
    Slow,
    /// Another answer.
    Page(PageFault),
    /// A broken connection.
    Wire(WireFault),
    /// Another day.
    Day(DayFault),
    /// A wrong container.
    Container(ContainerFault),
    /// A wrong table.
    Table(TableFault),
}

impl Kind {
    /// Lists every kind.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let pages = PageFault::ALL.iter().copied().map(Self::Page);
        let wires = WireFault::ALL.iter().copied().map(Self::Wire);
        let days = DayFault::ALL.iter().copied().map(Self::Day);
        let containers = ContainerFault::ALL.iter().copied().map(Self::Container);
        let tables = TableFault::ALL.iter().copied().map(Self::Table);
        std::iter::once(Self::Slow).chain(pages).chain(wires).chain(days).chain(containers).chain(tables)
    }

    /// Returns the name rules and metrics use.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Page(fault) => fault.as_str(),
            Self::Wire(fault) => fault.as_str(),
            Self::Day(fault) => fault.as_str(),
            Self::Container(fault) => fault.as_str(),
            Self::Table(fault) => fault.as_str(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::all().find(|kind| kind.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::all().map(Self::as_str).collect();
            D::Error::custom(format!("unknown kind {name:?}; known: {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_its_own_and_reads_back() {
        let names: HashSet<&str> = Kind::all().map(Kind::as_str).collect();
        assert_eq!(names.len(), Kind::all().count());
        for kind in Kind::all() {
            let text = serde_json::to_string(&kind).expect("a name");
            assert_eq!(serde_json::from_str::<Kind>(&text).expect("known"), kind);
        }
    }
}
