//! What was asked, so that a test can assert that nothing was.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::metrics::Outcome;
use crate::fault::Kind;

/// Different URLs counted at most; later ones are counted together.
const MOST_URLS: usize = 100_000;
/// Where they are counted.
const OTHERS: &str = "(others)";

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: DateTime<Utc>,
    pub(crate) method: String,
    /// `host/path?query`.
    pub(crate) url: String,
    pub(crate) user_agent: String,
    pub(crate) outcome: Outcome,
    pub(crate) fault: Option<Kind>,
}

/// Counts of all requests and the latest of them.
#[derive(Debug)]
pub(crate) struct Log {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    total: u64,
    counts: BTreeMap<String, u64>,
    latest: VecDeque<Entry>,
}

impl Log {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    /// Counts a request as soon as it has arrived: a client that leaves before the answer has asked all the same.
    pub(crate) fn arrived(&self, url: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.total += 1;
        let is_new = !state.counts.contains_key(url);
        let key = if is_new && state.counts.len() >= MOST_URLS { OTHERS } else { url };
        *state.counts.entry(key.to_owned()).or_default() += 1;
    }

    /// Adds an answered request to the latest ones.
    pub(crate) fn add(&self, entry: Entry) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.latest.len() >= self.capacity {
            state.latest.pop_front();
        }
        if self.capacity > 0 {
            state.latest.push_back(entry);
        }
    }

    /// Forgets all requests.
    pub(crate) fn clear(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// Returns counts and log of the URLs that contain a text.
    pub(crate) fn to_json(&self, part: &str) -> Value {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let counts: BTreeMap<&String, &u64> = state.counts.iter().filter(|(url, _)| url.contains(part)).collect();
        let total: u64 = counts.values().copied().sum();
        let latest: Vec<Value> =
            state.latest.iter().filter(|entry| entry.url.contains(part)).map(Entry::json).collect();
        json!({ "total": total, "counts": counts, "requests": latest })
    }
}

impl Entry {
    fn json(&self) -> Value {
        json!({
            "time": self.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "method": self.method,
            "url": self.url,
            "user_agent": self.user_agent,
            "outcome": self.outcome.as_str(),
            "fault": self.fault.map(Kind::as_str),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_whole_and_the_log_is_bounded() {
        let log = Log::new(2);
        for url in ["h/a", "h/b", "h/a"] {
            log.arrived(url);
            log.add(Entry {
                at: Utc::now(),
                method: "GET".to_owned(),
                url: url.to_owned(),
                user_agent: String::new(),
                outcome: Outcome::Served,
                fault: None,
            });
        }
        let all = log.to_json("");
        assert_eq!((&all["total"], &all["counts"]["h/a"]), (&json!(3), &json!(2)));
        assert_eq!(all["requests"].as_array().map(Vec::len), Some(2));
        assert_eq!(log.to_json("h/b")["total"], json!(1));
        log.clear();
        assert_eq!(log.to_json("")["total"], json!(0));
    }
}
