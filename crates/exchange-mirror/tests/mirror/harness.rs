//! A mirror on a free port, with a client that behaves like a browser.

use champion_exchange_mirror::{Config, Ports, SPEC, run};
use champion_service::Shutdown;
use reqwest::{Client, Response};
use serde_json::Value;
use tokio::task::JoinHandle;

/// The file archive as a path prefix.
pub(crate) const ARCHIVE: &str = "/nsearchives.nseindia.com";
/// The site as a path prefix.
pub(crate) const SITE: &str = "/www.nseindia.com";
/// A UDiFF bhavcopy of a trading day.
pub(crate) const UDIFF: &str = "/nsearchives.nseindia.com/content/cm/BhavCopy_NSE_CM_0_0_0_20250224_F_0000.csv.zip";
/// The full bhavcopy of the same day.
pub(crate) const FULL: &str = "/nsearchives.nseindia.com/products/content/sec_bhavdata_full_24022025.csv";
/// The filings of a busy day.
pub(crate) const ACTIONS: &str =
    "/www.nseindia.com/api/corporates-corporateActions?index=equities&from_date=08-08-2025&to_date=08-08-2025";

/// A running mirror.
pub(crate) struct Running {
    /// `http://127.0.0.1:<port>`.
    pub(crate) base: String,
    /// Sends a browser's user agent and keeps cookies; follows no redirect.
    pub(crate) client: Client,
    /// Stops the mirror.
    pub(crate) shutdown: Shutdown,
    /// Ends when the mirror has.
    pub(crate) ended: JoinHandle<()>,
}

/// Starts a mirror with the default configuration on free ports, changed by the caller.
pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Running {
    let mut config: Config = champion_service::config::load(&SPEC, None).expect("the defaults are valid");
    config.server.http_listen = "127.0.0.1:0".to_owned();
    config.server.admin.listen = "127.0.0.1:0".to_owned();
    change(&mut config);
    let ports = Ports::bind(&config.server).await.expect("free ports");
    let base = format!("http://{}", ports.http_addr());
    let shutdown = Shutdown::manual();
    let stop = shutdown.clone();
    let ended = tokio::spawn(async move {
        run(config, ports, prometheus::Registry::new(), stop).await.expect("the mirror runs");
    });
    let client = Client::builder()
        .user_agent("Mozilla/5.0 (X11; Linux x86_64)")
        .cookie_store(true)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    Running { base, client, shutdown, ended }
}

impl Running {
    /// Asks for a path.
    pub(crate) async fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.client.get(format!("{}{path}", self.base)).send().await
    }

    /// Asks for a path and returns status and body.
    pub(crate) async fn fetch(&self, path: &str) -> (u16, Vec<u8>) {
        let response = self.get(path).await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.bytes().await.expect("a body").to_vec())
    }

    /// Posts fault rules.
    pub(crate) async fn fault(&self, rules: Value) {
        let request = self.client.post(format!("{}/__fault", self.base)).body(rules.to_string());
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
    }

    /// Returns the list of requests.
    pub(crate) async fn requests(&self) -> Value {
        serde_json::from_slice(&self.fetch("/__requests").await.1).expect("JSON")
    }
}
