//! Whoever is not known is refused, on either side.

use std::time::Duration;

use champion_service::channel::{ChannelOptions, connect_lazy};
use champion_service::{Listeners, ServerConfig, ServerTlsConfig, TlsFiles};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tonic::Code;

use crate::support::{Authority, GOOD, Says, Side, call, channel, side, start};

/// The server with one of these, the caller with the other: returns why no call comes through.
async fn refused(server: &Side, caller: &Side) -> String {
    let address = start(&server.files, 0).await;
    let error = call(&channel(address, &caller.files)).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    format!("{error:?}")
}

const EXPIRED: Says = Says { years: (2019, 2021), ..GOOD };
const NOT_YET: Says = Says { years: (2088, 2090), ..GOOD };

#[tokio::test]
async fn a_caller_and_a_server_that_know_each_other_talk() {
    let authority = Authority::new();
    let (server, caller) = (side(&authority, &GOOD), side(&authority, &GOOD));
    let address = start(&server.files, 0).await;
    call(&channel(address, &caller.files)).await.unwrap();
}

#[tokio::test]
async fn promise_29_an_expired_certificate_is_refused_on_either_side() {
    let authority = Authority::new();
    let (good, expired) = (side(&authority, &GOOD), side(&authority, &EXPIRED));
    let told = refused(&expired, &good).await;
    assert!(told.contains("expired"), "{told}");
    let told = refused(&good, &expired).await;
    assert!(told.contains("CertificateExpired"), "{told}");
}

#[tokio::test]
async fn promise_29_a_certificate_that_is_not_yet_valid_is_refused_on_either_side() {
    let authority = Authority::new();
    let (good, early) = (side(&authority, &GOOD), side(&authority, &NOT_YET));
    let told = refused(&early, &good).await;
    assert!(told.contains("not valid yet"), "{told}");
    refused(&good, &early).await;
}

#[tokio::test]
async fn promise_29_a_server_with_another_name_is_refused() {
    let authority = Authority::new();
    let (other, caller) = (side(&authority, &Says { name: "elsewhere", ..GOOD }), side(&authority, &GOOD));
    let told = refused(&other, &caller).await;
    assert!(told.contains("not valid for name"), "{told}");
}

#[tokio::test]
async fn promise_29_a_certificate_of_an_unknown_authority_is_refused_on_either_side() {
    let (server, stranger) = (side(&Authority::new(), &GOOD), side(&Authority::new(), &GOOD));
    let told = refused(&server, &stranger).await;
    assert!(told.contains("invalid peer certificate"), "{told}");
    // The caller trusts the server, and is itself not trusted.
    let folder = tempfile::tempdir().unwrap();
    let caller = Side { files: TlsFiles { ca: server.files.ca.clone(), ..stranger.files.clone() }, folder };
    refused(&server, &caller).await;
}

#[tokio::test]
async fn promise_29_a_caller_without_a_certificate_is_refused() {
    let server = side(&Authority::new(), &GOOD);
    let address = start(&server.files, 0).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&server.files.ca).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = TcpStream::connect(address).await.unwrap();
    let error = match connector.connect("localhost".try_into().unwrap(), stream).await {
        Ok(mut stream) => stream.read_u8().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}

#[tokio::test]
async fn promise_29_a_plain_caller_of_a_tls_port_is_refused() {
    let server = side(&Authority::new(), &GOOD);
    let address = start(&server.files, 0).await;
    let plain = connect_lazy(&format!("http://{address}"), &ChannelOptions::default()).unwrap();
    call(&plain).await.unwrap_err();
}

#[tokio::test]
async fn connections_that_never_shake_hands_hold_no_other_up() {
    let authority = Authority::new();
    let (server, caller) = (side(&authority, &GOOD), side(&authority, &GOOD));
    let address = start(&server.files, 0).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    call(&channel(address, &caller.files)).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(20), silent[0].read_u8()).await;
    assert!(closed.expect("the server ends it").is_err());
}

#[tokio::test]
async fn files_that_are_no_pair_end_the_start_without_a_word_of_the_key() {
    let authority = Authority::new();
    let (one, other) = (side(&authority, &GOOD), side(&authority, &GOOD));
    let key = std::fs::read_to_string(&other.files.private_key).unwrap();
    let secret = key.lines().nth(1).unwrap();
    let mixed = TlsFiles { private_key: other.files.private_key.clone(), ..one.files.clone() };
    let swapped = TlsFiles { certificate: other.files.private_key.clone(), ..one.files.clone() };
    let absent = TlsFiles { private_key: one.folder.path().join("absent"), ..one.files.clone() };
    for (files, words) in [(mixed, "tls.key"), (swapped, "not a certificate"), (absent, "absent")] {
        let tls = ServerTlsConfig { files: Some(files), ..ServerTlsConfig::default() };
        let config = ServerConfig { tls, ..ServerConfig::default() };
        let error = Listeners::bind(&config).await.unwrap_err();
        let shown = format!("{error} {error:?} {config:?} {}", toml::to_string(&config).unwrap());
        assert!(error.to_string().contains(words), "{error}");
        assert!(!shown.contains(secret) && !shown.contains("BEGIN PRIVATE"), "{shown}");
    }
}
