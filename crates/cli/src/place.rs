//! Finding the services: flag or variable first, then the endpoints file of the data folder, then the documented ports.

use std::time::Duration;

use anyhow::{Context, bail};
use champion_proto::ACTIVE_ORCHESTRATOR;
use champion_proto::loader::v1::loader_service_client::LoaderServiceClient;
use champion_proto::orchestrator::v1::orchestrator_service_client::OrchestratorServiceClient;
use champion_proto::scraper::v1::set_aside_service_client::SetAsideServiceClient;
use champion_proto::scraper::v1::source_service_client::SourceServiceClient;
use champion_proto::writer::v1::writer_service_client::WriterServiceClient;
use champion_service::channel::{ChannelOptions, ServiceChannel, connect_lazy};
use champion_service::config::Secret;
use champion_service::{ClientTlsConfig, TlsFiles};

use tonic::Status;

use crate::args::{Place, Tls};
use crate::endpoints::Endpoints;
use crate::password;
use crate::up::WAREHOUSE_DATABASE;

const DEFAULT_ORCHESTRATOR: &str = "http://127.0.0.1:50055";
const DEFAULT_SCRAPER: &str = "http://127.0.0.1:50051";
const DEFAULT_LOADER: &str = "http://127.0.0.1:50054";
const DEFAULT_WRITER: &str = "http://127.0.0.1:50053";
const DEFAULT_WAREHOUSE: &str = "http://127.0.0.1:8123";

/// The steps of a run of thirty years are tens of megabytes.
const MOST_ANSWER_BYTES: usize = 256 << 20;

/// A stream of run events begins at once and may then last for hours; the deadline is for its beginning.
const CHANNEL: Duration = Duration::from_secs(30);

/// Comparing and repairing years takes minutes.
const PATIENT_CHANNEL: Duration = Duration::from_secs(3_600);

/// Longest time a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Returns a variable that is set to something.
fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Tls {
    fn config(&self) -> anyhow::Result<ClientTlsConfig> {
        let files = match (&self.tls_certificate, &self.tls_private_key, &self.tls_ca) {
            (None, None, None) => None,
            (Some(certificate), Some(private_key), Some(ca)) => {
                let (certificate, private_key, ca) = (certificate.clone(), private_key.clone(), ca.clone());
                Some(TlsFiles { certificate, private_key, ca })
            }
            _ => bail!("TLS needs all of CHAMPION_TLS_CERTIFICATE, CHAMPION_TLS_PRIVATE_KEY and CHAMPION_TLS_CA"),
        };
        Ok(ClientTlsConfig { files, insecure: self.insecure, ..ClientTlsConfig::none() })
    }
}

impl Place {
    fn channel(&self, url: &str, timeout: Duration) -> anyhow::Result<ServiceChannel> {
        let options = ChannelOptions { timeout, connect_timeout: CONNECT_TIMEOUT, tls: self.tls.config()? };
        Ok(connect_lazy(url, &options)?)
    }

    fn endpoints(&self) -> anyhow::Result<Endpoints> {
        Ok(self.stack()?.unwrap_or_default())
    }

    /// Returns the addresses of the stack of the data folder; `None` when none runs on it.
    ///
    /// # Errors
    /// Fails when the endpoints file cannot be read.
    pub(crate) fn stack(&self) -> anyhow::Result<Option<Endpoints>> {
        Endpoints::load(&self.data).with_context(|| format!("cannot read {}", Endpoints::path(&self.data).display()))
    }

    /// Returns where a service is: what was given, else what the endpoints file says, else the documented port.
    fn grpc_url(&self, given: Option<String>, service: &str, documented: &str) -> anyhow::Result<String> {
        match given {
            Some(url) => Ok(url),
            None => Ok(self.endpoints()?.grpc_url(service).unwrap_or_else(|| documented.to_owned())),
        }
    }

    /// Returns a client of the orchestrator.
    ///
    /// # Errors
    /// Fails when its URL makes no sense or the files of TLS cannot be used.
    pub(crate) fn orchestrator(&self) -> anyhow::Result<OrchestratorServiceClient<ServiceChannel>> {
        self.orchestrator_at(&self.orchestrator_url()?, CHANNEL)
    }

    /// Returns a client of the orchestrator whose calls may last as long as it allows.
    ///
    /// # Errors
    /// Fails when its URL makes no sense or the files of TLS cannot be used.
    pub(crate) fn patient_orchestrator(&self) -> anyhow::Result<OrchestratorServiceClient<ServiceChannel>> {
        self.orchestrator_at(&self.orchestrator_url()?, PATIENT_CHANNEL)
    }

    /// Asks the orchestrator, and the active one in its place when it stands by.
    ///
    /// # Errors
    /// Fails when neither can be reached or the active one refuses.
    pub(crate) async fn ask_the_active<T>(
        &self,
        ask: impl AsyncFn(OrchestratorServiceClient<ServiceChannel>) -> Result<T, Status>,
    ) -> anyhow::Result<T> {
        let refused = match ask(self.orchestrator()?).await {
            Ok(answer) => return Ok(answer),
            Err(refused) => refused,
        };
        let active = refused.metadata().get(ACTIVE_ORCHESTRATOR).and_then(|url| url.to_str().ok());
        match active.map(str::to_owned) {
            // What was to be asked over TLS is not asked without it.
            Some(url) if url.starts_with("https://") || self.orchestrator_url()?.starts_with("http://") => {
                Ok(ask(self.orchestrator_at(&url, CHANNEL)?).await?)
            }
            _ => Err(refused.into()),
        }
    }

    fn orchestrator_url(&self) -> anyhow::Result<String> {
        self.grpc_url(self.orchestrator.clone(), "orchestrator", DEFAULT_ORCHESTRATOR)
    }

    fn orchestrator_at(
        &self,
        url: &str,
        timeout: Duration,
    ) -> anyhow::Result<OrchestratorServiceClient<ServiceChannel>> {
        let channel = self.channel(url, timeout)?;
        Ok(OrchestratorServiceClient::new(channel).max_decoding_message_size(MOST_ANSWER_BYTES))
    }

    /// Returns a client of the scraper's sources.
    ///
    /// # Errors
    /// Fails when its URL makes no sense or the files of TLS cannot be used.
    pub(crate) fn sources(&self, url: Option<String>) -> anyhow::Result<SourceServiceClient<ServiceChannel>> {
        let url = self.grpc_url(url, "scraper", DEFAULT_SCRAPER)?;
        Ok(SourceServiceClient::new(self.channel(&url, CHANNEL)?))
    }

    /// Returns a client of the scraper's files that were set aside.
    ///
    /// # Errors
    /// Fails when its URL makes no sense or the files of TLS cannot be used.
    pub(crate) fn set_aside(&self) -> anyhow::Result<SetAsideServiceClient<ServiceChannel>> {
        let url = self.grpc_url(None, "scraper", DEFAULT_SCRAPER)?;
        Ok(SetAsideServiceClient::new(self.channel(&url, CHANNEL)?).max_decoding_message_size(MOST_ANSWER_BYTES))
    }

    /// Returns a client of the loader.
    ///
    /// # Errors
    /// Fails when its URL makes no sense or the files of TLS cannot be used.
    pub(crate) fn loader(&self, url: Option<String>) -> anyhow::Result<LoaderServiceClient<ServiceChannel>> {
        self.loader_over(url, CHANNEL)
    }

    /// Returns a client of the loader whose calls may last as long as the loader allows.
    ///
    /// # Errors
    /// Fails when its URL makes no sense or the files of TLS cannot be used.
    pub(crate) fn patient_loader(&self, url: Option<String>) -> anyhow::Result<LoaderServiceClient<ServiceChannel>> {
        self.loader_over(url, PATIENT_CHANNEL)
    }

    fn loader_over(
        &self,
        url: Option<String>,
        timeout: Duration,
    ) -> anyhow::Result<LoaderServiceClient<ServiceChannel>> {
        let url = self.grpc_url(url, "clickhouse-loader", DEFAULT_LOADER)?;
        Ok(LoaderServiceClient::new(self.channel(&url, timeout)?))
    }

    /// Returns a client of the parquet-writer.
    ///
    /// # Errors
    /// Fails when its URL makes no sense or the files of TLS cannot be used.
    pub(crate) fn writer(&self, url: Option<String>) -> anyhow::Result<WriterServiceClient<ServiceChannel>> {
        let url = self.grpc_url(url, "parquet-writer", DEFAULT_WRITER)?;
        // Collecting and compacting years is work of minutes; the writer has its own limit.
        Ok(WriterServiceClient::new(self.channel(&url, PATIENT_CHANNEL)?))
    }

    /// Returns a client of the warehouse: as the user and with the password of the variables `CHAMPION_WAREHOUSE_USER` and
    /// `CHAMPION_WAREHOUSE_PASSWORD` or, of the stack's own, with the one in the data folder.
    ///
    /// # Errors
    /// Fails when the endpoints file or the password cannot be read.
    pub(crate) fn warehouse(&self) -> anyhow::Result<clickhouse::Client> {
        let own = self.endpoints()?.http_url("embedded-warehouse");
        let url = self.warehouse.clone().or_else(|| own.clone()).unwrap_or_else(|| DEFAULT_WAREHOUSE.to_owned());
        let mut client = clickhouse::Client::default().with_database(WAREHOUSE_DATABASE);
        // The stack's password is for the stack's warehouse: another URL never gets it.
        let password = match given("CHAMPION_WAREHOUSE_PASSWORD") {
            Some(password) => Some(Secret::new(password)),
            None if own.as_ref() == Some(&url) => password::read(&self.data)
                .with_context(|| format!("cannot read {}", password::path(&self.data).display()))?,
            None => None,
        };
        if let Some(user) = given("CHAMPION_WAREHOUSE_USER") {
            client = client.with_user(user);
        }
        if let Some(password) = password {
            client = client.with_password(password.expose());
        }
        Ok(client.with_url(url))
    }

    /// Returns where the command's own spans go: the OTLP/HTTP port of the stack's collector.
    #[must_use]
    pub fn collector(&self) -> Option<String> {
        self.endpoints().ok()?.http_url("trace-collector")
    }
}
