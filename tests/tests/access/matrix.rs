//! Real processes, real certificates, every method.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use champion_e2e::programs;
use champion_e2e::wait::wait_until;
use champion_service::TlsFiles;
use champion_service::channel::ServiceChannel;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use crate::certificates::{Authority, channel};
use crate::rules::{Caller, METHODS};
use crate::service::{Service, tls, variable};

/// Longest wait for an answer; what a call answers once it is let in is not the matter here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Calls a method with an empty message; a refusal comes before anybody looks at the message.
async fn call(channel: &ServiceChannel, method: &str) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = format!("/{method}").parse().expect("a path");
    client.unary(tonic::Request::new(()), path, ProstCodec::<(), ()>::default()).await.map(|_| ())
}

/// Tells whether the call was let in; a call that never arrived tells nothing, and fails the test.
async fn is_let_in(channel: &ServiceChannel, method: &str) -> (bool, String) {
    match call(channel, method).await {
        Ok(()) => (true, String::new()),
        Err(status) if status.code() == Code::PermissionDenied => (false, status.message().to_owned()),
        Err(status) => {
            let arrived = status.code() != Code::Unavailable || !status.message().contains("transport error");
            assert!(arrived, "{method}: {status}");
            (true, String::new())
        }
    }
}

/// Starts the stages, each with a certificate of its own, and the orchestrator that calls them.
fn start(folder: &Path, authority: &Authority) -> Vec<(String, Service, String)> {
    let mut mirror = Service::start(
        "exchange-mirror",
        folder,
        &[(variable("exchange-mirror", "SERVER__HTTP_LISTEN"), "127.0.0.1:0".to_owned())],
    );
    let source = format!("http://{}", mirror.address("http"));
    let mut started = Vec::new();
    let mut urls = Vec::new();
    for name in ["scraper", "parser", "parquet-writer", "clickhouse-loader", "orchestrator"] {
        let files = authority.issue(name, &[&format!("spiffe://champion/{name}")], true);
        let mut variables = tls(name, "SERVER__TLS", "CLIENT_CA", &files);
        match name {
            "scraper" => variables.push((variable(name, "SOURCE__MIRROR"), source.clone())),
            // Nobody listens there: a load waits, and is let in all the same.
            "clickhouse-loader" => variables.push((variable(name, "WAREHOUSE__URL"), "http://127.0.0.1:9".to_owned())),
            "orchestrator" => {
                variables.extend(tls(name, "TLS", "CA", &files));
                variables.append(&mut urls);
            }
            _ => {}
        }
        let mut service = Service::start(name, folder, &variables);
        let url = service.url();
        urls.push((
            variable("orchestrator", &format!("STAGES__{}__URL", name.replace('-', "_").to_uppercase())),
            url.clone(),
        ));
        started.push((name.to_owned(), service, url));
    }
    started.push(("exchange-mirror".to_owned(), mirror, String::new()));
    started
}

fn url<'a>(services: &'a [(String, Service, String)], name: &str) -> &'a str {
    let found = services.iter().find(|(service, ..)| service == name);
    found.map(|(_, _, url)| url.as_str()).unwrap_or_else(|| panic!("no service {name}"))
}

fn champion(folder: &Path, orchestrator: &str, files: &TlsFiles, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(programs::binary("champion"))
        .args(["--data"])
        .arg(folder.join("data"))
        .args(arguments)
        .env("CHAMPION_ORCHESTRATOR_URL", orchestrator)
        .env("CHAMPION_TLS_CERTIFICATE", &files.certificate)
        .env("CHAMPION_TLS_PRIVATE_KEY", &files.private_key)
        .env("CHAMPION_TLS_CA", &files.ca)
        .output()
        .expect("champion runs");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code(), text)
}

#[tokio::test]
async fn promise_39_each_method_is_called_by_those_who_may_and_by_nobody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path());
    let services = start(folder.path(), &authority);
    let mut callers: Vec<(String, Option<Caller>, TlsFiles)> = Caller::ALL
        .iter()
        .map(|caller| {
            let name = format!("{caller:?}").to_lowercase();
            let files = authority.issue(&format!("client-{name}"), &[caller.identity()], false);
            (caller.identity().to_owned(), Some(*caller), files)
        })
        .collect();
    // Known to the authority, and a stranger: names that look like others', a server's own, and none at all.
    for (number, names) in [
        &["spiffe://elsewhere/operator", "operator", "champion"][..],
        &["spiffe://champion/parser"],
        &["spiffe://champion/operator/", "spiffe://champion/Operator"],
        &["dashboard.internal"],
    ]
    .iter()
    .enumerate()
    {
        callers.push((names[0].to_owned(), None, authority.issue(&format!("stranger-{number}"), names, false)));
    }
    callers.push(("without a URI or a DNS name".to_owned(), None, authority.issue("nameless", &[], false)));

    let mut faults = Vec::new();
    for (seen, caller, files) in &callers {
        for (service, method, may) in METHODS {
            let channel = channel(url(&services, service), files);
            let (let_in, told) = is_let_in(&channel, method).await;
            let expected = caller.is_some_and(|caller| may.contains(&caller));
            if let_in != expected {
                faults.push(format!("{seen} calls {method}: let in {let_in}, expected {expected}"));
            }
            if !(let_in || told.contains(method) && told.contains(seen.as_str())) {
                faults.push(format!("a refusal that does not name {method} and {seen}: {told}"));
            }
        }
        let channel = channel(url(&services, "parser"), files);
        assert!(is_let_in(&channel, "grpc.health.v1.Health/Check").await.0, "{seen} asks for health");
        let (reflects, _) = is_let_in(&channel, "grpc.reflection.v1.ServerReflection/ServerReflectionInfo").await;
        assert_eq!(reflects, *caller == Some(Caller::Operator), "{seen} reads the contract");
        assert!(!is_let_in(&channel, "champion.parser.v1.ParserService/Surprise").await.0, "{seen}");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    for (name, mut service, _) in services {
        if name == "exchange-mirror" {
            continue;
        }
        assert!(service.log().contains("\"call refused\""), "{name} says nothing:\n{}", service.log());
        let admin = service.address("admin");
        let metrics =
            reqwest::get(format!("http://{admin}/metrics")).await.expect("metrics").text().await.expect("text");
        let refused = |line: &str| line.contains("grpc_code=\"PermissionDenied\"") && !line.ends_with(" 0");
        assert!(metrics.lines().any(refused), "{name} counts no refusal");
    }
}

#[tokio::test]
async fn promise_39_an_operator_runs_a_day_a_dashboard_reads_it_and_a_stranger_does_neither() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path());
    let services = start(folder.path(), &authority);
    let orchestrator = url(&services, "orchestrator").to_owned();
    let issue = |name: &str, identity: &str| authority.issue(name, &[identity], false);
    let operator = issue("operator", Caller::Operator.identity());
    let monitor = issue("monitor", Caller::Monitor.identity());
    let stranger = issue("stranger", "spiffe://elsewhere/operator");

    let day = ["run", "bhavcopy", "--date", "2024-07-08", "--json"];
    for files in [&monitor, &stranger] {
        let (code, text) = champion(folder.path(), &orchestrator, files, &day);
        assert_ne!(code, Some(0), "{text}");
        assert!(text.contains("OrchestratorService/Run") && text.contains("may not call"), "{text}");
    }
    assert!(!folder.path().join("lake/raw").exists(), "a refused run asked for a file");

    // The load waits for a warehouse that is not there; what is before it needs the orchestrator's certificate.
    let (data, as_operator) = (folder.path().to_owned(), operator.clone());
    let url_too = orchestrator.clone();
    let run = std::thread::spawn(move || champion(&data, &url_too, &as_operator, &day));
    let curated = folder.path().join("lake/curated/normalized_equity_ohlc/exchange=nse/year=2024/month=07");
    wait_until("the day to be published", Duration::from_secs(60), || {
        let mut files = std::fs::read_dir(&curated).ok()?.filter_map(Result::ok);
        files.any(|file| file.file_name().to_string_lossy().ends_with("2024-07-08.parquet")).then_some(())
    });
    let runs = |files: &TlsFiles| champion(folder.path(), &orchestrator, files, &["runs", "--json"]);
    let (code, text) = runs(&monitor);
    assert_eq!(code, Some(0), "{text}");
    let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let id = answer["runs"][0]["run_id"].as_str().unwrap_or_else(|| panic!("no run in {text}")).to_owned();
    assert_ne!(runs(&stranger).0, Some(0));
    let cancel = |files: &TlsFiles| champion(folder.path(), &orchestrator, files, &["cancel", &id]);
    let (code, text) = cancel(&monitor);
    assert!(code != Some(0) && text.contains("may not call"), "{text}");
    let (code, text) = cancel(&operator);
    assert_eq!(code, Some(0), "{text}");
    run.join().expect("the run's command ends with its run");
}

#[tokio::test]
async fn the_certificates_that_the_script_makes_are_known_for_what_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = folder.path().join("tls");
    let script = programs::root().join("deploy/setup/make-certificates.sh");
    assert!(Command::new(script).arg(&made).output().expect("the script runs").status.success());
    let files = |name: &str| TlsFiles {
        certificate: made.join(format!("{name}.crt")),
        private_key: made.join(format!("{name}.key")),
        ca: made.join("ca.crt"),
    };
    let mut parser =
        Service::start("parser", folder.path(), &tls("parser", "SERVER__TLS", "CLIENT_CA", &files("parser")));
    let url = parser.url();
    let parse = "champion.parser.v1.ParserService/Parse";
    assert!(is_let_in(&channel(&url, &files("orchestrator")), parse).await.0);
    for name in ["operator", "monitor"] {
        let (let_in, told) = is_let_in(&channel(&url, &files(name)), parse).await;
        assert!(!let_in && told.contains(&format!("spiffe://champion/{name}")), "{told}");
    }
}
