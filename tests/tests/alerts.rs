//! Alerts fired for real: a fault in the running stack, a real Prometheus with the product's rules, a real Alertmanager with
//! the product's routes, and a receiver of the test's own. Then the fault goes, and so does the alert.
//!
//! Only times are shortened: `monitoring/overrides/fast.toml` and `monitoring/overrides/alertmanager-fast.toml`.

use std::process::Stdio;
use std::time::{Duration, Instant};

use champion_e2e::alertmanager::Notified;
use champion_e2e::gate::Gate;
use champion_e2e::prometheus::Prometheus;
use champion_e2e::wait::wait_until;
use champion_e2e::{Alertmanager, Fleet};
use serde_json::{Value, json};

/// Windows of the shortened rules and the waits of Alertmanager, on a loaded machine.
const IN_TIME: Duration = Duration::from_secs(60);
const DATASETS: [&str; 3] = ["bhavcopy", "full_bhavcopy", "corporate_actions"];

/// A fleet that is watched.
struct Watched {
    began: Instant,
    fleet: Fleet,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
}

impl Watched {
    fn new(fleet: Fleet) -> Self {
        let alertmanager = Alertmanager::start();
        let prometheus = Prometheus::alerting(&fleet, &alertmanager);
        Self { began: Instant::now(), fleet, prometheus, alertmanager }
    }

    /// Waits until an alert has been delivered, and checks what every notification has to say.
    fn delivered(&self, alert: &str, receiver: &str, about: (&str, &str)) -> Notified {
        let found =
            wait_until(&format!("{alert} to be delivered; firing: {:?}", self.prometheus.firing()), IN_TIME, || {
                let all = self.alertmanager.notified().into_iter();
                all.filter(|one| one.status == "firing").find(|one| is_about(one, alert, about))
            });
        self.note(alert, "delivered");
        assert_eq!(found.receiver, receiver, "{found:?}");
        let runbook = found.annotations["runbook_url"].as_str().unwrap_or_default();
        assert!(runbook.ends_with(&format!("/docs/runbooks/{alert}.md")), "{found:?}");
        assert!(found.annotations["summary"].as_str().is_some_and(|text| !text.contains("no value")), "{found:?}");
        found
    }

    /// Waits until the end of an alert has been delivered.
    fn resolved(&self, alert: &str, about: (&str, &str)) {
        wait_until(&format!("the end of {alert} {about:?}"), IN_TIME, || {
            let all = self.alertmanager.notified().into_iter();
            all.filter(|one| one.status == "resolved").find(|one| is_about(one, alert, about))
        });
        self.note(alert, "over");
    }

    /// Waits until an alert has come to Alertmanager and is held back by another one, and checks that nobody heard of it.
    fn inhibited(&self, alert: &str, by: &str) {
        wait_until(&format!("{alert} to be held back by {by}"), IN_TIME, || {
            let alerts = self.alertmanager.alerts();
            let named = |name: &str| alerts.iter().find(|one| one["labels"]["alertname"] == name).cloned();
            let (held, holder) = (named(alert)?, named(by)?);
            let by = held["status"]["inhibitedBy"].as_array()?.clone();
            (held["status"]["state"] == "suppressed" && by.contains(&holder["fingerprint"])).then_some(())
        });
        assert!(self.alertmanager.find(alert, "firing").is_none(), "{alert} was told although {by} fires");
        self.note(alert, "held back");
    }

    /// Tells the story to whoever looks at a failed test.
    fn note(&self, alert: &str, what: &str) {
        eprintln!("{:>6.1} s  {alert} {what}", self.began.elapsed().as_secs_f64());
    }

    fn fault(&self, path: &str, fault: &Value) {
        let mut rule = json!({"path": path, "count": "forever"});
        rule.as_object_mut().expect("an object").extend(fault.as_object().expect("an object").clone());
        self.fleet.post_to_mirror("/__fault", &rule);
    }

    /// The day of the session that is due.
    fn due(&self, dataset: &str) -> chrono::NaiveDate {
        let midnight = self.prometheus.query(&format!("champion_due_trade_date_seconds{{dataset=\"{dataset}\"}}"))[0].1;
        #[expect(clippy::cast_possible_truncation, reason = "seconds of this era are whole and far below 2^53")]
        let midnight = chrono::DateTime::from_timestamp(midnight as i64, 0).expect("an instant");
        (midnight + chrono::Duration::minutes(330)).date_naive()
    }

    fn run(&self, dataset: &str, date: &str, code: i32) {
        let _ = self.fleet.champion(&["run", dataset, "--date", date, "--json"]).expect_code(code);
    }
}

fn is_about(one: &Notified, alert: &str, (label, value): (&str, &str)) -> bool {
    one.labels["alertname"] == alert && (label.is_empty() || one.labels[label] == value)
}

const ANY: (&str, &str) = ("", "");

#[test]
fn what_the_exchange_does_wrong_is_told_and_its_end_too() {
    let watched = Watched::new(
        Fleet::builder()
            // So that a file with many bad rows is taken, and the share of bad rows is what the fault says.
            .variable_of("parser", "CHAMPION_PARSER__LIMITS__MAX_QUARANTINED_RATIO", "0.9")
            .variable_of("scraper", "CHAMPION_SCRAPER__RETRY__BASE_SECONDS", "0.05")
            .variable_of("scraper", "CHAMPION_SCRAPER__BREAKER__OPEN_SECONDS", "2")
            .variable_of("orchestrator", "CHAMPION_ORCHESTRATOR__WATCH__POLL_SECONDS", "1")
            .start(),
    );
    let table = ("table", "normalized_equity_ohlc");
    let source = ("source", "nse_archive");

    // Nothing is in, so the last session is late. And the dead man's switch is heard.
    for dataset in DATASETS {
        let _ = watched.delivered("DataNotInByItsHour", "on-call", ("dataset", dataset));
    }
    wait_until("heartbeats", IN_TIME, || {
        (watched.alertmanager.webhook().received("/heartbeat").len() >= 2).then_some(())
    });

    // One row in ten, then most of them.
    watched.fault("20240708", &json!({"kind": "high_below_low", "rows": 350}));
    watched.run("bhavcopy", "2024-07-08", 0);
    let _ = watched.delivered("HighValidationFailureRate", "slack-warnings", table);
    let _ = watched.delivered("QuarantineAboveThreshold", "slack-warnings", ("kind", "rows"));
    watched.fault("20240709", &json!({"kind": "high_below_low", "rows": 2000}));
    watched.run("bhavcopy", "2024-07-09", 0);
    let _ = watched.delivered("CriticalValidationFailureRate", "on-call", table);

    // The exchange replaces a file.
    watched.run("bhavcopy", "2024-07-10", 0);
    watched.fault("20240710", &json!({"kind": "corrected", "rows": 3}));
    let _ = watched.fleet.champion(&["run", "bhavcopy", "--date", "2024-07-10", "--recheck"]).expect_code(0);
    let _ = watched.delivered("FileCorrected", "digest", ("dataset", "bhavcopy"));

    // Some requests fail, and then every one.
    watched.fault("20240711", &json!({"kind": "status_5xx", "count": 3}));
    watched.run("bhavcopy", "2024-07-11", 0);
    let _ = watched.delivered("CircuitBreakerHighFailureRate", "slack-warnings", source);
    watched.fault("*", &json!({"kind": "status_5xx"}));
    watched.run("full_bhavcopy", "2024-07-12", 1);
    let _ = watched.delivered("CircuitBreakerOpened", "on-call", source);
    let _ = watched.delivered("PipelineFailureRate", "slack-warnings", ("flow_name", "full_bhavcopy_etl"));

    // The exchange works again, and the session that is due comes in.
    watched.fleet.clear_faults();
    wait_until("the breaker to let probes through", IN_TIME, || {
        (watched.fleet.champion(&["run", "full_bhavcopy", "--date", "2024-07-12"]).code == 0).then_some(())
    });
    for dataset in DATASETS {
        watched.run(dataset, &watched.due(dataset).to_string(), 0);
        watched.resolved("DataNotInByItsHour", ("dataset", dataset));
    }
    // What lies between the first session and this one was never asked for, and is now.
    let gap = ("dataset", "bhavcopy");
    let _ = watched.delivered("SessionGap", "slack-warnings", gap);
    let due = watched.due("bhavcopy");
    let (from, to) = ((due - chrono::Duration::days(45)).to_string(), due.to_string());
    let _ = watched.fleet.champion(&["backfill", "bhavcopy", "--from", &from, "--to", &to]).expect_code(0);
    watched.resolved("SessionGap", gap);

    for (alert, about) in [
        ("CircuitBreakerOpened", source),
        ("CircuitBreakerHighFailureRate", source),
        ("PipelineFailureRate", ANY),
        ("HighValidationFailureRate", table),
        ("CriticalValidationFailureRate", table),
        ("QuarantineAboveThreshold", ANY),
        ("FileCorrected", ANY),
    ] {
        watched.resolved(alert, about);
    }
}

#[test]
fn what_breaks_in_the_platform_is_told_once_and_what_follows_from_it_is_held_back() {
    let gate = Gate::open();
    let watched = Watched::new(
        Fleet::builder()
            .collector()
            .gate(&gate)
            .variable_of("clickhouse-loader", "CHAMPION_CLICKHOUSE_LOADER__WAREHOUSE__PROBE_SECONDS", "1")
            .variable_of("clickhouse-loader", "CHAMPION_CLICKHOUSE_LOADER__WAREHOUSE__MAX_ATTEMPTS", "1")
            .start(),
    );
    let fleet = &watched.fleet;

    // A Parquet file cannot be written: where its folder belongs, there is a file.
    let curated = fleet.lake().join("curated");
    std::fs::write(&curated, "in the way").expect("the lake is ours");
    watched.run("bhavcopy", "2024-07-08", 1);
    let _ = watched.delivered("ParquetWriteFailures", "slack-warnings", ANY);
    std::fs::remove_file(&curated).expect("a file of ours");

    // The way to the warehouse is cut. A run waits for it: the failed loads that follow from this are held back, the run that
    // goes on and on is not.
    gate.close();
    let _ = watched.delivered("WarehouseUnreachable", "on-call", ANY);
    let mut waiting = fleet
        .command(&["run", "bhavcopy", "--date", "2024-07-08"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("champion runs");
    watched.inhibited("WarehouseLoadFailure", "WarehouseUnreachable");
    let _ = watched.delivered("OrchestratorStuck", "slack-warnings", ("flow_name", "bhavcopy_etl"));
    // With the way open again, the failures stand for themselves for as long as their window shows them.
    gate.reopen();
    wait_until("the run to go on", IN_TIME, || waiting.try_wait().expect("a child can be asked"));
    watched.resolved("WarehouseUnreachable", ANY);
    let _ = watched.delivered("WarehouseLoadFailure", "slack-warnings", ANY);
    watched.resolved("OrchestratorStuck", ANY);

    // A service is gone. Nobody takes the spans of the others, which is told only when that is not all.
    let collector = ("component", "trace-collector");
    fleet.kill("trace-collector");
    let _ = watched.delivered("ServiceDown", "on-call", collector);
    watched.run("bhavcopy", "2024-07-09", 0);
    watched.inhibited("TelemetryDropped", "ServiceDown");
    fleet.start("trace-collector");
    watched.resolved("ServiceDown", collector);
    let _ = watched.delivered("TelemetryDropped", "slack-warnings", ANY);
    watched.resolved("TelemetryDropped", ANY);
    watched.resolved("ParquetWriteFailures", ANY);
    watched.resolved("WarehouseLoadFailure", ANY);
}
