//! What a `/metrics` page says about its metrics.

use std::collections::{BTreeMap, BTreeSet};

/// One metric of a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metric {
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// What it says of itself.
    pub help: String,
    /// Names of its labels, without the `le` of buckets.
    pub labels: BTreeSet<String>,
}

/// Reads the metrics of a page in the text format, by name.
#[must_use]
pub fn read(page: &str) -> BTreeMap<String, Metric> {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    for line in page.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            metrics.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            metrics.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if let Some((name, rest)) = line.split_once('{') {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let owner = base.filter(|base| metrics.get(*base).is_some_and(|metric| metric.kind == "histogram"));
            let metric = metrics.entry(owner.unwrap_or(name).to_owned()).or_default();
            let labels = rest.rsplit_once('}').map_or("", |(labels, _)| labels);
            let names = labels.split_terminator("\",").filter_map(|pair| pair.split_once("=\"")).map(|(name, _)| name);
            metric.labels.extend(names.filter(|name| *name != "le").map(str::to_owned));
        }
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_type_help_and_labels_are_read() {
        let page = "# HELP a_seconds Time of a.\n# TYPE a_seconds histogram\na_seconds_bucket{b=\"x, {y}\",le=\"1\"} 0\n\
                    a_seconds_sum{b=\"x\"} 0\n# HELP c_total Things.\n# TYPE c_total counter\nc_total 3\n";
        let found = read(page);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found["a_seconds"].kind, "histogram");
        assert_eq!(found["a_seconds"].labels.iter().collect::<Vec<_>>(), ["b"]);
        assert_eq!((found["c_total"].help.as_str(), found["c_total"].labels.len()), ("Things.", 0));
    }
}
