//! What a fault rule says.

use champion_market_data::TradeDate;
use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $member:ident => $text:literal, $stage:ident;)+) => {
        /// What goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) enum Kind {
            $($(#[$doc])* #[serde(rename = $text)] $member,)+
        }

        impl Kind {
            /// Every kind, for metrics that exist from the start.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$member,)+];

            /// Returns the name rules and metrics use.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text,)+ }
            }

            /// Returns where in the course of an answer the fault takes hold.
            pub(crate) const fn stage(self) -> Stage {
                match self { $(Self::$member => Stage::$stage,)+ }
            }
        }
    };
}

/// Where in the course of an answer a fault takes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Another answer comes in place of the file.
    Page,
    /// The file itself is changed.
    Content,
    /// The bytes on the wire are not what HTTP promises.
    Wire,
}

kinds! {
    /// Nothing but the delay.
    Slow => "slow", Content;
    /// 200 with an HTML page: the soft block.
    Html200 => "html_200", Page;
    /// 404 with the host's page.
    NotFound => "not_found", Page;
    /// 403 with the CDN's page and its reference number.
    ForbiddenEdgesuite => "forbidden_edgesuite", Page;
    /// 403 that tells to come back in ten minutes.
    RateBlock403 => "rate_block_403", Page;
    /// 401 with an HTML page; the session is forgotten.
    Unauthorized401 => "unauthorized_401", Page;
    /// 500 with the five bytes `Error`.
    Error500Body => "error_500_body", Page;
    /// 429, with `Retry-After` as `retry_after` says.
    Throttled429 => "throttled_429", Page;
    /// The status of `status`, 503 by default.
    Status5xx => "status_5xx", Page;
    /// 302 to the URL of `to`.
    Redirect => "redirect", Page;
    /// 200 with `{}`.
    EmptyJson => "empty_json", Page;
    /// 200 with nothing.
    EmptyBody => "empty_body", Page;
    /// The connection is reset without an answer.
    Reset => "reset", Wire;
    /// The request is accepted and never answered.
    Stall => "stall", Wire;
    /// The body comes a byte at a time, one in `interval_ms`.
    Drip => "drip", Wire;
    /// Half of the body comes, then the connection ends: `Content-Length` promised more.
    TruncatedBody => "truncated_body", Wire;
    /// Chunked, with a chunk size that is none.
    BadChunk => "bad_chunk", Wire;
    /// Half of the file, with a `Content-Length` that fits: a report read while it is written.
    TruncatedZip => "truncated_zip", Content;
    /// An archive whose checksum does not fit its member.
    BadCrc => "bad_crc", Content;
    /// Bytes that are no archive, under the name of one.
    NotAZip => "not_a_zip", Content;
    /// An archive whose member unpacks to `bytes` zeros, 256 MiB by default.
    ZipBomb => "zip_bomb", Content;
    /// An archive that declares a smaller member than it holds.
    LyingSize => "lying_size", Content;
    /// An archive within the archive.
    NestedZip => "nested_zip", Content;
    /// An archive whose member climbs out of the folder.
    TraversalMember => "traversal_member", Content;
    /// An archive with `rows` more members, 1,000 by default.
    ManyMembers => "many_members", Content;
    /// The file of `date`, or of the session before.
    WrongDay => "wrong_day", Content;
    /// The rows of the session before, under the right date.
    CopiedSession => "copied_session", Content;
    /// The file without `column`, the close by default.
    MissingColumn => "missing_column", Content;
    /// The file with a column nobody knows.
    ExtraColumn => "extra_column", Content;
    /// The file with its columns in reverse order.
    Reordered => "reordered", Content;
    /// The file with CRLF line ends.
    Crlf => "crlf", Content;
    /// The file with a byte-order mark.
    Bom => "bom", Content;
    /// The file with one close 5 paise higher: a correction published later.
    Corrected => "corrected", Content;
    /// The file with `rows` rows whose high is below their low, 1 by default.
    HighBelowLow => "high_below_low", Content;
    /// The file with `rows` rows whose close is no number, 1 by default.
    PoisonedRows => "poisoned_rows", Content;
    /// The file with `rows` rows in a series nobody knows, 1 by default.
    UnknownSeries => "unknown_series", Content;
    /// The file with its first row twice.
    DuplicateRow => "duplicate_row", Content;
}

/// How many answers a rule spoils.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Count {
    /// So many.
    Times(u64),
    /// All of them.
    Always(Forever),
}

/// The word `forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Forever {
    /// Until the rules are cleared.
    #[serde(rename = "forever")]
    Forever,
}

impl Default for Count {
    fn default() -> Self {
        Self::Times(1)
    }
}

/// Value of `Retry-After`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum RetryAfter {
    /// Seconds.
    Seconds(i64),
    /// Verbatim: an HTTP date, or nonsense.
    Text(String),
}

/// One rule: which URLs, how often, what goes wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Part of `host/path?query`, or a pattern of all of it when it holds a `*`.
    pub(crate) path: String,
    /// What goes wrong.
    pub(crate) kind: Kind,
    /// How many answers it spoils: a number, 1 by default, or `"forever"`.
    #[serde(default)]
    pub(crate) count: Count,
    /// How many matching requests pass before.
    #[serde(default)]
    pub(crate) skip: u64,
    /// Wait before the answer, spoilt or not.
    #[serde(default)]
    pub(crate) delay_ms: u64,
    /// For `throttled_429`: seconds or a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<RetryAfter>,
    /// For `status_5xx`: the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// For `redirect`: the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// For `wrong_day`: whose file comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) date: Option<TradeDate>,
    /// For `missing_column`: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<String>,
    /// How many rows, or members, are touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<usize>,
    /// For `zip_bomb`: bytes unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
    /// For `drip`: milliseconds between bytes, 1,000 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) interval_ms: Option<u64>,
}

impl Rule {
    /// Tells whether the rule is about a URL, given as `host/path?query`.
    pub(crate) fn matches(&self, url: &str) -> bool {
        if self.path.contains('*') { glob(&self.path, url) } else { url.contains(&self.path) }
    }
}

/// Matches a pattern whose `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(glob("*/content/cm/*", "h/content/cm/a.zip"));
        assert!(glob("h/*_2025*.zip", "h/x_20250224.csv.zip"));
        assert!(!glob("h/*.csv", "h/x.csv.zip"));
        assert!(!glob("content*", "h/content"));
        assert!(glob("*", ""));
        assert!(!glob("a*a", "a"));
    }

    #[test]
    fn a_rule_needs_path_and_kind_and_knows_no_other_words() {
        let rule: Rule = serde_json::from_str(r#"{"path":"cm","kind":"drip"}"#).expect("a rule");
        assert_eq!((rule.count, rule.skip), (Count::Times(1), 0));
        let rule: Rule = serde_json::from_str(r#"{"path":"cm","kind":"reset","count":"forever"}"#).expect("a rule");
        assert_eq!(rule.count, Count::Always(Forever::Forever));
        assert!(serde_json::from_str::<Rule>(r#"{"path":"cm","kind":"melt"}"#).is_err());
        assert!(serde_json::from_str::<Rule>(r#"{"path":"cm","kind":"drip","hits":1}"#).is_err());
    }
}
