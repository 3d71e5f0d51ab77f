//! The daily audit as an operator sees it.

use std::time::Duration;

use champion_market_data::Dataset;
use champion_orchestrator::Config;
use tempfile::tempdir;

use crate::harness::{Running, config, start, wait_until};
use crate::peers::Peers;

/// A schedule that only audits: nothing of the past is caught up or asked again.
fn audited(mut config: Config, hour: u32) -> Config {
    config.schedule.enabled = true;
    config.schedule.datasets = vec![Dataset::Bhavcopy, Dataset::FullBhavcopy];
    config.schedule.poll_seconds = 1.try_into().expect("not zero");
    config.schedule.catch_up_sessions = 1.try_into().expect("not zero");
    config.schedule.recheck_sessions = 0;
    config.schedule.audit_hour = hour;
    config
}

fn value(orchestrator: &Running, name: &str, dataset: &str) -> f64 {
    let sample = format!("{name}{{dataset=\"{dataset}\"}} ");
    let metrics = orchestrator.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix(&sample).map(str::to_owned));
    // Before the metrics are registered there is none.
    line.map_or(-1.0, |value| value.parse().expect("a number"))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    wait_until(what, || async { if holds() { Ok(()) } else { Err("not yet") } }).await;
}

#[tokio::test]
async fn promise_43_every_dataset_is_audited_once_a_day_and_what_differs_is_a_metric() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    peers.world().differences.insert("full_bhavcopy".to_owned(), 2);
    peers.world().audits_fail = true;
    // The clock of the tests stands at noon in India.
    let config = audited(config(folder.path(), peers.serve("127.0.0.1:0").await.0), 11);
    let orchestrator = start(config).await;
    until("audits are due and fail", || {
        value(&orchestrator, "champion_audit_due_since_timestamp_seconds", "bhavcopy") > 0.0
    })
    .await;
    assert_eq!(value(&orchestrator, "champion_audit_last_success_timestamp_seconds", "bhavcopy"), 0.0);
    peers.world().audits_fail = false;
    for dataset in ["bhavcopy", "full_bhavcopy"] {
        until("it is audited", || value(&orchestrator, "champion_audit_last_success_timestamp_seconds", dataset) > 0.0)
            .await;
        assert_eq!(value(&orchestrator, "champion_audit_due_since_timestamp_seconds", dataset), 0.0);
    }
    assert_eq!(value(&orchestrator, "champion_audit_differences", "bhavcopy"), 0.0);
    assert_eq!(value(&orchestrator, "champion_audit_differences", "full_bhavcopy"), 2.0);
    let made = peers.world().audits.len();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(peers.world().audits.len(), made, "once a day");
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn promise_43_no_audit_is_due_before_its_hour_or_without_a_schedule() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let stages = peers.serve("127.0.0.1:0").await.0;
    for (hour, enabled) in [(13, true), (11, false)] {
        let mut config = audited(config(folder.path(), stages), hour);
        config.schedule.enabled = enabled;
        let orchestrator = start(config).await;
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        assert_eq!(value(&orchestrator, "champion_audit_due_since_timestamp_seconds", "bhavcopy"), 0.0);
        orchestrator.stop().await.unwrap();
    }
    assert!(peers.world().audits.is_empty());
}
