//! A certificate of the authority opens the connection; its names say what may be called over it.

use champion_service::{Allow, Listeners, ServeError, Server, ServerConfig, ServerTlsConfig, Shutdown};
use champion_telemetry::Registry;
use rcgen::SanType;
use tonic::Code;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use crate::support::{Authority, GOOD, Side, call, channel, side};

const RULES: &str = "reflection = ['spiffe://champion/operator', 'tools.internal']";

async fn started(server: &Side, rules: &str) -> Result<(), ServeError> {
    serve(server, rules, Shutdown::manual()).await.1.await.expect("no panic")
}

async fn serve(
    server: &Side,
    rules: &str,
    shutdown: Shutdown,
) -> (std::net::SocketAddr, tokio::task::JoinHandle<Result<(), ServeError>>) {
    let allow: Allow = toml::from_str(rules).unwrap();
    let tls = ServerTlsConfig { files: Some(server.files.clone()), allow, ..ServerTlsConfig::default() };
    let config = ServerConfig { tls, ..ServerConfig::default() };
    let listeners = Listeners::bind(&config).await.unwrap();
    let address = listeners.grpc_addr();
    let server = Server::new(listeners, Registry::new(), &config).reflection(tonic_health::pb::FILE_DESCRIPTOR_SET);
    (address, tokio::spawn(server.serve(shutdown)))
}

fn caller(authority: &Authority, names: &[&str]) -> Side {
    let names = names.iter().map(|name| match name.contains("://") {
        true => SanType::URI((*name).try_into().unwrap()),
        false => SanType::DnsName((*name).try_into().unwrap()),
    });
    let folder = tempfile::tempdir().unwrap();
    let files = authority.issue_names(folder.path(), names.collect(), &GOOD);
    Side { folder, files }
}

#[tokio::test]
async fn promise_39_a_caller_is_let_in_by_its_names_to_the_letter_and_a_refusal_names_them() {
    let authority = Authority::new();
    let server = side(&authority, &GOOD);
    let (address, _running) = serve(&server, RULES, Shutdown::manual()).await;
    let reads = |caller: &Side| {
        let mut client = ServerReflectionClient::new(channel(address, &caller.files));
        async move {
            let list = Some(MessageRequest::ListServices(String::new()));
            let request = ServerReflectionRequest { host: String::new(), message_request: list };
            client.server_reflection_info(futures::stream::iter([request])).await.map(|_| ())
        }
    };
    for names in
        [&["spiffe://champion/operator"][..], &["tools.internal"], &["x.internal", "spiffe://champion/operator"]]
    {
        reads(&caller(&authority, names)).await.unwrap_or_else(|status| panic!("{names:?}: {status}"));
    }
    for names in [
        &["spiffe://champion/monitor"][..],
        &["spiffe://champion/operator/x", "spiffe://champion/operato"],
        &["spiffe://CHAMPION/operator"],
        &["internal", "*.internal", "a.tools.internal"],
    ] {
        let caller = caller(&authority, names);
        let status = reads(&caller).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{names:?}: {status}");
        assert!(status.message().contains(names[0]), "{status}");
        assert!(status.message().contains("grpc.reflection.v1.ServerReflection"), "{status}");
        call(&channel(address, &caller.files)).await.expect("health is for every certificate");
    }
    let nameless = caller(&authority, &[]);
    let status = reads(&nameless).await.unwrap_err();
    assert!(status.message().contains("without a URI or a DNS name"), "{status}");
}

#[tokio::test]
async fn promise_39_a_method_without_a_rule_is_called_by_nobody() {
    let authority = Authority::new();
    let server = side(&authority, &GOOD);
    let (address, _running) = serve(&server, "", Shutdown::manual()).await;
    let caller = caller(&authority, &["spiffe://champion/operator", "spiffe://champion/orchestrator"]);
    for path in [
        "/test.v1.Echo/Say",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.health.v2.Health/Check",
    ] {
        let mut client = tonic::client::Grpc::new(channel(address, &caller.files));
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<(), ()>::default();
        let status = client.unary(tonic::Request::new(()), path.parse().unwrap(), codec).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{path}: {status}");
        assert!(status.message().contains("no rule"), "{path}: {status}");
    }
}

#[tokio::test]
async fn promise_39_a_rule_for_a_method_that_is_not_there_ends_the_start() {
    let authority = Authority::new();
    let server = side(&authority, &GOOD);
    let error = started(&server, "migarte = ['spiffe://champion/operator']").await.unwrap_err().to_string();
    assert!(error.contains("migarte") && error.contains("[server.tls.allow]"), "{error}");
}
