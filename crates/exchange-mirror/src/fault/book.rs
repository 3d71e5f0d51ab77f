//! The rules in force.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::rule::{Count, Rule};

/// The rules in force, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: Mutex<Vec<Entry>>,
}

/// A rule with its history.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    #[serde(flatten)]
    rule: Rule,
    /// Matching requests it let pass.
    skipped: u64,
    /// Answers it spoilt.
    hits: u64,
}

impl Entry {
    fn is_spent(&self) -> bool {
        match self.rule.count {
            Count::Times(times) => self.hits >= times,
            Count::Always(_) => false,
        }
    }
}

impl Book {
    /// Adds rules behind those there are.
    pub(crate) fn add(&self, rules: Vec<Rule>) {
        let entries = rules.into_iter().map(|rule| Entry { rule, skipped: 0, hits: 0 });
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).extend(entries);
    }

    /// Returns every rule with its counts, the spent ones too.
    pub(crate) fn list(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets every rule.
    pub(crate) fn clear(&self) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Forgets the rules of a path, given as they give it.
    pub(crate) fn forget(&self, path: &str) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).retain(|entry| entry.rule.path != path);
    }

    /// Returns the first rule that applies to a request for a URL, and counts it.
    pub(crate) fn take(&self, url: &str) -> Option<Rule> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries.iter_mut() {
            if entry.is_spent() || !entry.rule.matches(url) {
                continue;
            }
            if entry.skipped < entry.rule.skip {
                entry.skipped += 1;
                continue;
            }
            entry.hits += 1;
            return Some(entry.rule.clone());
        }
        None
    }
}

/// Reads one rule or a list of rules.
pub(crate) fn parse(json: &[u8]) -> Result<Vec<Rule>, serde_json::Error> {
    // An untagged enum of both would hide what is wrong with a single rule.
    if json.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice(json)
    } else {
        serde_json::from_slice(json).map(|rule| vec![rule])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_applies_after_its_skips_and_as_often_as_its_count() {
        let book = Book::default();
        book.add(parse(br#"{"path":"/cm/","kind":"reset","count":2,"skip":1}"#).expect("a rule"));
        let taken: Vec<bool> = (0..5).map(|_| book.take("h/cm/a").is_some()).collect();
        assert_eq!(taken, [false, true, true, false, false]);
        assert!(book.take("h/fo/a").is_none());
    }

    #[test]
    fn the_rules_of_one_path_are_forgotten_and_the_others_stay() {
        let book = Book::default();
        let rules = br#"[{"path":"a","kind":"reset"},{"path":"ab","kind":"drip"},{"path":"a","kind":"stall"}]"#;
        book.add(parse(rules).expect("rules"));
        book.forget("a");
        let left: Vec<String> = book.list().into_iter().map(|entry| entry.rule.path).collect();
        assert_eq!(left, ["ab"]);
    }

    #[test]
    fn the_next_rule_follows_when_the_first_is_spent() {
        let book = Book::default();
        let rules = br#"[{"path":"a","kind":"status_5xx"},{"path":"a","kind":"not_found","count":"forever"}]"#;
        book.add(parse(rules).expect("rules"));
        let kinds: Vec<_> = (0..3).filter_map(|_| book.take("a")).map(|rule| rule.kind.as_str()).collect();
        assert_eq!(kinds, ["status_5xx", "not_found", "not_found"]);
        book.clear();
        assert!(book.take("a").is_none() && book.list().is_empty());
    }
}
