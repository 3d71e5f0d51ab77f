//! A real Alertmanager with the product's configuration, whose receivers are the test's.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::mailbox::Mailbox;
use crate::programs;
use crate::tap::free_port;
use crate::wait::wait_until;
use crate::webhook::Webhook;

/// A running Alertmanager; dropping it stops it.
#[derive(Debug)]
pub struct Alertmanager {
    child: Child,
    port: u16,
    webhook: Webhook,
    mailbox: Mailbox,
    folder: TempDir,
}

/// One alert in one notification, as Alertmanager's own JSON has it.
#[derive(Debug, Clone)]
pub struct Notified {
    /// The receiver it was sent to.
    pub receiver: String,
    /// `firing` or `resolved`.
    pub status: String,
    /// Labels, `alertname` among them.
    pub labels: Value,
    /// Annotations, `runbook_url` among them.
    pub annotations: Value,
}

impl Alertmanager {
    /// Starts Alertmanager with `monitoring/alertmanager/alertmanager.yml`, changed by `override.py` as
    /// `monitoring/overrides/alertmanager-fast.toml` says.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (webhook, mailbox) = (Webhook::start(), Mailbox::start());
        let monitoring = programs::root().join("monitoring");
        let overridden = Command::new(programs::python())
            .arg(monitoring.join("alertmanager/override.py"))
            .arg(monitoring.join("overrides/alertmanager-fast.toml"))
            .args(["--http", &webhook.url(), "--smtp", &mailbox.address(), "--secrets"])
            .arg(folder.path())
            .output()
            .expect("Python runs");
        assert!(overridden.status.success(), "{}", String::from_utf8_lossy(&overridden.stderr));
        let config = folder.path().join("alertmanager.yml");
        std::fs::write(&config, overridden.stdout).expect("a file of ours");
        let port = free_port();
        let child = Command::new(programs::alertmanager())
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).expect("a file of ours"))
            .spawn()
            .expect("Alertmanager starts");
        let mut alertmanager = Self { child, port, webhook, mailbox, folder };
        wait_until("Alertmanager to be ready", Duration::from_secs(30), || {
            if let Some(status) = alertmanager.child.try_wait().expect("a child can be asked") {
                let log = std::fs::read_to_string(alertmanager.folder.path().join("log")).unwrap_or_default();
                panic!("Alertmanager ended with {status}:\n{log}");
            }
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        alertmanager
    }

    /// Returns host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the receiver of everything that goes over HTTP.
    #[must_use]
    pub fn webhook(&self) -> &Webhook {
        &self.webhook
    }

    /// Returns the receiver of mails.
    #[must_use]
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Hands over alerts as Prometheus does, for tests of what follows from them.
    ///
    /// # Panics
    /// When they are refused.
    pub fn post(&self, alerts: &Value) {
        let url = format!("http://{}/api/v2/alerts", self.address());
        crate::client::http(reqwest::Method::POST, &url, Some(alerts.to_string()));
    }

    /// Returns the alerts it has now, with the state that says what inhibits them.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn alerts(&self) -> Vec<Value> {
        let answer = crate::client::http_get(&format!("http://{}/api/v2/alerts", self.address()));
        serde_json::from_str(&answer).expect("Alertmanager answers in JSON")
    }

    /// Returns every alert of every notification so far, in the order they came.
    #[must_use]
    pub fn notified(&self) -> Vec<Notified> {
        let mut all = Vec::new();
        for posted in self.webhook.received("/copy/") {
            for alert in posted.body["alerts"].as_array().into_iter().flatten() {
                all.push(Notified {
                    receiver: posted.path.trim_start_matches("/copy/").to_owned(),
                    status: alert["status"].as_str().unwrap_or_default().to_owned(),
                    labels: alert["labels"].clone(),
                    annotations: alert["annotations"].clone(),
                });
            }
        }
        all
    }

    /// Returns the first notification of an alert with a status, if it has come.
    #[must_use]
    pub fn find(&self, alertname: &str, status: &str) -> Option<Notified> {
        self.notified().into_iter().find(|alert| alert.labels["alertname"] == alertname && alert.status == status)
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
