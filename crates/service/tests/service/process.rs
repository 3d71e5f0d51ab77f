//! A real process, from its flags to its exit code.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::wait_for;

/// The example `minimal`, which Cargo builds beside the tests.
fn minimal() -> Command {
    clean(Command::new(program()))
}

/// The same, with fewer descriptors.
pub(crate) fn minimal_within(descriptors: u32) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {descriptors} && exec \"$0\"")]).arg(program());
    clean(shell)
}

fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples/minimal")
}

fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["OTEL_", "RUST_LOG", "LOG_FORMAT", "CHAMPION_"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

pub(crate) struct Process {
    child: Child,
    folder: TempDir,
}

impl Process {
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_by(minimal(), variables)
    }

    /// Starts it by a command that becomes it.
    pub(crate) fn start_by(mut command: Command, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        command.env("CHAMPION_MINIMAL__SERVER__ADDRESS_FILE", folder.path().join("addresses.json"));
        command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().unwrap(), folder }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) async fn address(&self, name: &str) -> Option<SocketAddr> {
        let file: PathBuf = self.folder.path().join("addresses.json");
        let addresses: Value =
            wait_for("the address file", || async { serde_json::from_slice(&std::fs::read(&file).ok()?).ok() }).await;
        Some(addresses.get(name)?.as_str()?.parse().unwrap())
    }

    pub(crate) async fn serving(&self) -> HealthClient<tonic::transport::Channel> {
        let address = self.address("grpc").await.unwrap();
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
        let mut client = HealthClient::new(endpoint.connect_lazy());
        // The port is bound before the server accepts; the first call waits for it.
        client.check(HealthCheckRequest::default()).await.unwrap();
        client
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for the end beside the runtime: a client on it has to answer the server's farewell.
    pub(crate) async fn end(self) -> (Output, Vec<Value>) {
        let child = self.child;
        let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let lines = text.lines().map(parse).collect();
        (output, lines)
    }
}

fn find<'a>(lines: &'a [Value], message: &str) -> &'a Value {
    lines.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("no {message:?} in {lines:#?}"))
}

#[test]
fn the_configuration_is_printed_as_it_results_with_secrets_masked() {
    let mut command = minimal();
    command.arg("--print-config").env("CHAMPION_MINIMAL__TOKEN", "hunter2");
    command.env("CHAMPION_MINIMAL__SERVER__GRPC_LISTEN", "0.0.0.0:50051");
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("greeting = \"hello\"") && text.contains("token = \"********\""), "{text}");
    assert!(text.contains("grpc_listen = \"0.0.0.0:50051\"") && !text.contains("hunter2"), "{text}");
}

#[test]
fn an_unknown_key_ends_the_process_with_code_2_before_any_port_is_open() {
    let output = minimal().env("CHAMPION_MINIMAL__SERVER__GRPC_LISTNE", "x").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("grpc_listne"), "{text}");
}

#[test]
fn the_version_is_that_of_the_package() {
    let output = minimal().arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("champion-minimal {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_signal_stops_the_process_in_order() {
    for signal in ["TERM", "INT"] {
        let process = Process::start(&[]);
        process.serving().await;
        process.signal(signal);
        let (output, lines) = process.end().await;
        assert_eq!(output.status.code(), Some(0), "{lines:#?}");
        assert_eq!(find(&lines, "stopping")["signal"], format!("SIG{signal}"));
        let greeting = find(&lines, "greeting");
        assert_eq!(greeting["service"], "champion-minimal");
        assert_eq!(greeting["trace_id"].as_str().unwrap().len(), 32, "ids exist without an exporter");
        find(&lines, "stopped");
    }
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let process = Process::start(&[("CHAMPION_MINIMAL__SERVER__SHUTDOWN_GRACE_SECONDS", "600")]);
    let mut client = process.serving().await;
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    watch.message().await.unwrap();
    process.signal("TERM");
    // The change says that the first signal has been heard.
    watch.message().await.unwrap();
    process.signal("TERM");
    let (output, _) = process.end().await;
    assert_eq!(output.status.code(), Some(130));
}

#[tokio::test]
async fn a_taken_metrics_port_is_one_warning_in_the_log() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let process = Process::start(&[("CHAMPION_MINIMAL__SERVER__ADMIN__LISTEN", &listen)]);
    process.serving().await;
    assert_eq!(process.address("admin").await, None);
    process.signal("TERM");
    let (output, lines) = process.end().await;
    assert_eq!(output.status.code(), Some(0));
    let warnings: Vec<_> = lines.iter().filter(|line| line["level"] == "WARN").collect();
    assert!(warnings.len() == 1 && warnings[0]["error"].as_str().unwrap().contains(&listen), "{warnings:#?}");
}

#[tokio::test]
async fn wrong_telemetry_variables_are_warnings() {
    let process = Process::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url"),
        ("OTEL_TRACES_SAMPLER", "dice"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_PROPAGATORS", "smoke"),
        ("OTEL_RESOURCE_ATTRIBUTES", "nonsense"),
        ("RUST_LOG", "champion=loud=very"),
        ("LOG_FORMAT", "xml"),
    ]);
    process.serving().await;
    process.signal("TERM");
    let (output, lines) = process.end().await;
    assert_eq!(output.status.code(), Some(0));
    let warned: String = lines.iter().filter_map(|line| line["warning"].as_str()).collect();
    for name in ["ENDPOINT", "SAMPLER", "QUEUE_SIZE", "PROPAGATORS", "ATTRIBUTES", "RUST_LOG", "LOG_FORMAT"] {
        assert!(warned.contains(name), "{name}: {warned}");
    }
}

#[tokio::test]
async fn a_silent_or_absent_collector_delays_the_end_by_no_more_than_the_flush() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let absent = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (collector, protocol) in [
        (silent.local_addr().unwrap(), "grpc"),
        (silent.local_addr().unwrap(), "http/protobuf"),
        (absent, "grpc"),
        (absent, "http/protobuf"),
    ] {
        let endpoint = format!("http://{collector}");
        let process = Process::start(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("CHAMPION_MINIMAL__SERVER__FLUSH_SECONDS", "1"),
        ]);
        process.serving().await;
        process.signal("TERM");
        let begun = Instant::now();
        let (output, lines) = process.end().await;
        assert_eq!(output.status.code(), Some(0), "{protocol} to {collector}: {lines:#?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{protocol} to {collector}: {:?}", begun.elapsed());
    }
}
