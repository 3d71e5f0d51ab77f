//! The scraper in front of the exchange mirror and its faults.

use champion_exchange_mirror::{Config, Ports, SPEC, run};
use champion_proto::artifact::v1::RawArtifact;
use champion_service::Shutdown;
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::{DATE, NOON, Scraper, start_with};

/// A mirror of a generated market; dropped, it stops.
struct Mirror {
    url: String,
    shutdown: Shutdown,
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.shutdown.trigger();
    }
}

impl Mirror {
    async fn start() -> Self {
        let mut config: Config = champion_service::config::load(&SPEC, None).expect("the defaults are valid");
        config.server.http_listen = "127.0.0.1:0".to_owned();
        config.server.admin.listen = "127.0.0.1:0".to_owned();
        let ports = Ports::bind(&config.server).await.expect("free ports");
        let url = format!("http://{}", ports.http_addr());
        let shutdown = Shutdown::manual();
        tokio::spawn(run(config, ports, prometheus::Registry::new(), shutdown.clone()));
        Self { url, shutdown }
    }

    async fn faults(&self, rules: Value) {
        let request = reqwest::Client::new().post(format!("{}/__fault", self.url)).body(rules.to_string());
        assert_eq!(request.send().await.expect("an answer").status(), 200);
    }

    async fn no_faults(&self) {
        let request = reqwest::Client::new().delete(format!("{}/__fault", self.url));
        assert_eq!(request.send().await.expect("an answer").status(), 200);
    }
}

async fn before_a_mirror() -> (Mirror, Scraper) {
    let mirror = Mirror::start().await;
    let url = mirror.url.clone();
    let scraper = start_with(NOON, |config| {
        config.source.mirror = url;
        config.retry.max_attempts = 1;
        config.limits.progress_window_seconds = 10.0;
    })
    .await;
    (mirror, scraper)
}

fn sha256(raw: &Option<RawArtifact>) -> String {
    raw.as_ref().and_then(|raw| raw.artifact.as_ref()).expect("a reference").sha256.clone()
}

#[tokio::test]
async fn promise_21_the_mirrors_correction_is_a_version_and_its_withdrawal_the_first_one_again() {
    let (mirror, scraper) = before_a_mirror().await;
    let first = scraper.available("bhavcopy", DATE).await;
    let recheck = async || {
        let answer = scraper.recheck("bhavcopy", DATE).await.expect("an answer");
        assert_eq!((answer.rechecked, answer.warning.as_str()), (true, ""));
        (answer.downloaded, sha256(&answer.raw))
    };
    assert_eq!(recheck().await, (false, sha256(&first.raw)), "304");
    mirror.faults(json!({"path": "/cm/", "kind": "corrected", "rows": 1, "count": "forever"})).await;
    let (downloaded, corrected) = recheck().await;
    assert!(downloaded && corrected != sha256(&first.raw));
    assert_eq!(recheck().await, (false, corrected), "304 to the correction's tag");
    mirror.no_faults().await;
    assert_eq!(recheck().await, (true, sha256(&first.raw)));
    assert_eq!(scraper.raw_keys().await.len(), 5, "two files, three observations");
}

#[tokio::test]
async fn promise_11_the_mirrors_copied_session_is_set_aside() {
    let (mirror, scraper) = before_a_mirror().await;
    assert!(scraper.available("full_bhavcopy", "2025-02-21").await.downloaded);
    mirror.faults(json!({"path": "24022025", "kind": "copied_session"})).await;
    assert_eq!(scraper.refused("full_bhavcopy", DATE).await.class, "copied_session");
    assert!(scraper.available("full_bhavcopy", DATE).await.downloaded, "the session itself");
}

#[tokio::test]
async fn promise_17_every_second_request_failing_opens_the_breaker_within_its_window() {
    let (mirror, scraper) = before_a_mirror().await;
    let rules = (0..5).map(|at| json!({"path": "sec_bhavdata_full", "kind": "status_5xx", "skip": at}));
    mirror.faults(rules.collect()).await;
    let dates = [
        "2025-02-24",
        "2025-02-25",
        "2025-02-27",
        "2025-02-28",
        "2025-03-03",
        "2025-03-04",
        "2025-03-05",
        "2025-03-06",
    ];
    let mut rejected = None;
    for (asked, date) in dates.into_iter().enumerate() {
        match scraper.fetch("full_bhavcopy", date).await {
            Ok(_) => assert!(asked % 2 == 1, "request {asked} was to fail"),
            Err(status) if status.message().contains("circuit breaker is open") => {
                assert_eq!(status.code(), Code::Unavailable);
                rejected = Some(asked);
                break;
            }
            Err(_) => assert!(asked % 2 == 0, "request {asked} was to succeed"),
        }
    }
    assert_eq!(rejected, Some(5), "three of five failed");
    scraper.assert_metric("circuit_breaker_state{source=\"nse_archive\"} 2");
}
