//! An authority with its certificates, a server with health behind TLS, and callers.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::Path;

use champion_service::channel::{ChannelOptions, ServiceChannel, connect_lazy};
use champion_service::{ClientTlsConfig, Listeners, Server, ServerConfig, ServerTlsConfig, Shutdown, TlsFiles};
use champion_telemetry::Registry;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType, SerialNumber, date_time_ymd};
use tempfile::TempDir;
use tonic::Status;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// What a certificate says.
pub(crate) struct Says {
    pub(crate) name: &'static str,
    pub(crate) years: (i32, i32),
    pub(crate) serial: u64,
}

/// A certificate nobody has a reason to refuse.
pub(crate) const GOOD: Says = Says { name: "localhost", years: (2020, 2090), serial: 1 };

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes a new pair and the authority's own certificate to the folder.
    pub(crate) fn issue(&self, folder: &Path, says: &Says) -> TlsFiles {
        self.issue_names(folder, vec![SanType::DnsName(says.name.try_into().unwrap())], says)
    }

    /// Writes a new pair that bears other names.
    pub(crate) fn issue_names(&self, folder: &Path, names: Vec<SanType>, says: &Says) -> TlsFiles {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names;
        params.not_before = date_time_ymd(says.years.0, 1, 1);
        params.not_after = date_time_ymd(says.years.1, 1, 1);
        params.serial_number = Some(SerialNumber::from(says.serial));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = files(folder);
        std::fs::write(&files.ca, &self.pem).unwrap();
        std::fs::write(&files.private_key, key.serialize_pem()).unwrap();
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        files
    }
}

pub(crate) fn files(folder: &Path) -> TlsFiles {
    let [certificate, private_key, ca] = ["tls.crt", "tls.key", "ca.crt"].map(|name| folder.join(name));
    TlsFiles { certificate, private_key, ca }
}

/// One side with files of its own.
pub(crate) struct Side {
    pub(crate) folder: TempDir,
    pub(crate) files: TlsFiles,
}

pub(crate) fn side(authority: &Authority, says: &Says) -> Side {
    let folder = tempfile::tempdir().unwrap();
    let files = authority.issue(folder.path(), says);
    Side { folder, files }
}

/// Starts a server whose connections take no new calls after the age, in seconds.
pub(crate) async fn start(files: &TlsFiles, max_connection_age_seconds: u64) -> SocketAddr {
    let tls = ServerTlsConfig { files: Some(files.clone()), max_connection_age_seconds, ..ServerTlsConfig::default() };
    let config = ServerConfig { tls, ..ServerConfig::default() };
    let listeners = Listeners::bind(&config).await.unwrap();
    let address = listeners.grpc_addr();
    tokio::spawn(Server::new(listeners, Registry::new(), &config).serve(Shutdown::manual()));
    address
}

pub(crate) fn channel(address: SocketAddr, files: &TlsFiles) -> ServiceChannel {
    let reconnect_seconds = NonZeroU64::new(1).unwrap();
    let tls = ClientTlsConfig { files: Some(files.clone()), reconnect_seconds, ..ClientTlsConfig::none() };
    let options = ChannelOptions { tls, ..ChannelOptions::default() };
    connect_lazy(&format!("https://localhost:{}", address.port()), &options).unwrap()
}

pub(crate) async fn call(channel: &ServiceChannel) -> Result<(), Status> {
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.map(|_| ())
}
