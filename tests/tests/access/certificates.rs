//! An authority and the certificates it gives.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use champion_service::channel::{ChannelOptions, ServiceChannel, connect_lazy};
use champion_service::{ClientTlsConfig, TlsFiles};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    folder: PathBuf,
}

impl Authority {
    pub(crate) fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem, folder: folder.to_owned() }
    }

    /// Writes a pair whose certificate bears the names, and `localhost` when it is a server's.
    pub(crate) fn issue(&self, name: &str, names: &[&str], is_server: bool) -> TlsFiles {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.subject_alt_names = names
            .iter()
            .map(|name| match name.contains("://") {
                true => SanType::URI((*name).try_into().expect("ASCII")),
                false => SanType::DnsName((*name).try_into().expect("ASCII")),
            })
            .collect();
        if is_server {
            params.subject_alt_names.push(SanType::DnsName("localhost".try_into().expect("ASCII")));
            params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let [crt, private_key, ca] = ["crt", "key", "ca"].map(|end| self.folder.join(format!("{name}.{end}")));
        std::fs::write(&crt, certificate.pem()).expect("a file");
        std::fs::write(&private_key, key.serialize_pem()).expect("a file");
        std::fs::write(&ca, &self.pem).expect("a file");
        TlsFiles { certificate: crt, private_key, ca }
    }
}

/// A channel with a certificate.
pub(crate) fn channel(url: &str, files: &TlsFiles) -> ServiceChannel {
    let tls = ClientTlsConfig { files: Some(files.clone()), ..ClientTlsConfig::none() };
    connect_lazy(url, &ChannelOptions { tls, timeout: super::matrix::PATIENCE, ..ChannelOptions::default() })
        .expect("a channel")
}
