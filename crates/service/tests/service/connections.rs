//! Connections that want nothing, too much, or for too long.

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get as route;
use champion_service::{ConnectionsConfig, HttpPort, ServerConfig, Shutdown, bind_tcp};
use champion_telemetry::Registry;
use prometheus::TextEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Code;

use crate::support::{Echo, Running, call, get, start, stream, wait_for};

/// What an HTTP/2 client begins with: the preface and an empty SETTINGS frame.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn few(max: usize, idle_seconds: u64) -> ServerConfig {
    let max = NonZeroUsize::new(max).unwrap();
    let connections = ConnectionsConfig { max, handshake_seconds: NonZeroU64::MIN, idle_seconds };
    ServerConfig { connections, ..ServerConfig::default() }
}

/// Connects and says something.
pub(crate) async fn open(address: SocketAddr, words: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(words).await.unwrap();
    stream
}

/// Waits until the server has ended the connection.
async fn ended(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end too.
    let read = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "the server keeps a connection that wants nothing");
}

async fn value(server: &Running, series: &str) -> u64 {
    let metrics = server.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("no {series} in\n{metrics}")).trim().parse().unwrap()
}

async fn closed(server: &Running, reason: &str) -> u64 {
    value(server, &format!(r#"champion_connections_closed_total{{port="grpc",reason="{reason}"}}"#)).await
}

#[tokio::test]
async fn promise_38_a_connection_that_says_nothing_or_half_a_preface_is_closed() {
    let server = start(&few(8, 300), Echo::default()).await;
    assert_eq!(closed(&server, "silent").await, 0);
    for words in [&b""[..], &PREFACE[..1], &PREFACE[..20], &PREFACE[..24], &PREFACE[..PREFACE.len() - 1]] {
        ended(&mut open(server.grpc, words).await).await;
    }
    assert_eq!(closed(&server, "silent").await, 5);
    ended(&mut open(server.grpc, b"GET / HTTP/1.1\r\nhost: grpc\r\n\r\n plus enough for a preface").await).await;
    wait_for("all of them to be gone", || async {
        (value(&server, r#"champion_connections_open{port="grpc"}"#).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn promise_38_connections_are_bounded_and_the_idlest_gives_way_to_one_with_work() {
    let server = start(&few(4, 300), Echo::default()).await;
    let mut crowd = Vec::new();
    for _ in 0..60 {
        crowd.push(open(server.grpc, PREFACE).await);
        assert!(
            value(&server, r#"champion_connections_open{port="grpc"}"#).await <= 5,
            "one of them may be on its way out"
        );
    }
    assert_eq!(call(&server.channel(), "Say", "still here").await.unwrap(), "still here");
    ended(&mut crowd[0]).await;
    assert!(closed(&server, "displaced").await >= 56);
}

#[tokio::test]
async fn promise_38_whoever_watches_health_for_ever_keeps_no_work_out() {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;

    let server = start(&few(2, 300), Echo::default()).await;
    let mut watches = Vec::new();
    for _ in 0..2 {
        let mut watch =
            HealthClient::new(server.channel()).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        watch.message().await.unwrap().expect("the state of the server");
        watches.push(watch);
    }
    assert_eq!(call(&server.channel(), "Say", "work").await.unwrap(), "work");
}

#[tokio::test]
async fn promise_38_no_call_in_progress_gives_way() {
    let server = start(&few(2, 300), Echo::default()).await;
    let channels = [server.channel(), server.channel()];
    let mut streams = Vec::new();
    for channel in &channels {
        let mut words = stream(channel, "Drip", "one").await;
        assert_eq!(words.message().await.unwrap().as_deref(), Some("one"));
        streams.push(words);
    }
    let refused = call(&server.channel(), "Say", "").await.unwrap_err();
    assert!(matches!(refused.code(), Code::Unavailable | Code::Cancelled), "{refused}");
    assert!(closed(&server, "full").await >= 1);
    let late = timeout(Duration::from_millis(50), streams[0].message()).await;
    assert!(late.is_err(), "the stream goes on: {late:?}");
    drop(streams);
    wait_for("a place", || async { call(&server.channel(), "Say", "").await.ok() }).await;
}

#[tokio::test]
async fn promise_38_an_idle_connection_ends_and_its_channel_calls_on_while_one_with_a_call_stays() {
    let server = start(&few(8, 1), Echo::default()).await;
    let (idle, busy) = (server.channel(), server.channel());
    let mut words = stream(&busy, "Drip", "one").await;
    assert_eq!(words.message().await.unwrap().as_deref(), Some("one"));
    call(&idle, "Say", "").await.unwrap();
    wait_for("the idle connection to be closed", || async { (closed(&server, "idle").await == 1).then_some(()) }).await;
    assert_eq!(call(&idle, "Say", "again").await.unwrap(), "again");
    let late = timeout(Duration::from_millis(1_500), words.message()).await;
    assert!(late.is_err(), "the stream goes on: {late:?}");
    assert_eq!(call(&busy, "Say", "same connection").await.unwrap(), "same connection");
}

#[tokio::test]
async fn promise_38_an_idle_connection_that_answers_no_farewell_is_cut() {
    let server = start(&few(8, 1), Echo::default()).await;
    let begun = Instant::now();
    ended(&mut open(server.grpc, PREFACE).await).await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn headers_beyond_what_a_call_needs_are_refused() {
    let server = start(&ServerConfig::default(), Echo::default()).await;
    let mut client = tonic::client::Grpc::new(server.channel());
    client.ready().await.unwrap();
    let mut request = tonic::Request::new(String::new());
    request.metadata_mut().insert("x-large", "x".repeat(64 << 10).parse().unwrap());
    let codec = tonic_prost::ProstCodec::<String, String>::default();
    let status = client.unary(request, "/test.v1.Echo/Say".parse().unwrap(), codec).await.unwrap_err();
    assert!(
        !server.metrics().await.contains("started_total{grpc_method=\"Say\",grpc_service=\"test.v1.Echo\"} 1"),
        "{status}"
    );
    assert_eq!(call(&server.channel(), "Say", "small").await.unwrap(), "small");
}

#[tokio::test]
async fn promise_38_an_http_port_lets_the_silent_and_the_idle_go() {
    let (listener, address) = bind_tcp("127.0.0.1:0").await.unwrap();
    let router = Router::new()
        .route("/", route(|| async { "hello" }))
        .route("/hang", route(|| async { std::future::pending::<&str>().await }));
    let registry = Registry::new();
    let port = HttpPort::new(listener, &few(3, 1).connections, &registry).unwrap();
    tokio::spawn(port.serve(router, Shutdown::manual(), Duration::ZERO));
    let metrics = || TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let mut hanging = open(address, b"GET /hang HTTP/1.1\r\nhost: test\r\n\r\n").await;
    for words in [&b""[..], b"G", b"GET / HTTP/1.1\r\nhost: te"] {
        ended(&mut open(address, words).await).await;
    }
    assert!(metrics().contains(r#"champion_connections_closed_total{port="http",reason="silent"} 3"#), "{}", metrics());
    // Kept alive after its answer, and then idle.
    ended(&mut open(address, b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await).await;
    let mut crowd = Vec::new();
    for _ in 0..20 {
        crowd.push(open(address, b"").await);
    }
    assert_eq!(get(address, "/").await.1, "hello");
    assert!(timeout(Duration::from_millis(50), hanging.read_u8()).await.is_err(), "the request goes on");
}

#[tokio::test]
async fn promise_38_the_admin_port_answers_among_connections_that_want_nothing() {
    let server = start(&ServerConfig::default(), Echo::default()).await;
    let admin = server.admin.unwrap();
    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(open(admin, b"").await);
    }
    let begun = Instant::now();
    assert!(get(admin, "/livez").await.0.starts_with("HTTP/1.1 200 "));
    assert!(value(&server, r#"champion_connections_open{port="admin"}"#).await <= 17);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    ended(&mut crowd[199]).await;
}

#[tokio::test]
async fn promise_38_the_admin_port_answers_while_work_holds_every_thread() {
    let server = start(&ServerConfig::default(), Echo::default()).await;
    let admin = server.admin.unwrap();
    assert!(get(admin, "/livez").await.0.starts_with("HTTP/1.1 200 "));
    let asking = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(admin).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    });
    // The runtime of the server and of this test has one thread, and this holds it.
    let answer = asking.join().unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
}
