//! A collector in this process and, where one is to be had, a real ClickHouse.
//!
//! The warehouse is `CHAMPION_WAREHOUSE_URL`, or the embedded one, built into the same target folder, as a process. Where
//! there is neither, a test is passed over with a word about it, but fails on CI.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use champion_service::{Shutdown, config};
use champion_telemetry::Registry;
use champion_trace_collector::{Bound, CONFIG, CollectorError, Config, run};
use tokio::task::JoinHandle;

/// The package and binary of the embedded warehouse.
const WAREHOUSE: &str = "champion-embedded-warehouse";

/// Longest wait for anything that is about to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running collector.
pub(crate) struct Collector {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) registry: Registry,
    shutdown: Shutdown,
    running: JoinHandle<Result<(), CollectorError>>,
}

/// Returns the default configuration on free ports, for a warehouse.
pub(crate) fn configured(url: &str, database: &str) -> Config {
    let mut config: Config = config::load_with(&CONFIG, None, std::iter::empty()).expect("the defaults are good");
    config.server.grpc_listen = "127.0.0.1:0".to_owned();
    config.server.http_listen = "127.0.0.1:0".to_owned();
    config.server.admin.listen = "127.0.0.1:0".to_owned();
    config.warehouse.url = url.to_owned();
    config.warehouse.database = database.to_owned();
    config.warehouse.user = std::env::var("CHAMPION_WAREHOUSE_USER").unwrap_or_default();
    // The tests' spans are of a fixed day.
    config.warehouse.retention_days = 0;
    config.batch.interval_milliseconds = 20;
    config
}

impl Collector {
    pub(crate) async fn start(config: Config) -> Self {
        let bound = Bound::bind(&config).await.expect("free ports");
        let (grpc, http) = (bound.grpc_addr(), bound.http_addr());
        let admin = bound.admin_addr().expect("it is switched on");
        let (registry, shutdown) = (Registry::new(), Shutdown::manual());
        let running = tokio::spawn(run(config, bound, registry.clone(), shutdown.clone()));
        let collector = Self { grpc, http, admin, registry, shutdown, running };
        wait_until("the collector runs", || collector.says_yes("livez")).await;
        collector
    }

    /// Returns a counter's value; `label` is empty for one without labels.
    pub(crate) fn counter(&self, name: &str, label: &str) -> u64 {
        let families = self.registry.gather();
        let full = format!("champion_trace_collector_spans_{name}_total");
        let family = families.iter().find(|family| family.name() == full).expect("the family is registered");
        let of_label = |metric: &&prometheus::proto::Metric| {
            label.is_empty() || metric.get_label().iter().any(|pair| pair.value() == label)
        };
        let metric = family.get_metric().iter().find(of_label).expect("every label is there from the start");
        metric.get_counter().get_value() as u64
    }

    /// Tells what `/readyz` says.
    pub(crate) async fn is_ready(&self) -> bool {
        self.says_yes("readyz").await
    }

    async fn says_yes(&self, path: &str) -> bool {
        let answer = reqwest::get(format!("http://{}/{path}", self.admin)).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Stops it; returns how long that took.
    pub(crate) async fn stop(self) -> Duration {
        let begun = Instant::now();
        self.shutdown.trigger();
        self.running.await.expect("no panic").expect("an orderly stop");
        begun.elapsed()
    }
}

/// A real ClickHouse.
pub(crate) struct Warehouse {
    pub(crate) url: String,
    pub(crate) database: String,
    _process: Option<Process>,
    _folder: tempfile::TempDir,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

impl Warehouse {
    /// Starts one, or says why there is none.
    pub(crate) fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = format!("collector_test_{}", std::process::id());
        match std::env::var("CHAMPION_WAREHOUSE_URL") {
            Ok(url) => Some(Self { url, database, _process: None, _folder: folder }),
            Err(_) => Self::embedded(folder, database, free_port()),
        }
    }

    /// Starts an embedded one on a port, or says why there is none.
    pub(crate) fn embedded(folder: tempfile::TempDir, database: String, port: u16) -> Option<Self> {
        match process(folder.path(), port) {
            Ok(process) => {
                let url = format!("http://127.0.0.1:{port}");
                Some(Self { url, database, _process: Some(process), _folder: folder })
            }
            Err(lacks) => {
                assert!(std::env::var_os("CI").is_none(), "no warehouse to test with: {lacks}");
                writeln!(std::io::stderr(), "passed over: {lacks}").expect("standard error");
                None
            }
        }
    }

    /// Returns a client whose queries are in the test's database.
    pub(crate) fn client(&self) -> clickhouse::Client {
        let client = clickhouse::Client::default().with_url(&self.url).with_database(&self.database);
        let user = std::env::var("CHAMPION_WAREHOUSE_USER").unwrap_or_default();
        let client = client.with_compression(clickhouse::Compression::None);
        if user.is_empty() { client } else { client.with_user(user) }
    }

    /// Returns the number of spans kept; none while the table is not there.
    pub(crate) async fn spans(&self) -> u64 {
        self.client().query("SELECT count() FROM otel_traces").fetch_one().await.unwrap_or(0)
    }

    /// Drops the test's database from a warehouse that outlives the test.
    pub(crate) async fn drop_database(&self) {
        let statement = format!("DROP DATABASE IF EXISTS {}", self.database);
        self.client().with_database("default").query(&statement).execute().await.expect("a valid statement");
    }
}

/// Returns a port that is free now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn process(folder: &Path, port: u16) -> Result<Process, String> {
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    let binary = test.ancestors().nth(2).map(|target| target.join(WAREHOUSE)).unwrap_or_default();
    if !binary.is_file() {
        return Err(format!("{} is not built (cargo build -p {WAREHOUSE})", binary.display()));
    }
    let log = std::fs::File::create(folder.join("warehouse.log")).map_err(|error| error.to_string())?;
    let child = Command::new(&binary)
        .env("CHAMPION_EMBEDDED_WAREHOUSE__SERVER__HTTP_LISTEN", format!("127.0.0.1:{port}"))
        .env("CHAMPION_EMBEDDED_WAREHOUSE__SERVER__ADMIN__ENABLED", "false")
        .env("CHAMPION_EMBEDDED_WAREHOUSE__ENGINE__DATA", folder.join("warehouse"))
        .stdout(Stdio::from(log))
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut process = Process(child);
    let until = Instant::now() + PATIENCE;
    while !answers(port) {
        if let Ok(Some(status)) = process.0.try_wait() {
            let said = std::fs::read_to_string(folder.join("warehouse.log")).unwrap_or_default();
            return Err(format!("{WAREHOUSE} ended with {status}: {said}"));
        }
        assert!(Instant::now() < until, "{WAREHOUSE} does not answer within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(process)
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.write_all(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

/// Waits until something is so.
pub(crate) async fn wait_until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let until = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
