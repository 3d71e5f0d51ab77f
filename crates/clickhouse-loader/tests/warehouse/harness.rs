//! A lake in a temporary folder and a database of its own in a real ClickHouse.
//!
//! The warehouse is `CHAMPION_WAREHOUSE_URL`, or the embedded one, built into the same target folder, as a process. Where
//! there is neither, a test is passed over with a word about it, but fails on CI.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use champion_clickhouse_loader::{
    BodyCompression, Bounds, LoadError, Loader, Metrics, Migrator, Receipt, Run, Topology, Warehouse, WarehouseConfig,
};
use champion_lake::Lake;
use champion_market_data::artifact::{RawSource, keys, observed_then};
use champion_market_data::columnar::ColumnKind;
use champion_market_data::{ArtifactRef, CuratedArtifact, Exchange, Sha256, Table, TradeDate, ist_instant};
use champion_retry::Deadline;
use champion_service::config::Secret;
use chrono::{DateTime, Utc};
use clickhouse::{Client, RowOwned, RowRead};
use parquet::arrow::ArrowWriter;
use prometheus::Registry;
use serde_json::Value;

/// The package and binary of the embedded warehouse.
const WAREHOUSE: &str = "champion-embedded-warehouse";

/// Longest wait for the embedded warehouse to answer.
const START: Duration = Duration::from_secs(60);

pub(crate) struct World {
    folder: tempfile::TempDir,
    process: Option<Child>,
    pub(crate) url: String,
    pub(crate) database: String,
    pub(crate) lake: Lake,
    pub(crate) registry: Registry,
    pub(crate) migrator: Migrator,
    pub(crate) loader: Loader,
    client: Client,
}

impl World {
    /// Starts a world, or says why there is none.
    pub(crate) async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (url, process) = match std::env::var("CHAMPION_WAREHOUSE_URL") {
            Ok(url) => (url, None),
            Err(_) => match embedded(folder.path()) {
                Ok((url, child)) => (url, Some(child)),
                Err(lacks) => {
                    assert!(std::env::var_os("CI").is_none(), "no warehouse to test with: {lacks}");
                    writeln!(std::io::stderr(), "passed over: {lacks}").expect("standard error");
                    return None;
                }
            },
        };
        let lake = Lake::open_folder(&folder.path().join("lake")).expect("a lake");
        let database = format!("loader_test_{:016x}", rand::random::<u64>());
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("free names");
        let topology = Topology { database: database.parse().expect("a name"), cluster: None };
        let warehouse = Warehouse::new(&config(&url), topology).expect("a URL");
        let migrator = Migrator::new(warehouse.clone(), Utc::now);
        let bounds = Bounds { months: 2, reads: 2 };
        let loader = Loader::new(lake.clone(), warehouse, migrator.clone(), metrics, bounds, Utc::now);
        let client = Client::default().with_url(&url).with_compression(clickhouse::Compression::None);
        Some(Self { folder, process, url, database, lake, registry, migrator, loader, client })
    }

    /// Makes another loader of the same lake and database, which reaches the warehouse by another URL.
    pub(crate) fn loader_at(&self, url: &str, months: usize) -> Loader {
        let topology = Topology { database: self.database.parse().expect("a name"), cluster: None };
        let warehouse = Warehouse::new(&config(url), topology).expect("a URL");
        let metrics = Metrics::register(&Registry::new()).expect("free names");
        let migrator = Migrator::new(warehouse.clone(), Utc::now);
        Loader::new(self.lake.clone(), warehouse, migrator, metrics, Bounds { months, reads: 2 }, Utc::now)
    }

    pub(crate) async fn load(&self, artifacts: &[CuratedArtifact]) -> Result<Vec<Receipt>, LoadError> {
        let run = Run {
            run_id: "r1".to_owned(),
            trace_id: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
            ..Run::default()
        };
        self.loader.load(artifacts, &[], &run, deadline(60)).await
    }

    /// Runs SQL in the test's database; `{db}` is its name.
    pub(crate) async fn execute(&self, sql: &str) {
        self.client.query_raw(&sql.replace("{db}", &self.database)).execute().await.expect("a valid statement");
    }

    pub(crate) async fn rows<T: RowOwned + RowRead>(&self, sql: &str) -> Vec<T> {
        self.client.query_raw(&sql.replace("{db}", &self.database)).fetch_all().await.expect("a valid query")
    }

    pub(crate) async fn one<T: RowOwned + RowRead>(&self, sql: &str) -> T {
        self.rows(sql).await.pop().expect("a row")
    }

    /// Publishes a version of a session as the writer does: the file before it goes to the history, the manifest is last.
    /// A version that is not newer than the published one comes from another lake.
    pub(crate) async fn curate(
        &self,
        table: Table,
        day: TradeDate,
        version: u32,
        rows: &RecordBatch,
    ) -> CuratedArtifact {
        let bytes = parquet(rows);
        let sha256 = Sha256::of(&bytes);
        let manifest_key = keys::manifest(table, Exchange::Nse, day);
        let mut key = keys::curated(table, Exchange::Nse, day);
        let published = self.lake.get(&manifest_key).await.expect("the lake answers");
        let published: Option<Value> = published.map(|json| serde_json::from_slice(&json).expect("our manifest"));
        if let Some(before) = &published {
            let earlier = before["version"].as_u64().expect("a number") as u32;
            let hash: Sha256 = before["sha256"].as_str().expect("a text").parse().expect("a hash");
            if earlier < version {
                let file = self.lake.get(&key).await.expect("the lake answers").expect("published before");
                let history = keys::history(table, Exchange::Nse, day, earlier, &hash);
                self.lake.publish(&history, file).await.expect("kept");
                let manifest = keys::history_manifest(table, Exchange::Nse, day, earlier, &hash);
                self.lake.publish(&manifest, Bytes::from(before.to_string())).await.expect("kept");
            } else {
                key = format!("elsewhere/{sha256}.parquet");
            }
        }
        let artifact = ArtifactRef { key, sha256, bytes: bytes.len() as u64, rows: rows.num_rows() as u64 };
        self.lake.publish(&artifact.key, bytes).await.expect("published");
        let curated = CuratedArtifact {
            artifact,
            table,
            exchange: Exchange::Nse,
            trade_date: day,
            source_sha256: Sha256::of(b"source"),
            version,
            observed_at: observed_of(day, version),
        };
        if !curated.artifact.key.starts_with("elsewhere/") {
            let manifest = serde_json::to_vec(&manifest(&curated)).expect("plain data");
            self.lake.publish(&manifest_key, Bytes::from(manifest)).await.expect("published");
        }
        curated
    }

    /// Puts the facts of raw bytes into the lake, as the scraper does.
    pub(crate) async fn observe(&self, source: RawSource) {
        let RawSource { exchange, dataset, trade_date, sha256 } = source;
        let facts = serde_json::json!({
            "dataset": dataset.as_str(), "exchange": exchange.as_str(), "trade_date": trade_date.to_string(),
            "artifact": {
                "key": keys::raw(exchange, dataset, trade_date, &sha256, "csv"),
                "sha256": sha256.to_string(), "bytes": 1, "rows": 0,
            },
            "observed_at": noon(),
        });
        let key = keys::raw_facts(exchange, dataset, trade_date, &sha256);
        self.lake.publish(&key, Bytes::from(facts.to_string())).await.expect("kept");
    }

    pub(crate) fn lake_folder(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    /// A counter or the count of a histogram, of a table.
    pub(crate) fn metric(&self, name: &str, table: Table) -> u64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name).expect("the family exists");
        let of_table = |metric: &&prometheus::proto::Metric| {
            metric.get_label().iter().any(|label| label.name() == "table" && label.value() == table.as_str())
        };
        let metric = family.get_metric().iter().find(of_table).expect("every table is there");
        match family.get_field_type() {
            prometheus::proto::MetricType::HISTOGRAM => metric.get_histogram().get_sample_count(),
            _ => metric.get_counter().get_value() as u64,
        }
    }

    /// Stops the warehouse at once; only a warehouse of our own can be.
    pub(crate) fn kill_warehouse(&mut self) -> bool {
        match &mut self.process {
            Some(child) => {
                child.kill().and_then(|()| child.wait()).expect("our own process");
                true
            }
            None => false,
        }
    }

    /// Drops the test's database from a warehouse that outlives the test.
    pub(crate) async fn stop(mut self) {
        if !self.kill_warehouse() {
            self.execute("DROP DATABASE {db}").await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(child) = &mut self.process {
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

pub(crate) fn config(url: &str) -> WarehouseConfig {
    WarehouseConfig {
        url: url.to_owned(),
        database: String::new(),
        user: std::env::var("CHAMPION_WAREHOUSE_USER").unwrap_or_default(),
        password: Secret::default(),
        compression: BodyCompression::None,
        query_timeout_seconds: 30,
        insert_timeout_seconds: 30,
        max_attempts: 3,
        retry_base_milliseconds: 20,
        retry_cap_milliseconds: 100,
        probe_seconds: 30,
    }
}

pub(crate) fn deadline(seconds: u64) -> Deadline {
    Deadline::after(Instant::now(), Duration::from_secs(seconds))
}

pub(crate) fn date(text: &str) -> TradeDate {
    text.parse().expect("a date")
}

/// When the bytes of a version became known: `version` hours after noon.
pub(crate) fn observed(version: u32) -> DateTime<Utc> {
    noon() + chrono::Duration::hours(version.into())
}

/// The same hour for all sessions, unless it is before the session.
pub(crate) fn observed_of(day: TradeDate, version: u32) -> DateTime<Utc> {
    let is_before = observed_then(observed(version), day, Utc::now()).is_err();
    if is_before { ist_instant(day, 18, version) } else { observed(version) }
}

/// The writer's manifest, as it stands in the lake.
fn manifest(curated: &CuratedArtifact) -> Value {
    let CuratedArtifact { artifact, table, exchange, trade_date, source_sha256, version, observed_at } = curated;
    serde_json::json!({
        "table": table.as_str(), "exchange": exchange.as_str(), "trade_date": trade_date.to_string(),
        "version": version, "key": artifact.key, "sha256": artifact.sha256, "bytes": artifact.bytes,
        "rows": artifact.rows, "source_sha256": source_sha256, "staged_sha256": source_sha256,
        "counts": {"rows_in": artifact.rows, "published": artifact.rows, "quarantined": 0, "filtered": 0},
        "schema_version": 1, "writer_version": 1, "run_id": "r1", "trace_id": null,
        "observed_at": observed_at, "published_at": observed_at,
    })
}

pub(crate) fn noon() -> DateTime<Utc> {
    "2025-02-24T12:00:00Z".parse().expect("an instant")
}

fn embedded(folder: &Path) -> Result<(String, Child), String> {
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    let binary = test.ancestors().nth(2).map(|target| target.join(WAREHOUSE)).unwrap_or_default();
    if !binary.is_file() {
        return Err(format!("{} is not built (cargo build -p {WAREHOUSE})", binary.display()));
    }
    let addresses = folder.join("warehouse.json");
    let log = std::fs::File::create(folder.join("warehouse.log")).map_err(|error| error.to_string())?;
    let mut child = Command::new(&binary)
        .env("CHAMPION_EMBEDDED_WAREHOUSE__SERVER__HTTP_LISTEN", "127.0.0.1:0")
        .env("CHAMPION_EMBEDDED_WAREHOUSE__SERVER__ADMIN__ENABLED", "false")
        .env("CHAMPION_EMBEDDED_WAREHOUSE__SERVER__ADDRESS_FILE", &addresses)
        .env("CHAMPION_EMBEDDED_WAREHOUSE__ENGINE__DATA", folder.join("warehouse"))
        .stdout(Stdio::from(log))
        .spawn()
        .map_err(|error| error.to_string())?;
    let until = Instant::now() + START;
    loop {
        if let Some(address) = bound(&addresses, "http").filter(|address| answers(address)) {
            return Ok((format!("http://{address}"), child));
        }
        if let Ok(Some(status)) = child.try_wait() {
            let said = std::fs::read_to_string(folder.join("warehouse.log")).unwrap_or_default();
            return Err(format!("{WAREHOUSE} ended with {status}: {said}"));
        }
        assert!(Instant::now() < until, "{WAREHOUSE} does not answer within {START:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Reads an address out of the file that a process writes when it listens.
pub(crate) fn bound(addresses: &Path, protocol: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(addresses).ok()?).ok()?;
    json.get(protocol)?.as_str().map(str::to_owned)
}

fn answers(address: &str) -> bool {
    use std::io::Read as _;
    let Ok(mut stream) = std::net::TcpStream::connect(address) else { return false };
    let mut answer = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.write_all(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

fn parquet(rows: &RecordBatch) -> Bytes {
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).expect("a writer");
    writer.write(rows).expect("written");
    Bytes::from(writer.into_inner().expect("finished"))
}

/// Rows of any table with the symbols `K00000`, `K00001`, …; values depend on `seed`, every fifth optional one is null.
pub(crate) fn rows(table: Table, day: TradeDate, symbols: std::ops::Range<i64>, seed: i64) -> RecordBatch {
    let count = symbols.clone().count();
    let spec = table.spec();
    let columns: Vec<ArrayRef> = spec
        .columns
        .iter()
        .map(|column| {
            let value = |row: i64| (!column.nullable || row % 5 != 0).then_some((row - 7) * 7 + seed);
            let in_key = spec.key.contains(&column.name);
            let rows = symbols.clone();
            match column.kind {
                _ if column.name == spec.date_column => {
                    Arc::new(Date32Array::from_value(day.days_since_epoch(), count)) as ArrayRef
                }
                _ if column.name == spec.key[0] => {
                    Arc::new(StringArray::from_iter_values(rows.map(|_| Exchange::Nse.code())))
                }
                ColumnKind::Text if in_key => {
                    Arc::new(StringArray::from_iter_values(rows.map(|row| format!("K{row:05}"))))
                }
                // Quotes, tabs and letters beyond ASCII: what a text format could spoil.
                ColumnKind::Text => Arc::new(
                    rows.map(|row| value(row).map(|v| format!("{v} \"L&T\"\t'é'\\n"))).collect::<StringArray>(),
                ),
                ColumnKind::Date => {
                    Arc::new(rows.map(|row| value(row).map(|v| 15_000 + v as i32)).collect::<Date32Array>())
                }
                ColumnKind::Int64 => Arc::new(rows.map(value).collect::<Int64Array>()),
                ColumnKind::Bool => Arc::new(rows.map(|row| value(row).map(|v| v % 2 == 0)).collect::<BooleanArray>()),
                ColumnKind::Price | ColumnKind::Money | ColumnKind::Amount => Arc::new(
                    rows.map(|row| value(row).map(i128::from))
                        .collect::<Decimal128Array>()
                        .with_data_type(column.kind.arrow()),
                ),
            }
        })
        .collect();
    RecordBatch::try_new(table.schema(), columns).expect("the columns are the table's")
}
