//! A scraper on port 0 over a temporary lake, and the files it is fed with.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use champion_lake::Lake;
use champion_proto::scraper::v1::fetch_response::Outcome;
use champion_proto::scraper::v1::scraper_service_client::ScraperServiceClient;
use champion_proto::scraper::v1::set_aside_service_client::SetAsideServiceClient;
use champion_proto::scraper::v1::source_service_client::SourceServiceClient;
use champion_proto::scraper::v1::{Available, FetchRequest, ListSetAsideRequest, NotPublished, Refused, SetAsideFile};
use champion_scraper::{Clock, Config, Facts, SPEC, run_at};
use champion_service::channel::{ChannelOptions, ServiceChannel, connect_lazy};
use champion_service::{Listeners, Shutdown, config};
use champion_telemetry::Registry;
use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::Status;

use crate::exchange::Exchange;

/// The session most tests ask for: a Monday with a session before it on Friday.
pub(crate) const DATE: &str = "2025-02-24";

/// A running scraper; dropped, it stops.
pub(crate) struct Scraper {
    pub(crate) exchange: Exchange,
    pub(crate) client: ScraperServiceClient<ServiceChannel>,
    pub(crate) operator: SourceServiceClient<ServiceChannel>,
    aside: SetAsideServiceClient<ServiceChannel>,
    pub(crate) lake: Lake,
    registry: Registry,
    folder: Arc<TempDir>,
    shutdown: Shutdown,
    server: JoinHandle<Result<(), champion_scraper::Error>>,
}

/// When most tests take place.
pub(crate) const NOON: &str = "2025-03-20T12:00:00Z";

/// Starts a scraper in front of a scripted exchange; it is noon (UTC) of 2025-03-20.
pub(crate) async fn start() -> Scraper {
    start_with(NOON, |_| {}).await
}

/// Starts a scraper at a given instant with a changed configuration. Waits between attempts are milliseconds.
pub(crate) async fn start_with(now: &str, change: impl FnOnce(&mut Config)) -> Scraper {
    start_at(clock_from(now), change).await
}

/// Starts a scraper with a given clock.
pub(crate) async fn start_at(clock: Clock, change: impl FnOnce(&mut Config)) -> Scraper {
    let folder = tempfile::tempdir().expect("a temporary folder");
    launch(Exchange::start().await, Arc::new(folder), clock, change).await
}

/// Returns the message that asks for a report.
pub(crate) fn request(dataset: &str, date: &str) -> FetchRequest {
    FetchRequest {
        recheck: false,
        run_id: "run-1".to_owned(),
        dataset: dataset.to_owned(),
        exchange: "nse".to_owned(),
        trade_date: date.to_owned(),
        fencing_token: 0,
    }
}

/// A wall clock that goes on from an instant.
pub(crate) fn clock_from(now: &str) -> Clock {
    let (now, began): (DateTime<Utc>, _) = (now.parse().expect("an instant"), Instant::now());
    Clock::from_fn(move || now + began.elapsed())
}

/// A wall clock that stands still until it is moved.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hands(Arc<AtomicI64>);

impl Hands {
    /// Moves the clock forward.
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    /// The clock; it begins at noon (UTC) of 2025-03-20.
    pub(crate) fn clock(&self) -> Clock {
        let (noon, seconds): (DateTime<Utc>, _) = (NOON.parse().expect("an instant"), Arc::clone(&self.0));
        Clock::from_fn(move || noon + TimeDelta::seconds(seconds.load(Ordering::Relaxed)))
    }
}

async fn launch(exchange: Exchange, folder: Arc<TempDir>, clock: Clock, change: impl FnOnce(&mut Config)) -> Scraper {
    let mut config: Config = config::load(&SPEC, None).expect("the defaults load");
    config.server = champion_service::ServerConfig::default();
    config.lake.folder = PathBuf::from(folder.path());
    config.source.mirror.clone_from(&exchange.url);
    config.limits.fetch_seconds = 10.0;
    config.limits.progress_window_seconds = 0.3;
    config.retry.base_seconds = 0.001;
    config.retry.cap_seconds = 0.002;
    config.min_rows.full = 2;
    config.min_rows.legacy_l2 = 2;
    config.min_rows.udiff = 2;
    change(&mut config);
    let listeners = Listeners::bind(&config.server).await.expect("free ports");
    let address = listeners.grpc_addr();
    let registry = Registry::new();
    let shutdown = Shutdown::manual();
    let lake = Lake::open_folder(folder.path()).expect("a lake");
    let server = tokio::spawn(run_at(clock, config, listeners, registry.clone(), shutdown.clone()));
    let channel = connect_lazy(&format!("http://{address}"), &ChannelOptions::default()).expect("a valid URL");
    let client = ScraperServiceClient::new(channel.clone());
    let operator = SourceServiceClient::new(channel.clone());
    let aside = SetAsideServiceClient::new(channel);
    Scraper { exchange, client, operator, aside, lake, registry, folder, shutdown, server }
}

impl Scraper {
    /// Starts another scraper on the same lake, in front of the same exchange.
    pub(crate) async fn beside(&self, clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        launch(self.exchange.clone(), Arc::clone(&self.folder), clock, change).await
    }

    pub(crate) async fn fetch(&self, dataset: &str, date: &str) -> Result<Outcome, Status> {
        self.ask(dataset, date, false).await
    }

    /// Asks for changes of what is there.
    pub(crate) async fn recheck(&self, dataset: &str, date: &str) -> Result<Available, Status> {
        match self.ask(dataset, date, true).await? {
            Outcome::Available(available) => Ok(available),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn ask(&self, dataset: &str, date: &str, recheck: bool) -> Result<Outcome, Status> {
        let request = FetchRequest { recheck, ..request(dataset, date) };
        let response = self.client.clone().fetch(request).await?.into_inner();
        Ok(response.outcome.expect("an outcome"))
    }

    pub(crate) async fn available(&self, dataset: &str, date: &str) -> Available {
        match self.fetch(dataset, date).await.expect("an answer") {
            Outcome::Available(available) => available,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn refused(&self, dataset: &str, date: &str) -> Refused {
        match self.fetch(dataset, date).await.expect("an answer") {
            Outcome::Refused(refused) => refused,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn not_published(&self, dataset: &str, date: &str) -> NotPublished {
        match self.fetch(dataset, date).await.expect("an answer") {
            Outcome::NotPublished(not_published) => not_published,
            other => panic!("{other:?}"),
        }
    }

    /// Lists the files that were set aside whole.
    pub(crate) async fn set_aside(&self, dataset: &str, prefix: &str, limit: u32) -> Result<Vec<SetAsideFile>, Status> {
        let (dataset, sha256_prefix) = (dataset.to_owned(), prefix.to_owned());
        let request = ListSetAsideRequest { dataset, sha256_prefix, limit };
        Ok(self.aside.clone().list_set_aside(request).await?.into_inner().files)
    }

    /// Returns the keys of the raw zone.
    pub(crate) async fn raw_keys(&self) -> Vec<String> {
        self.lake.list("raw").await.expect("a readable lake")
    }

    /// Returns the only facts in the raw zone.
    pub(crate) async fn facts(&self) -> Facts {
        let keys = self.raw_keys().await;
        let key = keys.iter().find(|key| key.ends_with(".facts.json")).expect("facts");
        let bytes = self.lake.get(key).await.expect("a readable lake").expect("facts");
        serde_json::from_slice(&bytes).expect("valid facts")
    }

    /// Returns everything the service exposes as metrics.
    pub(crate) fn metrics(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).expect("encodable")
    }

    pub(crate) fn assert_metric(&self, line: &str) {
        let metrics = self.metrics();
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }

    /// Returns a path inside the lake's folder.
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(key)
    }

    pub(crate) async fn stop(self) {
        self.shutdown.trigger();
        self.server.await.expect("no panic").expect("an orderly stop");
    }
}

/// Returns a full bhavcopy of a date (`24-Feb-2025`) with two lines.
pub(crate) fn full_bhavcopy(date: &str) -> String {
    format!(
        "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, CLOSE_PRICE, AVG_PRICE, \
         TTL_TRD_QNTY, TURNOVER_LACS, NO_OF_TRADES, DELIV_QTY, DELIV_PER\n\
         ALPHA, EQ, {date}, 100.00, 101.00, 103.00, 99.00, 102.00, 102.50, 101.50, 1000, 1.02, 50, 400, 40.00\n\
         BETA, BE, {date}, 10.00, 10.00, 10.50, 9.90, 10.10, 10.10, 10.10, 200, 0.02, 5, -, -\n"
    )
}

/// Returns a UDiFF bhavcopy of a date (`2024-01-02`) with two lines, zipped as the exchange does.
pub(crate) fn udiff_zip(date: &str) -> Vec<u8> {
    let header = "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,\
                  StrkPric,OptnTp,FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,\
                  SttlmPric,OpnIntrst,ChngInOpnIntrst,TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,\
                  Rsvd1,Rsvd2,Rsvd3,Rsvd4";
    let line = |id: u32, isin: &str, symbol: &str| {
        format!(
            "{date},{date},CM,NSE,STK,{id},{isin},{symbol},EQ,,,,,{symbol} LIMITED,100.00,105.00,99.00,104.00,104.05,\
             98.00,,104.00,,,1000,102000.00,50,F1,1,,,,,"
        )
    };
    let text = format!("{header}\n{}\n{}\n", line(1, "INE002A01018", "ALPHA"), line(2, "INE009A01021", "BETA"));
    zipped(&format!("BhavCopy_NSE_CM_0_0_0_{}_F_0000.csv", date.replace('-', "")), &text)
}

fn zipped(name: &str, text: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file(name, zip::write::SimpleFileOptions::default()).expect("a member");
    writer.write_all(text.as_bytes()).expect("in memory");
    writer.finish().expect("in memory").into_inner()
}

/// Returns the API's answer with one filing of an ex-date (`24-Feb-2025`).
pub(crate) fn filings(ex_date: &str) -> String {
    format!(
        r#"[{{"symbol":"ALPHA","series":"EQ","ind":"-","faceVal":"10","subject":"Dividend - Rs 2 Per Share","exDate":"{ex_date}","recDate":"{ex_date}","bcStartDate":"-","bcEndDate":"-","ndStartDate":"-","comp":"Alpha Limited","isin":"INE002A01018","ndEndDate":"-","caBroadcastDate":null}}]"#
    )
}
