//! PromQL expressions held against what the services expose.
//!
//! [`faults`] walks an expression and names every metric, label and label value that nobody exposes. [`opened`] rewrites an
//! expression so that it is empty only when it can never be anything else: an alert is empty while all is well.

mod labels;
mod open;

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector,
};
use serde_json::Value;

use labels::alternatives;
pub use open::opened;

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
    let mut walk = Walk { inventory, faults: Vec::new(), metrics: BTreeSet::new() };
    match promql_parser::parser::parse(expression) {
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
    let inventory = Inventory::default();
    let mut walk = Walk { inventory: &inventory, faults: Vec::new(), metrics: BTreeSet::new() };
    walk.labels_of(&promql_parser::parser::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}")));
    walk.metrics
}

struct Walk<'a> {
    inventory: &'a Inventory,
    faults: Vec<String>,
    metrics: BTreeSet<String>,
}

impl Walk<'_> {
    /// Walks an expression and returns the labels its result can have.
    fn labels_of(&mut self, expression: &Expr) -> BTreeSet<String> {
        match expression {
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(selector) => self.selector(&selector.vs),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Call(call) => self.call(call),
            Expr::Paren(inner) => self.labels_of(&inner.expr),
            Expr::Unary(inner) => self.labels_of(&inner.expr),
            Expr::Subquery(inner) => self.labels_of(&inner.expr),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => BTreeSet::new(),
        }
    }

    fn selector(&mut self, selector: &VectorSelector) -> BTreeSet<String> {
        let by_label = || selector.matchers.matchers.iter().find(|matcher| matcher.name == "__name__");
        let Some(name) = selector.name.clone().or_else(|| by_label().map(|matcher| matcher.value.clone())) else {
            self.faults.push(format!("{selector} names no metric"));
            return BTreeSet::new();
        };
        self.metrics.insert(name.clone());
        if !self.inventory.series.contains_key(&name) {
            self.faults.push(format!("nobody exposes {name}"));
            return BTreeSet::new();
        }
        let labels = self.inventory.names(&name);
        let matchers = selector.matchers.matchers.iter().chain(selector.matchers.or_matchers.iter().flatten());
        for matcher in matchers.filter(|matcher| matcher.name != "__name__") {
            self.matcher(&name, &labels, matcher);
        }
        labels
    }

    fn matcher(&mut self, metric: &str, labels: &BTreeSet<String>, matcher: &Matcher) {
        let Matcher { op, name, value } = matcher;
        if !labels.contains(name) {
            self.faults.push(format!("{metric} has no label {name}"));
            return;
        }
        let known = self.inventory.values(metric, name);
        let missing: Vec<String> = match op {
            MatchOp::Equal | MatchOp::NotEqual => {
                (!known.contains(value.as_str())).then(|| value.clone()).into_iter().collect()
            }
            MatchOp::Re(regex) | MatchOp::NotRe(regex) => match alternatives(value) {
                Some(plain) => plain.into_iter().filter(|value| !known.contains(value.as_str())).collect(),
                None => (!known.iter().any(|value| regex.is_match(value))).then(|| value.clone()).into_iter().collect(),
            },
        };
        self.faults.extend(missing.iter().map(|value| format!("{metric} has no {name}={value:?}, only {known:?}")));
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) -> BTreeSet<String> {
        if let Some(parameter) = &aggregate.param {
            self.labels_of(parameter);
        }
        let inner = self.labels_of(&aggregate.expr);
        let Some(modifier) = &aggregate.modifier else {
            return if aggregate.op.is_aggregator_with_param() { inner } else { BTreeSet::new() };
        };
        self.known(modifier.labels().labels.iter(), &inner, &aggregate.to_string());
        let named: BTreeSet<String> = modifier.labels().labels.iter().cloned().collect();
        match modifier {
            _ if aggregate.op.is_aggregator_with_param() => inner,
            LabelModifier::Include(_) => named,
            LabelModifier::Exclude(_) => inner.difference(&named).cloned().collect(),
        }
    }

    fn binary(&mut self, binary: &BinaryExpr) -> BTreeSet<String> {
        let (left, right) = (self.labels_of(&binary.lhs), self.labels_of(&binary.rhs));
        let mut kept = left.clone();
        if let Some(modifier) = &binary.modifier {
            if let Some(matching) = &modifier.matching {
                for side in [&left, &right] {
                    self.known(matching.labels().labels.iter(), side, &binary.to_string());
                }
            }
            if let VectorMatchCardinality::ManyToOne(extra) | VectorMatchCardinality::OneToMany(extra) = &modifier.card
            {
                kept.extend(extra.labels.iter().cloned());
            }
        }
        if binary.op.is_set_operator() && binary.op.to_string() == "or" {
            kept.extend(right);
        }
        if matches!(*binary.lhs, Expr::NumberLiteral(_)) { self.labels_of(&binary.rhs) } else { kept }
    }

    fn call(&mut self, call: &Call) -> BTreeSet<String> {
        let mut labels = BTreeSet::new();
        for argument in &call.args.args {
            labels.extend(self.labels_of(argument));
        }
        let text = |position: usize| match call.args.args.get(position).map(AsRef::as_ref) {
            Some(Expr::StringLiteral(text)) => text.val.clone(),
            _ => String::new(),
        };
        match call.func.name {
            "label_replace" => {
                let (made, source) = (text(1), text(3));
                self.known([source].iter().filter(|source| !source.is_empty()), &labels, &call.to_string());
                labels.insert(made);
            }
            "histogram_quantile" => {
                self.known([&"le".to_owned()].into_iter(), &labels, &call.to_string());
                labels.remove("le");
            }
            _ => {}
        }
        labels
    }

    fn known<'b>(&mut self, wanted: impl Iterator<Item = &'b String>, there: &BTreeSet<String>, of: &str) {
        for label in wanted.filter(|label| !there.contains(*label)) {
            self.faults.push(format!("there is no label {label} in {of}"));
        }
    }
}

#[cfg(test)]
mod tests;
