//! What a fault rule says.

use champion_market_data::TradeDate;
use serde::{Deserialize, Serialize};

use super::kind::Kind;

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
    /// For `status_5xx`: the status, also one below 500.
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
