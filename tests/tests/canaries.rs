//! Planted secrets are found nowhere, whatever goes wrong.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use champion_e2e::tap::Tap;
use champion_e2e::wait::wait_until;
use champion_e2e::{Answer, Fleet, programs};
use serde_json::json;

const PASSWORD: &str = "canary-password-5d41402abc4b2a76";
const WRONG_PASSWORD: &str = "canary-wrong-9719911017c592";
const HEADER: &str = "canary-header-7d793037a0760186";
/// Sessions the exchange opens at most in this test.
const SESSIONS: u64 = 40;

/// The mirror's cookies, which it counts up.
fn cookies() -> Vec<String> {
    (1..=SESSIONS).map(|number| format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect()
}

/// Texts in which a secret may hide, with the place they come from.
#[derive(Default)]
struct Searched {
    places: usize,
    found: Vec<String>,
}

impl Searched {
    fn bytes(&mut self, place: &str, bytes: &[u8]) {
        self.places += 1;
        let secrets = [PASSWORD, WRONG_PASSWORD, HEADER].map(str::to_owned).into_iter().chain(cookies());
        for secret in secrets {
            if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                self.found.push(format!("{secret} in {place}"));
            }
        }
    }

    fn answer(&mut self, place: &str, answer: &Answer) {
        self.bytes(place, answer.stdout.as_bytes());
        self.bytes(place, answer.stderr.as_bytes());
    }

    fn folder(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.folder(&path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                self.bytes(&path.display().to_string(), &bytes);
            }
        }
    }
}

#[test]
fn promise_30_planted_secrets_appear_in_no_log_metric_trace_error_or_file() {
    let tap = Tap::start();
    let fleet = Fleet::builder()
        .otlp(&tap.endpoint())
        .variable("OTEL_EXPORTER_OTLP_HEADERS", &format!("x-api-key={HEADER}"))
        .variable("RUST_LOG", "debug")
        .variable_of("embedded-warehouse", "CHAMPION_EMBEDDED_WAREHOUSE__AUTH__PASSWORD", PASSWORD)
        .variable_of("clickhouse-loader", "CHAMPION_CLICKHOUSE_LOADER__WAREHOUSE__USER", "default")
        .variable_of("clickhouse-loader", "CHAMPION_CLICKHOUSE_LOADER__WAREHOUSE__PASSWORD", PASSWORD)
        .variable_of("orchestrator", "CHAMPION_ORCHESTRATOR__STAGES__CLICKHOUSE_LOADER__ATTEMPTS", "2")
        .variable_of("orchestrator", "CHAMPION_ORCHESTRATOR__STAGES__CLICKHOUSE_LOADER__UNAVAILABLE_SECONDS", "0")
        .start();
    let mut searched = Searched::default();
    let mut run = |dataset: &str, date: &str, code: i32| {
        let answer = fleet.champion(&["run", dataset, "--date", date]).expect_code(code);
        searched.answer(&format!("the output of {dataset} {date}"), &answer);
    };
    // The password and the cookies are used.
    run("bhavcopy", "2024-07-08", 0);
    run("corporate_actions", "2024-07-08", 0);
    // The exchange ends the session; the warehouse refuses the password; nobody is where the warehouse was.
    let refused = json!({"path": "corporate", "kind": "unauthorized_401", "count": "forever"});
    fleet.post_to_mirror("/__fault", &refused);
    run("corporate_actions", "2024-07-09", 1);
    fleet.clear_faults();
    fleet.stop("clickhouse-loader");
    fleet.set_variable("clickhouse-loader", "CHAMPION_CLICKHOUSE_LOADER__WAREHOUSE__PASSWORD", WRONG_PASSWORD);
    fleet.spawn("clickhouse-loader");
    run("bhavcopy", "2024-07-09", 1);
    fleet.kill("embedded-warehouse");
    run("bhavcopy", "2024-07-10", 1);
    fleet.start("embedded-warehouse");

    for arguments in [&["status"][..], &["runs"], &["query", "SELECT 1"], &["migrate"]] {
        let answer = fleet.champion(arguments);
        searched.answer(&format!("the output of {arguments:?}"), &answer);
    }
    let printed = Command::new(programs::binary("champion-clickhouse-loader"))
        .arg("--print-config")
        .env("CHAMPION_CLICKHOUSE_LOADER__WAREHOUSE__PASSWORD", PASSWORD)
        .output()
        .expect("the loader prints its configuration");
    assert!(String::from_utf8_lossy(&printed.stdout).contains("********"), "the password is not masked");
    searched.bytes("--print-config", &[printed.stdout, printed.stderr].concat());
    for service in fleet.services() {
        searched.bytes(&format!("the metrics of {service}"), fleet.metrics(&service).as_bytes());
    }
    let has = |name: &str| tap.received().iter().any(|span| span.to_string().contains(name));
    wait_until("the spans of the failed load", Duration::from_secs(20), || {
        has("warehouse statement").then_some(()).or_else(|| has("INSERT").then_some(()))
    });
    for span in tap.received() {
        searched.bytes("a span", span.to_string().as_bytes());
    }
    for service in ["scraper", "clickhouse-loader", "orchestrator"] {
        fleet.stop(service);
    }
    searched.folder(fleet.folder());
    assert!(searched.found.is_empty(), "{:#?}", searched.found);
    assert!(searched.places > 100, "only {} places were searched", searched.places);

    // The search finds what is there.
    let planted = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(planted.path().join("log"), format!("cookie: session={}", cookies()[1])).expect("ours");
    let mut control = Searched::default();
    control.folder(planted.path());
    assert_eq!(control.found.len(), 1);
}
