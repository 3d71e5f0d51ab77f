//! A real Prometheus that scrapes the stack.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::tap::free_port;
use crate::wait::wait_until;
use crate::{Stack, programs};

/// A running Prometheus; dropping it stops it.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts Prometheus with one job a service of the stack.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn scraping(stack: &Stack) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = String::from("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n");
        for service in stack.services() {
            let target = stack.address(&service, "admin");
            writeln!(config, "  - job_name: {service}\n    static_configs: [{{targets: ['{target}']}}]")
                .expect("a string takes every text");
        }
        std::fs::write(folder.path().join("prometheus.yml"), config).expect("a file of ours");
        let port = free_port();
        let child = Command::new(programs::prometheus())
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Prometheus starts");
        let prometheus = Self { child, port, _folder: folder };
        wait_until("Prometheus to be ready", Duration::from_secs(30), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        prometheus
    }

    /// Evaluates an expression and returns the samples: labels and value.
    ///
    /// # Panics
    /// When Prometheus refuses the expression.
    #[must_use]
    pub fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let output = Command::new("curl")
            .args(["--silent", "--get", "--max-time", "10", "--data-urlencode"])
            .arg(format!("query={expression}"))
            .arg(format!("http://127.0.0.1:{}/api/v1/query", self.port))
            .output()
            .expect("curl runs");
        let Ok(answer) = serde_json::from_slice::<Value>(&output.stdout) else { return Vec::new() };
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let samples = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let value = |sample: &Value| sample["value"][1].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
        samples.iter().map(|sample| (sample["metric"].clone(), value(sample))).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
