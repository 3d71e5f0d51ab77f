//! The dashboards as Grafana reads them: their expressions with variables and macros filled in.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// What Grafana puts in place of its macros, on a panel that shows the last five minutes of a scrape a second.
const MACROS: [(&str, &str); 6] = [
    ("__rate_interval", "30s"),
    ("__interval", "15s"),
    ("__range", "300s"),
    ("__range_s", "300"),
    ("__interval_ms", "15000"),
    ("__range_ms", "300000"),
];

/// An expression of a dashboard.
#[derive(Debug, Clone)]
pub struct Query {
    /// Dashboard and panel, for people.
    pub place: String,
    /// The expression as Prometheus gets it.
    pub expression: String,
    /// Labels that the legend shows.
    pub legend: Vec<String>,
    /// Whether it marks events on a time line, and has none while nothing happens.
    pub annotation: bool,
}

/// Reads the expressions that a dashboard sends to Prometheus. `ask` answers `label_values(selector, label)` of its variables.
///
/// # Panics
/// When the file is no dashboard, a variable has no value or an expression names an unknown one.
#[must_use]
pub fn queries(file: &Path, ask: &dyn Fn(&str, &str) -> Vec<String>) -> Vec<Query> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let dashboard: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let uid = dashboard["uid"].as_str().expect("a dashboard has a uid");
    let variables = variables(&dashboard, ask);
    let mut found = Vec::new();
    for panel in panels(&dashboard["panels"]) {
        let place = format!("{uid}: {}", panel["title"].as_str().unwrap_or("?"));
        let targets = panel["targets"].as_array().into_iter().flatten();
        for target in targets.filter(|target| of_prometheus(target, panel)) {
            let expression = target["expr"].as_str().unwrap_or_else(|| panic!("{place} has no expression"));
            let legend = legend(target["legendFormat"].as_str().unwrap_or_default());
            let expression = filled(expression, &variables);
            found.push(Query { place: place.clone(), expression, legend, annotation: false });
        }
    }
    let annotations = dashboard["annotations"]["list"].as_array().into_iter().flatten();
    for annotation in annotations.filter(|annotation| annotation["expr"].is_string()) {
        let place = format!("{uid}: annotation {}", annotation["name"].as_str().unwrap_or("?"));
        let expression = filled(annotation["expr"].as_str().unwrap_or_default(), &variables);
        found.push(Query { place, expression, legend: Vec::new(), annotation: true });
    }
    found
}

fn panels(list: &Value) -> Vec<&Value> {
    let own = list.as_array().into_iter().flatten();
    own.flat_map(|panel| std::iter::once(panel).chain(panels(&panel["panels"]))).collect()
}

fn of_prometheus(target: &Value, panel: &Value) -> bool {
    let kind = [target, panel].into_iter().find_map(|from| from["datasource"]["type"].as_str());
    kind == Some("prometheus")
}

/// Labels in `{{…}}`.
fn legend(format: &str) -> Vec<String> {
    format
        .split("{{")
        .skip(1)
        .filter_map(|rest| rest.split_once("}}"))
        .map(|(name, _)| name.trim().to_owned())
        .collect()
}

/// Values of the variables in the order they are declared: a later one may use an earlier one. All values are chosen.
fn variables(dashboard: &Value, ask: &dyn Fn(&str, &str) -> Vec<String>) -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, String> =
        MACROS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for variable in dashboard["templating"]["list"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().expect("a variable has a name");
        if variable["type"] == "datasource" {
            continue;
        }
        assert_eq!(variable["type"], "query", "{name}: this kind of variable is not known here");
        let query = variable["query"]["query"].as_str().or_else(|| variable["query"].as_str()).unwrap_or_default();
        let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let (selector, label) =
            inner.and_then(|inner| inner.rsplit_once(',')).unwrap_or_else(|| panic!("{name}: {query}"));
        let all = ask(&filled(selector.trim(), &values), label.trim());
        assert!(!all.is_empty(), "the variable {name} has no value: {query}");
        let value = match variable["allValue"].as_str() {
            Some(value) => value.to_owned(),
            None => format!("({})", all.join("|")),
        };
        values.insert(name.to_owned(), value);
    }
    values
}

/// Fills in `$name` and `${name}`, longest names first.
fn filled(expression: &str, variables: &BTreeMap<String, String>) -> String {
    let mut text = expression.to_owned();
    let mut names: Vec<&String> = variables.keys().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in names {
        text = text.replace(&format!("${{{name}}}"), &variables[name]).replace(&format!("${name}"), &variables[name]);
    }
    // `$1` is a group of label_replace.
    let unknown = text.split('$').skip(1).any(|rest| !rest.starts_with(|first: char| first.is_ascii_digit()));
    assert!(!unknown, "an unknown variable in {text}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_macros_are_filled_in_as_grafana_does() {
        let dashboard = serde_json::json!({"uid": "u", "templating": {"list": [
            {"name": "datasource", "type": "datasource"},
            {"name": "service", "type": "query", "query": {"query": "label_values(build_info, job)"}},
            {"name": "instance", "type": "query", "allValue": ".*", "query": "label_values(build_info{job=~\"$service\"}, instance)"},
        ]}, "panels": [{"title": "row", "panels": [{"title": "p", "datasource": {"type": "prometheus"}, "targets": [
            {"expr": "rate(x{job=~\"$service\",instance=~\"${instance}\"}[$__rate_interval])", "legendFormat": "{{job}} at {{ instance }}"},
            {"rawSql": "SELECT 1", "datasource": {"type": "other"}},
        ]}]}]});
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("d.json");
        std::fs::write(&file, dashboard.to_string()).expect("written");
        let found = queries(&file, &|selector, label| vec![format!("{label}1"), selector.len().to_string()]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].expression, "rate(x{job=~\"(job1|10)\",instance=~\".*\"}[30s])");
        assert_eq!((found[0].place.as_str(), found[0].legend.len()), ("u: p", 2));
    }

    #[test]
    #[should_panic(expected = "unknown variable")]
    fn a_variable_that_nobody_declares_is_found() {
        let _ = filled("x{a=\"$b\"}", &BTreeMap::new());
    }
}
