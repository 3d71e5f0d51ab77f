//! A real Prometheus that scrapes the stack.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::client::http_get;
use crate::tap::free_port;
use crate::wait::wait_until;
use crate::{Alertmanager, Client, programs};

/// A running Prometheus; dropping it stops it.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Prometheus {
    /// Starts Prometheus with one job a service.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn scraping(services: &Client) -> Self {
        Self::run(services, "", tempfile::tempdir().expect("a temporary folder"))
    }

    /// Starts Prometheus with one job a service and with the product's rules, shortened as
    /// `monitoring/overrides/fast.toml` says, lets it tell an Alertmanager, and waits until it has seen every service.
    ///
    /// # Panics
    /// When it does not start or the rules cannot be rendered.
    #[must_use]
    pub fn alerting(services: &Client, alertmanager: &Alertmanager) -> Self {
        let (folder, rules) = rendered_rules();
        let alertmanagers = format!("[{{static_configs: [{{targets: ['{}']}}]}}]", alertmanager.address());
        let prometheus = Self::run(services, &format!("{rules}alerting:\n  alertmanagers: {alertmanagers}\n"), folder);
        prometheus.watches(services)
    }

    /// Starts Prometheus with one job a service and with the product's rules, shortened as
    /// `monitoring/overrides/fast.toml` says, and waits until it has seen every service.
    ///
    /// # Panics
    /// When it does not start or the rules cannot be rendered.
    #[must_use]
    pub fn ruling(services: &Client) -> Self {
        let (folder, rules) = rendered_rules();
        Self::run(services, &rules, folder).watches(services)
    }

    /// Waits for two samples of every service: a counter rises from a sample, and what happens before is not seen.
    fn watches(self, services: &Client) -> Self {
        let all = services.services().len();
        wait_until("two samples of every service", Duration::from_secs(60), || {
            (self.query("count_over_time(up[1m]) >= 2 and up == 1").len() == all).then_some(())
        });
        self
    }

    /// Returns the rules that Prometheus has loaded: kind (`alerting` or `recording`), name and expression.
    ///
    /// # Panics
    /// When Prometheus does not answer.
    #[must_use]
    pub fn rules(&self) -> Vec<(String, String, String)> {
        let answer = http_get(&format!("http://127.0.0.1:{}/api/v1/rules", self.port));
        let answer: Value = serde_json::from_str(&answer).expect("Prometheus answers in JSON");
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default());
        let text = |rule: &Value, field: &str| rule[field].as_str().unwrap_or_default().to_owned();
        rules.map(|rule| (text(&rule, "type"), text(&rule, "name"), text(&rule, "query"))).collect()
    }

    /// Evaluates an expression and returns the samples, none when no answer comes, or what Prometheus has against it.
    ///
    /// # Errors
    /// With the words of Prometheus.
    ///
    /// # Panics
    /// When curl does not run.
    pub fn evaluate(&self, expression: &str) -> Result<Vec<(Value, f64)>, String> {
        let output = Command::new("curl")
            .args(["--silent", "--get", "--max-time", "10", "--data-urlencode"])
            .arg(format!("query={expression}"))
            .arg(format!("http://127.0.0.1:{}/api/v1/query", self.port))
            .output()
            .expect("curl runs");
        let Ok(answer) = serde_json::from_slice::<Value>(&output.stdout) else { return Ok(Vec::new()) };
        if answer["status"] != "success" {
            return Err(answer["error"].to_string());
        }
        let number = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
        if answer["data"]["resultType"] == "scalar" {
            return Ok(vec![(Value::Object(serde_json::Map::new()), number(&answer["data"]["result"][1]))]);
        }
        let samples = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        Ok(samples.iter().map(|sample| (sample["metric"].clone(), number(&sample["value"][1]))).collect())
    }

    fn run(services: &Client, rules: &str, folder: TempDir) -> Self {
        let global = "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}";
        let mut config = format!("{global}\n{rules}scrape_configs:\n");
        for service in services.services() {
            let target = services.address(&service, "admin");
            writeln!(config, "  - job_name: {service}\n    static_configs: [{{targets: ['{target}']}}]")
                .expect("a string takes every text");
        }
        std::fs::write(folder.path().join("prometheus.yml"), config).expect("a file of ours");
        let port = free_port();
        let child = Command::new(programs::prometheus())
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            // What fires before Alertmanager is found is told again; a minute, the default, is long here.
            .arg("--rules.alert.resend-delay=5s")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).expect("a file of ours"))
            .spawn()
            .expect("Prometheus starts");
        let mut prometheus = Self { child, port, folder };
        wait_until("Prometheus to be ready", Duration::from_secs(30), || {
            if let Some(status) = prometheus.child.try_wait().expect("a child can be asked") {
                let log = std::fs::read_to_string(prometheus.folder.path().join("log")).unwrap_or_default();
                panic!("Prometheus ended with {status}:\n{log}");
            }
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        prometheus
    }

    /// Returns the names of the alerts that fire now.
    ///
    /// # Panics
    /// When Prometheus does not answer.
    #[must_use]
    pub fn firing(&self) -> BTreeSet<String> {
        let name = |(labels, _): &(Value, f64)| labels["alertname"].as_str().unwrap_or_default().to_owned();
        self.query("ALERTS{alertstate=\"firing\"}").iter().map(name).collect()
    }

    /// Evaluates an expression and returns the samples: labels and value.
    ///
    /// # Panics
    /// When Prometheus refuses the expression.
    #[must_use]
    pub fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        self.evaluate(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }
}

/// Renders the product's rules, shortened for tests, into a folder, and says in Prometheus' words where they are.
fn rendered_rules() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let monitoring = programs::root().join("monitoring");
    let rendered = Command::new(programs::python())
        .arg(monitoring.join("generate.py"))
        .arg("--overrides")
        .arg(monitoring.join("overrides/fast.toml"))
        .arg("--out")
        .arg(folder.path())
        .output()
        .expect("Python runs");
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    let rules = format!("rule_files: [{}/prometheus/rules/*.yml]\n", folder.path().display());
    (folder, rules)
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
