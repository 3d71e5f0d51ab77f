//! From PEM to what a connection needs.

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::{TlsError, TlsFiles};
use crate::read_named_file;

/// Most bytes of a PEM file; a bundle of all public authorities has a quarter of it.
const MOST_BYTES: u64 = 1 << 20;

/// What the three files hold.
pub(crate) struct Contents {
    pub(super) certificate: Vec<u8>,
    pub(super) private_key: Vec<u8>,
    pub(super) ca: Vec<u8>,
}

impl Contents {
    pub(super) fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = |file: &Path| {
            read_named_file(file, MOST_BYTES).map_err(|source| TlsError::Unreadable { file: file.to_owned(), source })
        };
        Ok(Self {
            certificate: read(&files.certificate)?,
            private_key: read(&files.private_key)?,
            ca: read(&files.ca)?,
        })
    }
}

/// The one protocol of a gRPC connection.
pub(crate) const HTTP2: &[u8] = b"h2";

/// Makes the server's side: nobody without a certificate of the authorities comes in.
pub(crate) fn server(files: &TlsFiles, contents: &Contents) -> Result<ServerConfig, TlsError> {
    let (provider, roots) = (provider(), Arc::new(roots(&files.ca, &contents.ca)?));
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
        .build()
        .map_err(|error| invalid(&files.ca, error.to_string()))?;
    let chain = certificates(&files.certificate, &contents.certificate)?;
    let key = private_key(&files.private_key, &contents.private_key)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_client_cert_verifier(verifier).with_single_cert(chain, key))
        .map_err(|error| unusable(files, &error))?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    // A resumed session would skip the look at the certificate.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Makes the client's side.
pub(crate) fn client(files: &TlsFiles, contents: &Contents) -> Result<ClientConfig, TlsError> {
    let chain = certificates(&files.certificate, &contents.certificate)?;
    let key = private_key(&files.private_key, &contents.private_key)?;
    let roots = roots(&files.ca, &contents.ca)?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_root_certificates(roots).with_client_auth_cert(chain, key))
        .map_err(|error| unusable(files, &error))?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificates(file: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        // A file given in the wrong place may be the key: the parser's own words could quote it.
        _ => Err(invalid(file, "not a certificate in PEM form".to_owned())),
    }
}

fn private_key(file: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| invalid(file, "not a private key in PEM form".to_owned()))
}

fn roots(file: &Path, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file, pem)? {
        roots.add(certificate).map_err(|error| invalid(file, error.to_string()))?;
    }
    Ok(roots)
}

fn unusable(files: &TlsFiles, error: &rustls::Error) -> TlsError {
    invalid(&files.certificate, format!("cannot be used with the key {}: {error}", files.private_key.display()))
}

fn invalid(file: &Path, reason: String) -> TlsError {
    TlsError::Invalid { file: file.to_owned(), reason }
}
