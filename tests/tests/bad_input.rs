//! The exchange's worst days, one fault at a time, through the whole stack.

use champion_e2e::Stack;
use serde_json::{Value, json};

/// Runs a day under a fault and returns the exit code and the day's event.
fn run_under(stack: &Stack, dataset: &str, date: &str, rule: &Value) -> (i32, Value) {
    stack.post_to_mirror("/__fault", rule);
    let answer = stack.champion(&["run", dataset, "--date", date, "--json"]);
    let events = answer.json_lines();
    let day =
        events.iter().find(|event| event["event"] == "day").unwrap_or_else(|| panic!("no day in {}", answer.stdout));
    (answer.code, day.clone())
}

fn rows_of(stack: &Stack, date: &str) -> u64 {
    let sql = format!("SELECT count() FROM normalized_equity_ohlc_current WHERE trade_date = '{date}'");
    stack.value(&sql).parse().expect("a count")
}

#[test]
fn whatever_comes_in_place_of_the_file_is_named_and_nothing_of_it_is_published() {
    // Five bad days in a row would open the circuit breaker, which is not the matter here.
    let stack = Stack::builder().variable("CHAMPION_SCRAPER__BREAKER__MIN_CALLS", "1000").start();
    let cases = [
        ("2024-07-08", json!({"path": "20240708", "kind": "html_200", "count": "forever"}), "html"),
        ("2024-07-09", json!({"path": "20240709", "kind": "truncated_zip", "count": "forever"}), "truncated"),
        (
            "2024-07-10",
            json!({"path": "20240710", "kind": "wrong_day", "date": "2024-07-09", "count": "forever"}),
            "2024-07-09",
        ),
        (
            "2024-07-11",
            json!({"path": "20240711", "kind": "missing_column", "column": "ClsPric", "count": "forever"}),
            "ClsPric",
        ),
        ("2024-07-12", json!({"path": "20240712", "kind": "zip_bomb", "count": "forever"}), "refused"),
    ];
    for (date, rule, said) in cases {
        let (code, day) = run_under(&stack, "bhavcopy", date, &rule);
        assert_eq!(code, 1, "{date}: {day}");
        assert!(["refused", "failed"].contains(&day["state"].as_str().unwrap_or_default()), "{date}: {day}");
        let reason = format!("{} {}", day["state"], day["reason"]).to_lowercase();
        assert!(reason.contains(&said.to_lowercase()), "{date}: {reason} does not say {said}");
        assert_eq!(rows_of(&stack, date), 0, "{date}");
    }
    // The faults are over: the same days come in.
    let mirror = format!("http://{}/__fault", stack.address("exchange-mirror", "http"));
    let cleared = std::process::Command::new("curl").args(["-sS", "-A", "tests", "-X", "DELETE", &mirror]).output();
    assert!(cleared.expect("curl runs").status.success());
    stack.champion(&["run", "bhavcopy", "--date", "2024-07-11"]).expect_code(0);
    assert!(rows_of(&stack, "2024-07-11") > 2_000);
}

#[test]
fn a_row_with_high_below_low_is_quarantined_and_status_shows_the_books() {
    let stack = Stack::builder().start();
    let rule = json!({"path": "20240708", "kind": "high_below_low", "rows": 3});
    let (code, day) = run_under(&stack, "bhavcopy", "2024-07-08", &rule);
    assert_eq!(code, 0, "{day}");
    let counts = &day["counts"];
    let part = |name: &str| counts[name].as_u64().expect("a count");
    assert_eq!(part("quarantined"), 3);
    assert_eq!(part("rows_in"), part("published") + part("quarantined") + part("filtered"));
    assert_eq!(rows_of(&stack, "2024-07-08"), part("published"));
    let status = stack.champion(&["status", "--json"]).expect_code(0).json();
    let bhavcopy = status["datasets"].as_array().and_then(|all| all.iter().find(|one| one["dataset"] == "bhavcopy"));
    assert_eq!(&bhavcopy.expect("bhavcopy is there")["counts"], counts);
    let failures = stack.metric(
        "parser",
        r#"champion_validation_failures_total{failure_type="high_below_low",table="normalized_equity_ohlc"}"#,
    );
    assert!((failures - 3.0).abs() < 0.5, "{failures}");
    // The refused rows lie in the lake with line, reason and raw text.
    let quarantine = stack.folder().join("lake/quarantine/bhavcopy/nse/2024-07-08");
    let file =
        std::fs::read_dir(&quarantine).expect("the folder is there").next().expect("one file").expect("an entry");
    let text = std::fs::read_to_string(file.path()).expect("JSON lines");
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter().all(|row| row["line"].as_u64() > Some(1) && row["raw"].is_string() && row["reason"].is_string())
    );
}

#[test]
fn an_unknown_series_is_data_and_is_kept_counted_and_flagged() {
    let stack = Stack::builder().start();
    let rule = json!({"path": "20240708", "kind": "unknown_series", "rows": 2});
    let (code, day) = run_under(&stack, "bhavcopy", "2024-07-08", &rule);
    assert_eq!((code, &day["counts"]["quarantined"]), (0, &json!(0)), "{day}");
    let kept = stack.value("SELECT count() FROM normalized_equity_ohlc_current WHERE warnings LIKE '%unknown_series%'");
    assert_eq!(kept, "2");
}

#[test]
fn t0_rows_whose_close_is_outside_their_range_are_kept_and_flagged() {
    let stack = Stack::builder().start();
    stack.champion(&["backfill", "bhavcopy", "--from", "2025-02-24", "--to", "2025-02-28"]).expect_code(0);
    let t0 = stack.query(
        "SELECT count() AS lines, countIf(close < low OR close > high) AS outside, \
         countIf(warnings LIKE '%close_outside_range%') AS flagged \
         FROM normalized_equity_ohlc_current WHERE series = 'T0'",
    );
    assert!(t0[0]["lines"].as_u64() > Some(0), "the generated market has T0 lines: {}", t0[0]);
    assert!(t0[0]["outside"].as_u64() > Some(0), "some of them break the range, as real ones do: {}", t0[0]);
    assert_eq!(t0[0]["outside"], t0[0]["flagged"]);
}

#[test]
fn a_holiday_that_serves_the_day_before_is_closed_and_publishes_nothing() {
    let stack = Stack::builder().start();
    let answer = stack.champion(&["run", "full_bhavcopy", "--date", "2025-02-26", "--json"]).expect_code(0);
    let events = answer.json_lines();
    let day = events.iter().find(|event| event["event"] == "day").expect("a day");
    assert_eq!(day["state"], "closed", "{day}");
    assert_eq!(stack.value("SELECT count() FROM equity_delivery"), "0");
}
