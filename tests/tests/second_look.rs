//! What an operator's commands say after they put something right, and what an audit names, through the whole stack.

use std::path::Path;

use champion_e2e::Stack;
use champion_e2e::content::files_below;
use serde_json::{Value, json};

const DAY: &str = "2025-02-24";
const TABLE: &str = "normalized_equity_ohlc";

/// The curated files and manifests of the day, with their bytes.
fn curated(lake: &Path) -> Vec<(String, Vec<u8>)> {
    let keys = files_below(lake, "curated").into_iter().filter(|key| key.contains(DAY));
    keys.map(|key| (key.clone(), std::fs::read(lake.join(&key)).expect("readable"))).collect()
}

fn kinds(audit: &Value) -> Vec<&str> {
    let mut kinds: Vec<&str> = audit["differences"]
        .as_array()
        .expect("differences")
        .iter()
        .map(|found| found["kind"].as_str().expect("a kind"))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[test]
fn promise_42_an_older_version_from_a_backup_is_named_replayed_and_gone_with_the_look_that_decides() {
    let stack = Stack::builder().start();
    let lake = stack.folder().join("lake");
    let recheck = || stack.champion(&["run", "bhavcopy", "--date", DAY, "--recheck"]).expect_code(0);
    recheck();
    let backup = curated(&lake);
    stack
        .post_to_mirror("/__fault", &json!({"path": "*20250224*", "kind": "corrected", "rows": 3, "count": "forever"}));
    recheck();
    let truth = curated(&lake);
    stack.champion(&["reconcile"]).expect_code(0);
    let sound = stack.champion(&["audit", "--json"]).expect_code(0).json();
    assert_eq!((&sound["sessions"], &sound["differences_total"]), (&json!(1), &json!(0)), "{sound}");

    for (key, bytes) in &backup {
        std::fs::write(lake.join(key), bytes).expect("the folder is ours");
    }
    let found = stack.champion(&["reconcile", "--json"]).expect_code(3).json();
    assert_eq!(found["unrepaired"], 2, "{found}");
    assert_eq!(found["findings"][0]["remedy"], "replay", "{found}");
    let audit = stack.champion(&["audit", "--json", "--dataset", "bhavcopy"]).expect_code(3).json();
    assert_eq!(kinds(&audit), ["loaded_newer", "raw_newer"], "{audit}");

    let repaired = stack.champion(&["reconcile", "--repair"]).expect_code(0);
    assert!(repaired.stdout.contains("0 remain"), "{}", repaired.stdout);
    stack.champion(&["reconcile"]).expect_code(0);
    stack.champion(&["audit"]).expect_code(0);
    stack.champion(&["verify"]).expect_code(0);
    let parquet = |files: &[(String, Vec<u8>)]| -> Vec<(String, Vec<u8>)> {
        files.iter().filter(|(key, _)| key.ends_with(".parquet")).cloned().collect()
    };
    assert_eq!(parquet(&curated(&lake)), parquet(&truth), "the correction is published again");
}

#[test]
fn promise_44_an_unreadable_manifest_is_named_by_every_command_and_stops_none() {
    let stack = Stack::builder().start();
    let lake = stack.folder().join("lake");
    stack.champion(&["backfill", "bhavcopy", "--from", "2025-01-30", "--to", "2025-02-03"]).expect_code(0);
    let manifest = files_below(&lake, &format!("curated/{TABLE}"))
        .into_iter()
        .find(|key| key.ends_with("2025-01-30.manifest.json"))
        .expect("published");
    std::fs::write(lake.join(&manifest), b"{\"table\":").expect("the folder is ours");

    let found = stack.champion(&["reconcile", "--json"]).expect_code(3).json();
    assert_eq!((&found["findings_total"], &found["findings"][0]["kind"]), (&json!(1), &json!("unreadable")), "{found}");
    let compacted =
        stack.champion(&["compact", TABLE, "--from", "2025-01", "--to", "2025-02", "--json"]).expect_code(3).json();
    assert_eq!(compacted["findings"][0]["key"], manifest.as_str(), "{compacted}");
    assert_eq!(compacted["months"][0]["month"], "2025-02", "{compacted}");
    let audit = stack.champion(&["audit", "--json"]).expect_code(3).json();
    assert_eq!(kinds(&audit), ["unreadable"], "{audit}");
    stack.champion(&["reconcile", "--repair"]).expect_code(3);

    // The manifest is moved aside and the session made again; the look after it decides.
    let repaired = stack.champion(&["verify", "--repair"]).expect_code(0);
    assert!(repaired.stdout.contains("0 remain"), "{}", repaired.stdout);
    for command in ["verify", "reconcile", "audit"] {
        stack.champion(&[command]).expect_code(0);
    }
}

#[test]
fn promise_45_the_writer_collects_by_itself_and_says_how_much() {
    let stack = Stack::builder()
        .variable("CHAMPION_PARQUET_WRITER__COLLECT__EVERY_SECONDS", "2")
        .variable("CHAMPION_PARQUET_WRITER__COLLECT__JITTER_SECONDS", "0")
        .variable("CHAMPION_PARQUET_WRITER__RETENTION__STAGED_DAYS", "0")
        .start();
    let lake = stack.folder().join("lake");
    stack.champion(&["backfill", "bhavcopy", "--from", DAY, "--to", "2025-02-25"]).expect_code(0);
    champion_e2e::wait::wait_until("staged tables to be collected", std::time::Duration::from_secs(60), || {
        let staged = files_below(&lake, "staged").into_iter().filter(|key| key.ends_with(".arrow")).count();
        (staged == 0).then_some(())
    });
    champion_e2e::wait::wait_until("the metric to say so", std::time::Duration::from_secs(30), || {
        let collected = stack.metric("parquet-writer", "champion_collected_objects_total{kind=\"staged\"}");
        (collected >= 4.0).then_some(())
    });
    // What was collected is made again where it is needed, and nothing is published twice.
    stack.champion(&["run", "bhavcopy", "--date", DAY, "--replay"]).expect_code(0);
    for command in ["verify", "reconcile", "audit"] {
        stack.champion(&[command]).expect_code(0);
    }
}
