//! New certificates while calls are made.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use champion_service::TlsFiles;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Authority, GOOD, Says, call, channel, side, start};

/// The certificate the server shows to a new connection.
async fn shown(address: SocketAddr, ca: &TlsFiles) -> CertificateDer<'static> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&ca.ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    // In TLS 1.3 the certificate is seen before the server misses ours.
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Waits until a new connection sees what is in the file.
async fn in_use(address: SocketAddr, files: &TlsFiles) {
    let expected = CertificateDer::from_pem_file(&files.certificate).unwrap();
    let search = async {
        while shown(address, files).await != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), search).await.expect("the new certificate comes into use");
}

#[tokio::test]
async fn promise_29_a_rotation_under_load_drops_no_call_and_new_connections_see_it() {
    let authority = Authority::new();
    let (server, caller) = (side(&authority, &GOOD), side(&authority, &GOOD));
    let address = start(&server.files, 1_800).await;
    let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (channel, stop, made) = (channel(address, &caller.files), stop.clone(), made.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    call(&channel).await.unwrap();
                    made.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for serial in 2..5 {
        let says = Says { serial, ..GOOD };
        authority.issue(server.folder.path(), &says);
        authority.issue(caller.folder.path(), &says);
        in_use(address, &server.files).await;
        let before = made.load(Ordering::Relaxed);
        while made.load(Ordering::Relaxed) < before + 50 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert!(clients.iter().all(|client| !client.is_finished()), "a call failed");
        }
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no call fails");
    }
}

#[tokio::test]
async fn promise_29_half_a_new_pair_keeps_the_old_one_in_use() {
    let authority = Authority::new();
    let (server, caller) = (side(&authority, &GOOD), side(&authority, &GOOD));
    let address = start(&server.files, 0).await;
    let old = shown(address, &server.files).await;
    let next = side(&authority, &Says { serial: 2, ..GOOD });
    std::fs::copy(&next.files.certificate, &server.files.certificate).unwrap();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(shown(address, &server.files).await, old, "the key is still the old one");
    call(&channel(address, &caller.files)).await.unwrap();
    std::fs::copy(&next.files.private_key, &server.files.private_key).unwrap();
    in_use(address, &next.files).await;
}

#[tokio::test]
async fn promise_29_a_connection_that_is_too_old_ends_no_call_in_progress_and_fails_no_new_one() {
    let authority = Authority::new();
    let (server, caller) = (side(&authority, &GOOD), side(&authority, &GOOD));
    let address = start(&server.files, 3).await;
    let channel = channel(address, &caller.files);
    let mut client = HealthClient::new(channel.clone());
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    watch.message().await.unwrap().expect("the state of the server");
    let calls = async {
        loop {
            call(&channel).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let busy = tokio::time::timeout(Duration::from_millis(3_500), calls).await;
    busy.expect_err("the calls go on");
    let ended = tokio::time::timeout(Duration::from_secs(3), watch.message()).await;
    assert!(ended.is_err(), "the stream goes on: {ended:?}");
    call(&channel).await.expect("a channel that was idle opens a new connection");
}
