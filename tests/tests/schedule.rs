//! The schedule with real processes: nobody asks, and the data is in.

use std::time::Duration;

use champion_e2e::Stack;
use champion_e2e::wait::wait_until;
use serde_json::Value;

fn runs(stack: &Stack) -> Vec<Value> {
    let runs = stack.champion(&["runs", "--json"]).expect_code(0).json();
    runs["runs"].as_array().expect("runs").clone()
}

#[test]
fn what_was_missed_is_caught_up_and_corrections_are_looked_for_once_a_day() {
    let stack = Stack::builder()
        .variable("CHAMPION_ORCHESTRATOR__SCHEDULE__ENABLED", "true")
        .variable("CHAMPION_ORCHESTRATOR__SCHEDULE__POLL_SECONDS", "1")
        .variable("CHAMPION_ORCHESTRATOR__SCHEDULE__CATCH_UP_SESSIONS", "3")
        .variable("CHAMPION_ORCHESTRATOR__SCHEDULE__RECHECK_HOUR", "0")
        .start();
    let datasets = ["bhavcopy", "full_bhavcopy", "corporate_actions"];

    // One run catches up, and once something is in, one looks for corrections.
    let looked = wait_until("every dataset is caught up and asked again", Duration::from_secs(60), || {
        let runs = runs(&stack);
        let done = |dataset: &str, mode: &str| {
            runs.iter().any(|run| run["dataset"] == dataset && run["mode"] == mode && run["status"] == "succeeded")
        };
        datasets.iter().all(|dataset| done(dataset, "plain") && done(dataset, "recheck")).then_some(runs)
    });
    let status = stack.champion(&["status", "--json"]).expect_code(0).json();
    for dataset in status["datasets"].as_array().expect("datasets") {
        assert!(dataset["sessions_present"].as_u64() >= Some(2), "{dataset}");
    }

    // Some polls later nothing was asked twice: what is in is not due, and today's look for corrections is over.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(runs(&stack).len(), looked.len());
}
