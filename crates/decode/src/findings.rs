//! The set of rules a kept row bends.

use std::collections::BTreeMap;

use crate::RuleCode;

/// A set of [`RuleCode`]s in one word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Findings(u32);

const _: () = assert!(RuleCode::ALL.len() <= u32::BITS as usize, "a rule a bit");

impl Findings {
    /// Adds a rule.
    pub(crate) fn insert(&mut self, code: RuleCode) {
        self.0 |= 1 << code as u32;
    }

    /// Tells whether the rule is in the set.
    pub(crate) fn contains(self, code: RuleCode) -> bool {
        self.0 & (1 << code as u32) != 0
    }

    /// Tells whether the row bends no rule.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the codes, sorted by name and separated by commas, as the column `warnings` has them.
    pub(crate) fn to_text(self) -> String {
        let mut codes: Vec<&str> = self.codes().map(RuleCode::as_str).collect();
        codes.sort_unstable();
        codes.join(",")
    }

    /// Counts the codes of many rows.
    pub(crate) fn count<'f>(rows: impl IntoIterator<Item = &'f Self>) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for findings in rows {
            for code in findings.codes() {
                *counts.entry(code.as_str()).or_insert(0) += 1;
            }
        }
        counts
    }

    fn codes(self) -> impl Iterator<Item = RuleCode> {
        let all = if self.is_empty() { &[] } else { RuleCode::ALL };
        all.iter().copied().filter(move |code| self.contains(*code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_lists_its_codes_by_name_and_an_empty_one_nothing() {
        let mut findings = Findings::default();
        assert_eq!(findings.to_text(), "");
        findings.insert(RuleCode::UnknownSeries);
        findings.insert(RuleCode::CloseOutsideRange);
        assert_eq!(findings.to_text(), "close_outside_range,unknown_series");
        let counts = Findings::count(&[findings, Findings::default(), findings]);
        assert_eq!(counts, BTreeMap::from([("close_outside_range", 2), ("unknown_series", 2)]));
    }
}
