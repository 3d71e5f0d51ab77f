//! PromQL expressions held against what the services expose.
//!
//! [`faults`] walks an expression and names every metric, label and label value that nobody exposes. [`opened`] rewrites an
//! expression so that it is empty only when it can never be anything else: an alert is empty while all is well.

mod labels;
mod open;
mod parse;
mod token;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use labels::alternatives;
pub use open::opened;
use parse::{AGGREGATIONS, Binary, Expr, Labels, Matcher, parse};

/// Labels that tell where a series comes from: not every metric comes from every job.
const TARGET: [&str; 2] = ["job", "instance"];

/// The series that exist: labels by metric name.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    series: BTreeMap<String, Vec<BTreeMap<String, String>>>,
}

impl Inventory {
    /// Takes the labels of samples, the name among them.
    ///
    /// # Panics
    /// When a sample has no name.
    #[must_use]
    pub fn of(samples: &[(Value, f64)]) -> Self {
        let mut series: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
        for (labels, _) in samples {
            let labels = labels.as_object().expect("labels are an object");
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let mut labels: BTreeMap<String, String> = labels.iter().map(|(k, v)| (k.clone(), text(v))).collect();
            let name = labels.remove("__name__").expect("a series has a name");
            series.entry(name).or_default().push(labels);
        }
        Self { series }
    }

    /// Adds a metric that exists for a moment only, such as `ALERTS`.
    pub fn add(&mut self, name: &str, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.series.entry(name.to_owned()).or_default().push(labels);
    }

    fn names(&self, metric: &str) -> BTreeSet<String> {
        self.series.get(metric).into_iter().flatten().flat_map(|labels| labels.keys().cloned()).collect()
    }

    /// Values of a label of a metric; of labels that name the target, of every metric.
    fn values(&self, metric: &str, label: &str) -> BTreeSet<&str> {
        let all = TARGET.contains(&label);
        let series = self.series.iter().filter(|(name, _)| all || name.as_str() == metric).flat_map(|(_, of)| of);
        series.filter_map(|labels| labels.get(label).map(String::as_str)).collect()
    }
}

/// Names what an expression asks for and nobody exposes, one sentence each; empty when all of it exists.
#[must_use]
pub fn faults(expression: &str, inventory: &Inventory) -> Vec<String> {
    let mut walk = Walk::new(inventory);
    match parse(expression) {
        Ok(tree) => {
            walk.labels_of(&tree);
        }
        Err(error) => walk.faults.push(format!("no expression: {error}")),
    }
    walk.faults
}

/// Returns the names of the metrics an expression asks for.
///
/// # Panics
/// When it is no expression.
#[must_use]
pub fn metrics(expression: &str) -> BTreeSet<String> {
    walked(expression).metrics
}

/// Returns the selectors of an expression without their ranges: each has to find something.
///
/// # Panics
/// When it is no expression.
#[must_use]
pub fn selectors(expression: &str) -> BTreeSet<String> {
    walked(expression).selectors
}

fn walked(expression: &str) -> Walk<'static> {
    static NOTHING: Inventory = Inventory { series: BTreeMap::new() };
    let mut walk = Walk::new(&NOTHING);
    walk.labels_of(&parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}")));
    walk
}

struct Walk<'a> {
    inventory: &'a Inventory,
    faults: Vec<String>,
    metrics: BTreeSet<String>,
    selectors: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    const fn new(inventory: &'a Inventory) -> Self {
        Self { inventory, faults: Vec::new(), metrics: BTreeSet::new(), selectors: BTreeSet::new() }
    }

    /// Walks an expression and returns the labels its result can have.
    fn labels_of(&mut self, expression: &Expr) -> BTreeSet<String> {
        match expression {
            Expr::Selector { metric, matchers, .. } => self.selector(metric, matchers),
            Expr::Call { name, grouping, arguments } => self.call(expression, name, grouping.as_ref(), arguments),
            Expr::Binary(binary) => self.binary(binary, expression),
            Expr::Paren(inner, _) | Expr::Negative(inner) => self.labels_of(inner),
            Expr::Number(_) | Expr::Text(_) => BTreeSet::new(),
        }
    }

    fn selector(&mut self, metric: &str, matchers: &[Matcher]) -> BTreeSet<String> {
        let bare = Expr::Selector { metric: metric.to_owned(), matchers: matchers.to_vec(), tail: String::new() };
        self.selectors.insert(bare.to_string());
        self.metrics.insert(metric.to_owned());
        if !self.inventory.series.contains_key(metric) {
            self.faults.push(format!("nobody exposes {metric}"));
            return BTreeSet::new();
        }
        let labels = self.inventory.names(metric);
        for matcher in matchers {
            self.matcher(metric, &labels, matcher);
        }
        labels
    }

    /// A pattern that is no plain alternation is left to Prometheus: its selector has to find something.
    fn matcher(&mut self, metric: &str, labels: &BTreeSet<String>, matcher: &Matcher) {
        let Matcher { label, operator, value } = matcher;
        if !labels.contains(label) {
            self.faults.push(format!("{metric} has no label {label}"));
            return;
        }
        let known = self.inventory.values(metric, label);
        let named = if operator.ends_with('~') { alternatives(value) } else { Some(vec![value.clone()]) };
        for value in named.into_iter().flatten().filter(|value| !known.contains(value.as_str())) {
            self.faults.push(format!("{metric} has no {label}={value:?}, only {known:?}"));
        }
    }

    fn binary(&mut self, binary: &Binary, whole: &Expr) -> BTreeSet<String> {
        let (left, right) = (self.labels_of(&binary.left), self.labels_of(&binary.right));
        if let Some(Labels { word, labels }) = &binary.matching {
            // One side alone may have what is ignored; both have to have what they are matched on.
            let both: BTreeSet<String> = left.union(&right).cloned().collect();
            let sides = if word == "on" { vec![&left, &right] } else { vec![&both] };
            for side in sides {
                self.known(labels.iter(), side, whole);
            }
        }
        let constant = matches!(*binary.left, Expr::Number(_));
        let mut kept = if constant { right.clone() } else { left };
        kept.extend(binary.group.iter().flat_map(|group| group.labels.iter().cloned()));
        if binary.operator == "or" {
            kept.extend(right);
        }
        kept
    }

    fn call(&mut self, whole: &Expr, name: &str, grouping: Option<&Labels>, arguments: &[Expr]) -> BTreeSet<String> {
        let mut labels = BTreeSet::new();
        for argument in arguments {
            labels.extend(self.labels_of(argument));
        }
        let text = |position: usize| match arguments.get(position) {
            Some(Expr::Text(text)) => text.clone(),
            _ => String::new(),
        };
        if let Some(Labels { word, labels: named }) = grouping {
            self.known(named.iter(), &labels, whole);
            let named: BTreeSet<String> = named.iter().cloned().collect();
            return match word.as_str() {
                _ if matches!(name, "topk" | "bottomk") => labels,
                "by" => named,
                _ => labels.difference(&named).cloned().collect(),
            };
        }
        match name {
            "topk" | "bottomk" => {}
            "label_replace" => {
                self.known([text(3)].iter().filter(|source| !source.is_empty()), &labels, whole);
                labels.insert(text(1));
            }
            "histogram_quantile" => {
                self.known([&"le".to_owned()].into_iter(), &labels, whole);
                labels.remove("le");
            }
            _ if AGGREGATIONS.contains(&name) => labels.clear(),
            _ => {}
        }
        labels
    }

    fn known<'b>(&mut self, wanted: impl Iterator<Item = &'b String>, there: &BTreeSet<String>, whole: &Expr) {
        for label in wanted.filter(|label| !there.contains(*label)) {
            self.faults.push(format!("there is no label {label} in {whole}"));
        }
    }
}

#[cfg(test)]
mod tests;
