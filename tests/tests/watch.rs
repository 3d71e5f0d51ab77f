//! What an operator asks of the numbers at 20:00 IST: is today in, what is missing, what was corrected, which stage failed.

use std::time::Duration;

use champion_e2e::Stack;
use champion_e2e::wait::wait_until;
use serde_json::json;

/// Waits until a service shows a value.
fn becomes(stack: &Stack, service: &str, sample: &str, expected: f64) {
    let mut last = f64::NAN;
    wait_until(&format!("{service} to show {sample} {expected}"), Duration::from_secs(20), || {
        last = stack.metric(service, sample);
        ((last - expected).abs() < f64::EPSILON).then_some(())
    });
}

/// The day in India of a gauge that holds a midnight.
fn day(midnight: f64) -> chrono::NaiveDate {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of this era are whole and far below 2^53")]
    let midnight = chrono::DateTime::from_timestamp(midnight as i64, 0).expect("an instant");
    (midnight + chrono::Duration::minutes(330)).date_naive()
}

#[test]
fn what_is_due_what_is_in_and_what_is_missing_are_three_numbers_that_agree_with_the_gap_report() {
    let stack = Stack::builder().variable("CHAMPION_ORCHESTRATOR__WATCH__POLL_SECONDS", "1").start();
    let due_seconds = stack.metric("orchestrator", r#"champion_due_trade_date_seconds{dataset="bhavcopy"}"#);
    let due = day(due_seconds);
    becomes(&stack, "orchestrator", r#"champion_last_trade_date_seconds{dataset="bhavcopy"}"#, 0.0);

    // The first session of a fortnight, then the one that is due: what lies between was never asked for.
    let earlier = (1..=14)
        .map(|days| due - chrono::Duration::days(15 - days))
        .find(|date| {
            let _ = stack.champion(&["run", "bhavcopy", "--date", &date.to_string()]);
            stack.metric("orchestrator", r#"champion_last_trade_date_seconds{dataset="bhavcopy"}"#) > 0.0
        })
        .expect("a session in a fortnight");
    stack.champion(&["run", "bhavcopy", "--date", &due.to_string()]).expect_code(0);
    becomes(&stack, "orchestrator", r#"champion_last_trade_date_seconds{dataset="bhavcopy"}"#, due_seconds);
    let (from, to) = (earlier.to_string(), due.to_string());
    let report = stack.champion(&["gaps", "--dataset", "bhavcopy", "--from", &from, "--to", &to, "--json"]);
    let sessions = report.expect_code(3).json();
    let missing = sessions["days"].as_array().expect("days").iter().filter(|day| day["state"] == "gap").count();
    assert!(missing > 0, "{sessions}");
    #[expect(clippy::cast_precision_loss, reason = "a fortnight")]
    becomes(&stack, "orchestrator", r#"champion_gap_sessions{dataset="bhavcopy"}"#, missing as f64);

    stack.champion(&["backfill", "bhavcopy", "--from", &from, "--to", &to]).expect_code(0);
    becomes(&stack, "orchestrator", r#"champion_gap_sessions{dataset="bhavcopy"}"#, 0.0);
}

#[test]
fn a_correction_a_page_in_place_of_a_file_and_the_stage_at_fault_are_counted() {
    let stack = Stack::builder().start();
    let run = |extra: &[&str]| stack.champion(&[&["run", "bhavcopy", "--date", "2025-02-24"], extra].concat());
    run(&[]).expect_code(0);
    run(&["--recheck"]).expect_code(0);
    becomes(&stack, "scraper", r#"nse_scraper_files_downloaded_total{scraper="bhavcopy"}"#, 1.0);
    becomes(&stack, "orchestrator", r#"champion_corrections_total{dataset="bhavcopy"}"#, 0.0);
    stack.post_to_mirror("/__fault", &json!({"path": "*20250224*", "kind": "corrected", "count": "forever"}));
    run(&["--recheck"]).expect_code(0);
    becomes(&stack, "orchestrator", r#"champion_corrections_total{dataset="bhavcopy"}"#, 1.0);

    stack.clear_faults();
    stack.post_to_mirror("/__fault", &json!({"path": "*20250225*", "kind": "not_a_zip", "count": "forever"}));
    let refused = stack.champion(&["run", "bhavcopy", "--date", "2025-02-25"]);
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    assert!(stack.metric("scraper", r#"champion_files_set_aside_total{scraper="bhavcopy"}"#) > 0.0);
    becomes(&stack, "orchestrator", r#"champion_run_failures_total{flow_name="bhavcopy_etl",stage="scraper"}"#, 1.0);
    becomes(&stack, "orchestrator", r#"champion_run_failures_total{flow_name="bhavcopy_etl",stage="parser"}"#, 0.0);
    becomes(&stack, "clickhouse-loader", "champion_warehouse_up", 1.0);
}
