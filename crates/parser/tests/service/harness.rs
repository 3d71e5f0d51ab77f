//! A parser on port 0 over a temporary lake.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::ipc::reader::FileReader;
use bytes::Bytes;
use champion_lake::Lake;
use champion_lake::testing::Faults;
use champion_market_data::artifact::keys;
use champion_market_data::{Dataset, Exchange, Sha256, TradeDate};
use champion_parser::{Config, run};
use champion_proto::parser::v1::parse_response::Outcome;
use champion_proto::parser::v1::parser_service_client::ParserServiceClient;
use champion_proto::parser::v1::{ParseRequest, Parsed, Refused};
use champion_service::channel::{ChannelOptions, ServiceChannel, connect_lazy};
use champion_service::{Listeners, ServerConfig, Shutdown};
use champion_telemetry::Registry;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::Status;

/// The session most tests speak of.
pub(crate) const DATE: &str = "2025-02-24";

/// When every raw file was observed.
pub(crate) const OBSERVED: &str = "2025-02-24T13:00:00Z";

/// A client of the parser.
pub(crate) type Client = ParserServiceClient<ServiceChannel>;

/// A running parser.
pub(crate) struct Parser {
    pub(crate) client: Client,
    pub(crate) faults: Faults,
    pub(crate) lake: Lake,
    registry: Registry,
    folder: TempDir,
    shutdown: Shutdown,
    server: JoinHandle<Result<(), champion_parser::Error>>,
}

/// Starts a parser.
pub(crate) async fn start() -> Parser {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let faults = Faults::on_folder(folder.path());
    let mut config = Config::defaults().expect("the defaults load");
    config.server = ServerConfig::default();
    config.lake.folder = folder.path().to_owned();
    // One bad row among four is more than a good file has; these tests are about single rows.
    config.limits.min_quarantined_rows = 5;
    let listeners = Listeners::bind(&config.server).await.expect("free ports");
    let url = format!("http://{}", listeners.grpc_addr());
    let registry = Registry::new();
    let shutdown = Shutdown::manual();
    let lake = Lake::open_folder(folder.path()).expect("a lake");
    let server = tokio::spawn(run(config, listeners, registry.clone(), shutdown.clone()));
    let channel = connect_lazy(&url, &ChannelOptions::default()).expect("a valid URL");
    Parser { client: ParserServiceClient::new(channel), faults, lake, registry, folder, shutdown, server }
}

/// Calls `Parse`.
pub(crate) async fn parse(mut client: Client, raw_key: String) -> Result<Outcome, Status> {
    let request = ParseRequest { again: false, run_id: "run-1".to_owned(), raw_key, fencing_token: 0 };
    Ok(client.parse(request).await?.into_inner().outcome.expect("an outcome"))
}

/// Reads the only batch of an Arrow IPC file.
pub(crate) fn read_table(bytes: &[u8]) -> RecordBatch {
    let mut reader = FileReader::try_new(Cursor::new(bytes), None).expect("an Arrow IPC file");
    let batch = reader.next().expect("one batch").expect("readable");
    assert!(reader.next().is_none(), "one batch a file");
    batch
}

impl Parser {
    /// Puts raw bytes and their facts into the lake as the scraper does, and returns the bytes' key.
    pub(crate) async fn raw(&self, dataset: &str, date: &str, extension: &str, text: &str) -> String {
        let known: Dataset = dataset.parse().expect("a dataset");
        let day: TradeDate = date.parse().expect("a date");
        let sha256 = Sha256::of(text.as_bytes());
        let key = keys::raw(Exchange::Nse, known, day, &sha256, extension);
        self.lake.put_if_absent(&key, Bytes::copy_from_slice(text.as_bytes())).await.expect("stored");
        let facts = serde_json::json!({
            "version": 1, "dataset": dataset, "exchange": "nse", "trade_date": date,
            "artifact": {"key": key, "sha256": sha256, "bytes": text.len(), "rows": 0},
            "observed_at": OBSERVED, "url": "https://exchange.example/file", "status": 200,
        });
        self.put(&keys::raw_facts(Exchange::Nse, known, day, &sha256), &facts.to_string()).await;
        key
    }

    /// Replaces what lies under a key.
    pub(crate) async fn put(&self, key: &str, text: &str) {
        self.lake.publish(key, Bytes::copy_from_slice(text.as_bytes())).await.expect("stored");
    }

    pub(crate) async fn parsed(&self, raw: &str) -> Parsed {
        match parse(self.client.clone(), raw.to_owned()).await.expect("an answer") {
            Outcome::Parsed(parsed) => parsed,
            Outcome::Refused(refused) => panic!("{refused:?}"),
        }
    }

    pub(crate) async fn refused(&self, raw: &str) -> Refused {
        match parse(self.client.clone(), raw.to_owned()).await.expect("an answer") {
            Outcome::Refused(refused) => refused,
            Outcome::Parsed(parsed) => panic!("{parsed:?}"),
        }
    }

    pub(crate) async fn failed(&self, raw: &str) -> Status {
        parse(self.client.clone(), raw.to_owned()).await.expect_err("no answer")
    }

    /// Returns every file outside the raw zone with its bytes.
    pub(crate) async fn everything_staged(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for zone in ["staged", "quarantine"] {
            for key in self.lake.list(zone).await.expect("a readable lake") {
                let bytes = self.read(&key);
                files.insert(key, bytes);
            }
        }
        files
    }

    pub(crate) fn read(&self, key: &str) -> Vec<u8> {
        std::fs::read(self.path(key)).expect("the file is there")
    }

    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(key)
    }

    pub(crate) fn metrics(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).expect("encodable")
    }

    pub(crate) fn assert_metric(&self, line: &str) {
        let metrics = self.metrics();
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }

    pub(crate) async fn stop(self) {
        self.shutdown.trigger();
        self.server.await.expect("no panic").expect("an orderly stop");
    }
}
