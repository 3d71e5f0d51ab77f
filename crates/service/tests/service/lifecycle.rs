//! How a server starts, shows itself and stops.

use std::time::{Duration, Instant};

use crate::support::{Echo, call, get, start, stream, wait_for};
use axum::Router;
use axum::routing::get as route;
use champion_service::{AdminConfig, ConnectionsConfig, HttpPort, Listeners, Server, ServerConfig, Shutdown, bind_tcp};
use champion_telemetry::{Registry, ServiceIdentity, metrics};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const IDENTITY: ServiceIdentity = ServiceIdentity { name: "champion-test", version: "1.2.3" };

fn grace(seconds: u64) -> ServerConfig {
    ServerConfig { shutdown_grace_seconds: seconds, ..ServerConfig::default() }
}

#[tokio::test]
async fn the_admin_endpoint_answers_in_the_prometheus_text_format() {
    let config = ServerConfig::default();
    let listeners = Listeners::bind(&config).await.unwrap();
    let (admin, registry) = (listeners.admin_addr().unwrap(), Registry::new());
    metrics::register_process(&registry, &IDENTITY).unwrap();
    tokio::spawn(Server::new(listeners, registry, &config).serve(Shutdown::manual()));
    let (head, body) = get(admin, "/metrics").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4\r\n"), "{head}");
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
        assert!(body.contains(&format!("\n{name} ")), "{name}: {body}");
    }
    assert!(body.contains(r#"champion_build_info{service="champion-test",version="1.2.3"} 1"#), "{body}");
    assert!(get(admin, "/nothing").await.0.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn a_server_is_ready_when_its_own_check_says_so() {
    let config = ServerConfig::default();
    let listeners = Listeners::bind(&config).await.unwrap();
    let admin = listeners.admin_addr().unwrap();
    let (says, hears) = tokio::sync::watch::channel(false);
    let server = Server::new(listeners, Registry::new(), &config).readiness(move || *hears.borrow());
    tokio::spawn(server.serve(Shutdown::manual()));
    assert!(get(admin, "/readyz").await.0.starts_with("HTTP/1.1 503 "));
    assert!(get(admin, "/livez").await.0.starts_with("HTTP/1.1 200 "));
    says.send(true).unwrap();
    assert!(get(admin, "/readyz").await.0.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_taken_metrics_port_is_a_warning_unless_the_endpoint_is_required() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let admin = |enabled, required| AdminConfig { enabled, listen: listen.clone(), required };
    let with = |admin| ServerConfig { admin, ..ServerConfig::default() };

    let server = start(&with(admin(true, false)), Echo::default()).await;
    assert_eq!(server.admin, None);
    assert_eq!(call(&server.channel(), "Say", "still here").await.unwrap(), "still here");

    let error = Listeners::bind(&with(admin(true, true))).await.unwrap_err();
    assert!(error.to_string().contains(&listen), "{error}");
    assert_eq!(Listeners::bind(&with(admin(false, true))).await.unwrap().admin_addr(), None);
}

#[tokio::test]
async fn a_taken_grpc_port_is_refused_by_its_address() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let grpc_listen = taken.local_addr().unwrap().to_string();
    let error = Listeners::bind(&ServerConfig { grpc_listen: grpc_listen.clone(), ..ServerConfig::default() }).await;
    assert!(error.unwrap_err().to_string().contains(&grpc_listen));
}

#[tokio::test]
async fn the_address_file_says_which_ports_were_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new/addresses.json");
    let config = ServerConfig { address_file: Some(file.clone()), ..ServerConfig::default() };
    let listeners = Listeners::bind(&config).await.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let addresses: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(addresses["grpc"], listeners.grpc_addr().to_string());
    assert_eq!(addresses["admin"], listeners.admin_addr().unwrap().to_string());
    assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no temporary file stays behind");
}

#[tokio::test]
async fn a_drain_with_an_open_watch_stream_ends_within_its_deadline() {
    let server = start(&grace(1), Echo::default()).await;
    let (grpc, admin) = (server.grpc, server.admin.unwrap());
    let mut health = HealthClient::new(server.channel());
    let request = HealthCheckRequest { service: "test.v1.Echo".to_owned() };
    let mut watch = health.watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    server.shutdown.trigger();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    wait_for("the gRPC port to close", || async { TcpStream::connect(grpc).await.is_err().then_some(()) }).await;
    assert!(get(admin, "/readyz").await.0.starts_with("HTTP/1.1 503 "), "the endpoint answers while calls drain");
    let took = server.ended().await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(watch.message().await.is_err(), "the stream is cut, not left behind");
}

#[tokio::test]
async fn a_call_in_progress_may_end_after_the_stop_was_asked() {
    let last = start(&grace(20), Echo::default()).await;
    let first = start(&grace(20), Echo { next: Some(last.channel()) }).await;
    let mut words = stream(&first.channel(), "Drip", "one").await;
    assert_eq!(words.message().await.unwrap().as_deref(), Some("one"));
    first.shutdown.trigger();
    wait_for("the port to close", || async { TcpStream::connect(first.grpc).await.is_err().then_some(()) }).await;
    drop(words);
    let took = first.ended().await;
    assert!(took < Duration::from_secs(10), "the drain ends with its last call, not with the grace: {took:?}");
}

#[tokio::test]
async fn an_idle_server_stops_at_once() {
    let server = start(&grace(20), Echo::default()).await;
    call(&server.channel(), "Say", "").await.unwrap();
    server.shutdown.trigger();
    let took = server.ended().await;
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn an_http_server_drops_what_is_open_after_the_grace() {
    let (listener, address) = bind_tcp("127.0.0.1:0").await.unwrap();
    let router = Router::new()
        .route("/", route(|| async { "hello" }))
        .route("/hang", route(|| async { std::future::pending::<&str>().await }));
    let shutdown = Shutdown::manual();
    let port = HttpPort::new(listener, &ConnectionsConfig::default(), &Registry::new()).unwrap();
    let server = tokio::spawn(port.serve(router, shutdown.clone(), Duration::from_millis(200)));
    assert_eq!(get(address, "/").await.1, "hello");
    let mut hanging = TcpStream::connect(address).await.unwrap();
    hanging.write_all(b"GET /hang HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    shutdown.trigger();
    let begun = Instant::now();
    server.await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn reflection_lists_the_services_of_this_server() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let server = start(&ServerConfig::default(), Echo::default()).await;
    let ask = |message| {
        let mut client = ServerReflectionClient::new(server.channel());
        async move {
            let request = ServerReflectionRequest { host: String::new(), message_request: Some(message) };
            let answers = client.server_reflection_info(futures::stream::iter([request])).await.unwrap();
            answers.into_inner().message().await.unwrap().unwrap().message_response.unwrap()
        }
    };
    let MessageResponse::ListServicesResponse(list) = ask(MessageRequest::ListServices(String::new())).await else {
        panic!("not a list of services");
    };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(names, ["grpc.health.v1.Health", "test.v1.Echo"]);
    let symbol = MessageRequest::FileContainingSymbol("test.v1.Echo".to_owned());
    assert!(matches!(ask(symbol).await, MessageResponse::FileDescriptorResponse(_)));
}
