//! What a test asks of services that run: commands, queries, metrics, files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::programs;

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Answer {
    /// Exit code; -1 when a signal ended the command.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    /// Reads the output as one JSON document.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON document ({error}):\n{}\n{}", self.stdout, self.stderr))
    }

    /// Reads the output as one JSON document a line.
    ///
    /// # Panics
    /// When a line is none.
    #[must_use]
    pub fn json_lines(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"));
        self.stdout.lines().filter(|line| !line.is_empty()).map(read).collect()
    }

    /// Checks the exit code and returns the answer.
    ///
    /// # Panics
    /// When the command ended otherwise; with all it printed.
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// The person's side of running services: where they listen and where their data lies.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) folder: PathBuf,
    pub(crate) endpoints: BTreeMap<String, Value>,
    pub(crate) variables: Vec<(String, String)>,
}

impl Client {
    /// Runs `champion` with arguments against these services.
    #[must_use]
    pub fn champion(&self, arguments: &[&str]) -> Answer {
        let output = self.command(arguments).output().expect("champion runs");
        Answer {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Returns the command `champion` with arguments against these services, to be started by the caller.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(programs::binary("champion"));
        command
            .args(arguments)
            .env("CHAMPION_DATA", &self.folder)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs a query in the warehouse and returns its rows as JSON objects.
    ///
    /// # Panics
    /// When the query fails.
    #[must_use]
    pub fn query(&self, sql: &str) -> Vec<Value> {
        self.champion(&["query", sql, "--format", "JSONEachRow"]).expect_code(0).json_lines()
    }

    /// Returns the one value of a query as text.
    ///
    /// # Panics
    /// When the query fails.
    #[must_use]
    pub fn value(&self, sql: &str) -> String {
        self.champion(&["query", sql, "--format", "TSVRaw"]).expect_code(0).stdout.trim_end().to_owned()
    }

    /// Returns an address of a service: kind is `grpc`, `http` or `admin`.
    ///
    /// # Panics
    /// When there is none such.
    #[must_use]
    pub fn address(&self, service: &str, kind: &str) -> String {
        let address = self.endpoints.get(service).and_then(|entry| entry.get(kind)).and_then(Value::as_str);
        address.unwrap_or_else(|| panic!("no {kind} address of {service} in {:?}", self.endpoints)).to_owned()
    }

    /// Returns the services that have an admin endpoint.
    #[must_use]
    pub fn services(&self) -> Vec<String> {
        let with_admin = |entry: &Value| entry.get("admin").and_then(Value::as_str).is_some();
        self.endpoints.iter().filter(|(_, entry)| with_admin(entry)).map(|(name, _)| name.clone()).collect()
    }

    /// Returns the process id of a service.
    ///
    /// # Panics
    /// When there is no such service.
    #[must_use]
    pub fn pid(&self, service: &str) -> u32 {
        let pid = self.endpoints.get(service).and_then(|entry| entry.get("pid")).and_then(Value::as_u64);
        u32::try_from(pid.unwrap_or_else(|| panic!("no pid of {service} in {:?}", self.endpoints))).expect("a pid")
    }

    /// Returns what a service's `/metrics` says now.
    ///
    /// # Panics
    /// When the endpoint does not answer.
    #[must_use]
    pub fn metrics(&self, service: &str) -> String {
        let url = format!("http://{}/metrics", self.address(service, "admin"));
        http_get(&url)
    }

    /// Returns the value of one sample of a service, such as `name{label="x"}`; labels in the exposition's order.
    ///
    /// # Panics
    /// When there is no such sample.
    #[must_use]
    pub fn metric(&self, service: &str, sample: &str) -> f64 {
        let text = self.metrics(service);
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        let value = line.unwrap_or_else(|| panic!("{service} exposes no {sample}:\n{text}"));
        value.parse().unwrap_or_else(|error| panic!("{sample} {value}: {error}"))
    }

    /// Returns the data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns what a service has logged so far.
    #[must_use]
    pub fn log(&self, service: &str) -> String {
        std::fs::read_to_string(self.folder.join("logs").join(format!("{service}.log"))).unwrap_or_default()
    }

    /// Posts JSON to the exchange mirror, for fault rules.
    ///
    /// # Panics
    /// When the mirror refuses.
    pub fn post_to_mirror(&self, path: &str, body: &Value) {
        let url = format!("http://{}{path}", self.address("exchange-mirror", "http"));
        http(reqwest::Method::POST, &url, Some(body.to_string()));
    }

    /// Asks the exchange mirror.
    ///
    /// # Panics
    /// When the mirror refuses.
    #[must_use]
    pub fn get_from_mirror(&self, path: &str) -> Value {
        let url = format!("http://{}{path}", self.address("exchange-mirror", "http"));
        serde_json::from_str(&http_get(&url)).expect("the mirror answers in JSON")
    }

    /// Sends a statement to the warehouse's HTTP port and returns the answer's text.
    ///
    /// # Panics
    /// When the warehouse refuses it.
    #[must_use]
    pub fn ask_warehouse(&self, sql: &str) -> String {
        let url = format!("http://{}/", self.address("embedded-warehouse", "http"));
        let key: Vec<_> =
            self.warehouse_password().map(|password| ("x-clickhouse-key", password)).into_iter().collect();
        http_with(reqwest::Method::POST, &url, Some(sql.to_owned()), &key)
    }

    /// Returns the password of the stack's warehouse, where `champion up` has made one.
    #[must_use]
    pub fn warehouse_password(&self) -> Option<String> {
        let file = self.folder.join("warehouse.password");
        std::fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
    }

    /// Lifts every fault of the exchange mirror.
    ///
    /// # Panics
    /// When the mirror refuses.
    pub fn clear_faults(&self) {
        let url = format!("http://{}/__fault", self.address("exchange-mirror", "http"));
        http(reqwest::Method::DELETE, &url, None);
    }
}

pub(crate) fn http_get(url: &str) -> String {
    http(reqwest::Method::GET, url, None)
}

pub(crate) fn http(method: reqwest::Method, url: &str, body: Option<String>) -> String {
    http_with(method, url, body, &[])
}

/// Asks over HTTP on a thread of its own, so that it works inside and outside of a runtime.
fn http_with(method: reqwest::Method, url: &str, body: Option<String>, headers: &[(&'static str, String)]) -> String {
    let (url, headers) = (url.to_owned(), headers.to_vec());
    let ask = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().expect("a client");
            let mut request = client.request(method, &url).header("user-agent", "champion-tests");
            for (name, value) in &headers {
                request = request.header(*name, value);
            }
            if let Some(body) = body {
                request = request.header("content-type", "application/json").body(body);
            }
            let answer = request.send().await.unwrap_or_else(|error| panic!("{url} does not answer: {error}"));
            let status = answer.status();
            let text = answer.text().await.unwrap_or_else(|error| panic!("{url} broke off: {error}"));
            assert!(status.is_success(), "{url} answers {status}: {text}");
            text
        })
    };
    std::thread::spawn(ask).join().expect("the request ends")
}
