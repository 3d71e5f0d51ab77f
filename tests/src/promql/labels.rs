//! Label values that a regular expression spells out.

/// Returns the values of a plain alternation such as `a|b` or `(a|b)`; `None` for anything that is a pattern.
pub(super) fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let inner = pattern.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(pattern);
    let plain = |text: &&str| !text.is_empty() && !text.contains(|c: char| "\\^$.*+?()[]{}".contains(c));
    let parts: Vec<&str> = inner.split('|').collect();
    parts.iter().all(plain).then(|| parts.into_iter().map(str::to_owned).collect())
}
