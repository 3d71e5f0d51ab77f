//! A real warehouse process with a real engine on free ports.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Response, StatusCode};
use tempfile::TempDir;

const PREFIX: &str = "CHAMPION_EMBEDDED_WAREHOUSE__";

/// Finds the engine; without it a test is skipped, except in CI.
pub(crate) fn engine() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("CHAMPION_ENGINE_CACHE").or_else(|| set("HOME").map(|home| home.join(".cache/champion/engine")));
    let library = set(&format!("{PREFIX}ENGINE__LIBRARY"))
        .or_else(|| cache.map(|cache| cache.join("26.7.3-stable.1/libchdb.so")))
        .filter(|library| library.is_file());
    if library.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "the engine is not there: run deploy/setup/fetch-engine.sh first"
        );
        eprintln!("skipped: the engine is not there; deploy/setup/fetch-engine.sh fetches it");
    }
    library
}

/// A running warehouse; killed on drop.
pub(crate) struct Warehouse {
    child: Child,
    pub(crate) url: String,
    pub(crate) admin: String,
    pub(crate) data: PathBuf,
    folder: Option<TempDir>,
    library: PathBuf,
    settings: Vec<(String, String)>,
    pub(crate) client: Client,
}

impl Warehouse {
    /// Starts one on a new folder; `None` when there is no engine.
    pub(crate) async fn start() -> Option<Self> {
        Self::with(&[]).await
    }

    /// Starts one with settings, given as `LIMITS__QUERY_BYTES`.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Option<Self> {
        let library = engine()?;
        let folder = TempDir::new().unwrap();
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Some(Self::boot(folder, library, settings).await)
    }

    async fn boot(folder: TempDir, library: PathBuf, settings: Vec<(String, String)>) -> Self {
        let data = folder.path().join("data");
        let addresses = folder.path().join("addresses.json");
        let log = std::fs::File::create(folder.path().join("log.jsonl")).unwrap();
        let mut child = command(&data, &library, &settings)
            .env(format!("{PREFIX}SERVER__ADDRESS_FILE"), &addresses)
            .stdout(log)
            .spawn()
            .unwrap();
        let text = wait_until("the warehouse answers", || {
            assert!(child.try_wait().unwrap().is_none(), "the warehouse ended at its start");
            std::fs::read_to_string(&addresses).ok()
        })
        .await;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let url = |name: &str| format!("http://{}", json[name].as_str().unwrap());
        let (url, admin) = (url("http"), url("admin"));
        Self { child, url, admin, data, folder: Some(folder), library, settings, client: Client::new() }
    }

    /// Kills it as `kill -9` does and starts it again on the same folder.
    pub(crate) async fn kill_and_restart(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let folder = self.folder.take().unwrap();
        std::fs::remove_file(folder.path().join("addresses.json")).unwrap();
        Self::boot(folder, self.library.clone(), self.settings.clone()).await
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let status = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> std::process::ExitStatus {
        let child = &mut self.child;
        wait_until("the warehouse ends", || child.try_wait().unwrap()).await
    }

    /// Returns the most memory it has held since its start, in mebibytes.
    pub(crate) fn peak_mebibytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    /// Starts a second process on the same folder and returns its exit code and what it wrote.
    pub(crate) fn second(&self) -> (Option<i32>, String) {
        let output = command(&self.data, &self.library, &[]).stdout(Stdio::piped()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Returns what it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.as_ref().unwrap().path().join("log.jsonl")).unwrap()
    }

    /// Posts a statement with URL parameters and any body.
    pub(crate) async fn post(&self, parameters: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Response {
        self.client.post(&self.url).query(parameters).body(body).send().await.unwrap()
    }

    /// Runs a statement that has to work and returns its answer.
    pub(crate) async fn query(&self, sql: &str) -> String {
        let response = self.post(&[], sql.to_owned()).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{sql}: {text}");
        text
    }

    /// Runs a statement that has to fail and returns the status and the error's text.
    pub(crate) async fn error(&self, parameters: &[(&str, &str)], body: impl Into<reqwest::Body>) -> (u16, String) {
        let response = self.post(parameters, body).await;
        let status = response.status().as_u16();
        let code = response.headers().get("x-clickhouse-exception-code").cloned();
        let text = response.text().await.unwrap();
        assert!(status >= 400, "it worked: {text}");
        let code = code.unwrap().to_str().unwrap().to_owned();
        assert!(text.starts_with(&format!("Code: {code}. DB::")), "{text}");
        (status, text)
    }

    /// Reads one value of its metrics.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let text = self.client.get(format!("{}/metrics", self.admin)).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
    }

    /// Waits until a statement gives this answer.
    pub(crate) async fn wait_for(&self, sql: &str, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.query(sql).await;
            if answer == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{sql} gave {answer:?}, not {expected:?}");
            tokio::time::sleep(STEP).await;
        }
    }
}

impl Drop for Warehouse {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(data: &Path, library: &Path, settings: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_champion-embedded-warehouse"));
    command
        .env(format!("{PREFIX}SERVER__HTTP_LISTEN"), "127.0.0.1:0")
        .env(format!("{PREFIX}SERVER__ADMIN__LISTEN"), "127.0.0.1:0")
        .env(format!("{PREFIX}ENGINE__DATA"), data)
        .env(format!("{PREFIX}ENGINE__LIBRARY"), library)
        .env("OTEL_TRACES_EXPORTER", "none")
        .env("RUST_LOG", "info,champion_embedded_warehouse=debug")
        .envs(settings.iter().map(|(name, value)| (format!("{PREFIX}{name}"), value)));
    command
}

/// Starts a process with settings that it has to refuse and returns what it wrote; `None` when there is no engine.
pub(crate) fn refused_start(settings: &[(&str, &str)]) -> Option<String> {
    let (library, folder) = (engine()?, TempDir::new().unwrap());
    let settings: Vec<_> = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let output = command(folder.path(), &library, &settings).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(20);

/// Waits for something with a deadline.
pub(crate) async fn wait_until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(STEP).await;
    }
}
