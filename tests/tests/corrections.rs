//! Corrections, quarantine and gaps through the whole stack, as an operator meets them.

use champion_e2e::Stack;
use champion_e2e::content::files_below;
use serde_json::{Value, json};

const DAY: &str = "2025-02-24";

fn rows(stack: &Stack) -> u64 {
    let sql = format!("SELECT count() FROM normalized_equity_ohlc_current WHERE trade_date = '{DAY}'");
    stack.value(&sql).parse().expect("a count")
}

/// The instant by the warehouse's clock, to the microsecond.
fn now(stack: &Stack) -> String {
    stack.value("SELECT replace(toString(now64(6, 'UTC')), ' ', 'T') || 'Z'")
}

fn rows_as_of(stack: &Stack, instant: &str) -> u64 {
    let sql = format!("SELECT count() AS rows FROM normalized_equity_ohlc WHERE trade_date = '{DAY}'");
    let answer = stack.champion(&["as-of", instant, &sql, "--json"]).expect_code(0).json();
    answer["data"][0]["rows"].as_u64().expect("a count")
}

fn versions(stack: &Stack) -> Vec<u64> {
    let sql = format!(
        "SELECT version FROM load_ledger FINAL WHERE table = 'normalized_equity_ohlc' AND trade_date = '{DAY}' ORDER BY version"
    );
    stack.query(&sql).iter().map(|row| row["version"].as_u64().expect("a version")).collect()
}

#[test]
fn promise_21_a_corrected_file_is_a_new_version_end_to_end_and_as_of_gives_the_old_one() {
    let stack = Stack::builder().start();
    let recheck = || stack.champion(&["run", "bhavcopy", "--date", DAY, "--recheck"]).expect_code(0);
    let before_anything = now(&stack);
    recheck();
    let first = rows(&stack);
    let known_first = now(&stack);

    // The same file again is no new version.
    assert!(recheck().stdout.contains("nothing to do"), "an identical file changes nothing");
    assert_eq!(versions(&stack), [1]);

    // The exchange replaces the file: a price differs and three lines are gone.
    stack
        .post_to_mirror("/__fault", &json!({"path": "*20250224*", "kind": "corrected", "rows": 3, "count": "forever"}));
    recheck();
    assert_eq!((rows(&stack), versions(&stack)), (first - 3, vec![1, 2]));
    let known_second = now(&stack);

    // It takes the correction back: the old content is a third version, not the first one again.
    stack.clear_faults();
    recheck();
    assert_eq!((rows(&stack), versions(&stack)), (first, vec![1, 2, 3]));

    assert_eq!(rows_as_of(&stack, &before_anything), 0);
    assert_eq!(rows_as_of(&stack, &known_first), first);
    assert_eq!(rows_as_of(&stack, &known_second), first - 3);
    assert_eq!(rows_as_of(&stack, &now(&stack)), first);

    // Raw keeps every byte, and the superseded curated files stay readable.
    let raw = files_below(&stack.folder().join("lake"), "raw/nse/bhavcopy/2025-02-24");
    assert_eq!(raw.iter().filter(|key| !key.ends_with(".json")).count(), 2, "{raw:?}");
    let history = files_below(&stack.folder().join("lake"), "history/normalized_equity_ohlc");
    assert_eq!(history.iter().filter(|key| key.ends_with(".parquet")).count(), 2, "{history:?}");
}

#[test]
fn promise_20_refused_rows_are_listed_shown_and_replayed_by_the_operator() {
    let stack = Stack::builder().start();
    stack.post_to_mirror(
        "/__fault",
        &json!({"path": "*20250224*", "kind": "high_below_low", "rows": 3, "count": "forever"}),
    );
    stack.post_to_mirror(
        "/__fault",
        &json!({"path": "*20250225*", "kind": "high_below_low", "rows": 400, "count": "forever"}),
    );
    stack.champion(&["run", "bhavcopy", "--date", DAY]).expect_code(0);
    stack.champion(&["run", "bhavcopy", "--date", "2025-02-25"]).expect_code(1);

    let listed = stack.champion(&["quarantine", "list", "--json"]).expect_code(0).json();
    let file = |date: &str| -> Value {
        let files = listed["files"].as_array().expect("files");
        files.iter().find(|file| file["trade_date"] == date).unwrap_or_else(|| panic!("no {date} in {listed}")).clone()
    };
    assert_eq!((file(DAY)["rows"].as_u64(), file(DAY)["published"].as_u64()), (Some(3), Some(1)));
    assert_eq!(file("2025-02-25")["published"].as_u64(), Some(0), "nothing of a file that is refused as a whole");

    let hash = file(DAY)["source_sha256"].as_str().expect("a hash").to_owned();
    let shown = stack.champion(&["quarantine", "show", &hash[..10], "--json"]).expect_code(0).json();
    let lines = shown["lines"].as_array().expect("lines");
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["line_no"].as_u64() > Some(1) && line["code"] == "high_below_low"), "{shown}");
    assert!(lines.iter().all(|line| line["raw"].as_str().is_some_and(|raw| raw.contains(','))), "{shown}");
    let refused = file("2025-02-25")["source_sha256"].as_str().expect("a hash").to_owned();
    let shown = stack.champion(&["quarantine", "show", &refused, "--json"]).expect_code(0).json();
    assert_eq!((&shown["lines"][0]["line_no"], &shown["lines"][0]["code"]), (&json!(0), &json!("too_many_bad_rows")));
    assert!(shown["lines"].as_array().is_some_and(|lines| lines.len() > 100), "the rows that speak against it");

    // The same decoder says the same: nothing changes, nothing is loaded twice, and what is still set aside is said.
    let before = rows(&stack);
    let replayed = stack.champion(&["quarantine", "replay", &hash[..10]]).expect_code(3);
    assert!(replayed.stdout.contains("3 of the file's lines are still set aside"), "{}", replayed.stdout);
    assert_eq!((rows(&stack), versions(&stack)), (before, vec![1]));
    let again = stack.champion(&["quarantine", "list", "--json"]).expect_code(0).json();
    assert_eq!(again, listed);
}

#[test]
fn promise_36_files_that_were_refused_whole_are_listed_shown_and_replayed_by_parser_and_scraper_alike() {
    let stack = Stack::builder().start();
    stack.post_to_mirror(
        "/__fault",
        &json!({"path": "*20250225*", "kind": "high_below_low", "rows": 400, "count": "forever"}),
    );
    stack.post_to_mirror("/__fault", &json!({"path": "*20250224*", "kind": "copied_session", "count": "forever"}));
    stack.champion(&["run", "bhavcopy", "--date", "2025-02-21"]).expect_code(0);
    stack.champion(&["run", "bhavcopy", "--date", DAY]).expect_code(1);
    stack.champion(&["run", "bhavcopy", "--date", "2025-02-25"]).expect_code(1);

    let listed = stack.champion(&["quarantine", "list", "--json"]).expect_code(0).json();
    let file = |date: &str| -> Value {
        let files = listed["files"].as_array().expect("files");
        files.iter().find(|file| file["trade_date"] == date).unwrap_or_else(|| panic!("no {date} in {listed}")).clone()
    };
    let (copied, refused) = (file(DAY), file("2025-02-25"));
    assert_eq!((&copied["codes"], &copied["published"]), (&json!(["copied_session"]), &json!(0)));
    assert!(copied["reason"].as_str().is_some_and(|reason| reason.contains("2025-02-21")), "{copied}");
    assert!(refused["reason"].as_str().is_some_and(|reason| reason.contains("rows are refused")), "{refused}");
    let words = stack.champion(&["quarantine", "list"]).expect_code(0).stdout;
    assert!(words.contains("copied_session") && words.contains("too_many_bad_rows"), "{words}");
    let csv = stack.champion(&["quarantine", "list", "--csv"]).expect_code(0).stdout;
    assert_eq!(csv.lines().count(), 3, "{csv}");

    let hash = copied["source_sha256"].as_str().expect("a hash")[..12].to_owned();
    let shown = stack.champion(&["quarantine", "show", &hash]).expect_code(0).stdout;
    assert!(shown.contains("set aside (copied_session)") && shown.contains("it came from http"), "{shown}");

    // The exchange still has the copy: replaying says so. Once it has the session, replaying brings it in.
    stack.champion(&["quarantine", "replay", &hash]).expect_code(1);
    stack.clear_faults();
    stack.champion(&["quarantine", "replay", &hash]).expect_code(0);
    let after = stack.champion(&["quarantine", "list", "--json"]).expect_code(0).json();
    let copied = after["files"].as_array().expect("files").iter().find(|file| file["trade_date"] == DAY).cloned();
    assert_eq!(copied.map(|file| file["set_aside"]["superseded"].clone()), Some(json!(true)), "{after}");
}

#[test]
fn promise_37_what_the_command_exports_holds_no_formula() {
    let stack = Stack::builder().start();
    stack.champion(&["run", "bhavcopy", "--date", DAY]).expect_code(0);
    let sql = "SELECT '=cmd|x' AS `=name`, '@SUM(1)' AS at, -12.5 AS number, '-1+1' AS minus, NULL AS nothing";
    let csv = stack.champion(&["query", "--csv", sql]).expect_code(0).stdout;
    assert_eq!(csv, "'=name,at,number,minus,nothing\n'=cmd|x,'@SUM(1),-12.5,'-1+1,\n");
    let passed = stack.champion(&["query", "--format", "CSV", sql]).expect_code(0).stdout;
    assert_eq!(passed, "'=cmd|x,'@SUM(1),-12.5,'-1+1,\\N\n");
    let tabs = stack.champion(&["query", "--format", "TSV", sql]).expect_code(0).stdout;
    assert_eq!(tabs, "'=cmd|x\t'@SUM(1)\t-12.5\t'-1+1\t\\N\n");
    // What machines read is passed on as it is.
    let json = stack.champion(&["query", "--format", "JSONEachRow", "SELECT '=1' AS a"]).expect_code(0).stdout;
    assert_eq!(json.trim(), r#"{"a":"=1"}"#);
    for arguments in [&["status", "--csv"][..], &["runs", "--csv"], &["gaps", "--csv", "--from", DAY, "--to", DAY]] {
        let output = stack.champion(arguments).stdout;
        assert!(output.starts_with("dataset,") || output.starts_with("run,"), "{arguments:?}: {output}");
        assert!(output.contains("bhavcopy"), "{arguments:?}: {output}");
    }
}

#[test]
fn promise_32_the_gap_report_names_what_is_in_what_is_missing_and_what_nobody_knows() {
    let stack = Stack::builder().start();
    stack.post_to_mirror("/__fault", &json!({"path": "*20250225*", "kind": "not_found", "count": "forever"}));
    stack.champion(&["backfill", "bhavcopy", "--from", DAY, "--to", "2025-02-26"]).expect_code(0);
    let range = ["--dataset", "bhavcopy", "--from", DAY, "--to", "2025-02-28"];
    let gaps = stack.champion(&[&["gaps", "--json"][..], &range].concat()).expect_code(3).json();
    let states: Vec<&str> =
        gaps["days"].as_array().expect("days").iter().map(|day| day["state"].as_str().expect("a state")).collect();
    // Present, a gap the exchange left, a holiday, two days nobody asked for.
    assert_eq!(states, ["present", "gap", "closed", "gap", "gap"]);
    let old = ["gaps", "--json", "--dataset", "bhavcopy", "--from", "2010-01-26", "--to", "2010-01-26"];
    assert_eq!(stack.champion(&old).expect_code(3).json()["days"][0]["state"], "unknown");

    stack.clear_faults();
    stack.champion(&["backfill", "bhavcopy", "--from", DAY, "--to", "2025-02-28"]).expect_code(0);
    stack.champion(&[&["gaps"][..], &range].concat()).expect_code(0);
}

#[test]
fn promise_08_a_flipped_bit_is_found_and_made_good_also_in_the_bytes_as_received() {
    let stack = Stack::builder().start();
    stack.champion(&["backfill", "bhavcopy", "--from", DAY, "--to", "2025-02-25"]).expect_code(0);
    let lake = stack.folder().join("lake");
    let before = champion_e2e::Content::of_lake(&lake);
    stack.champion(&["verify"]).expect_code(0);
    let flip = |zone: &str, part: &str| {
        let keys = files_below(&lake, zone);
        let key = keys.iter().find(|key| key.contains(part) && !key.ends_with(".json")).expect("a file");
        let mut bytes = std::fs::read(lake.join(key)).expect("readable");
        bytes[300] ^= 1;
        std::fs::write(lake.join(key), bytes).expect("writable");
    };
    flip("raw/nse/bhavcopy", "2025-02-25");
    flip("curated/normalized_equity_ohlc", DAY);
    let found = stack.champion(&["verify", "--json"]).expect_code(3).json();
    assert_eq!(found["findings"].as_array().map(Vec::len), Some(2), "{found}");

    stack.champion(&["verify", "--repair"]).expect_code(0);

    stack.champion(&["verify"]).expect_code(0);
    let damaged = files_below(&lake, "quarantine/damaged");
    assert_eq!(damaged.len(), 2, "what was damaged is set aside and not thrown away: {damaged:?}");
    std::fs::remove_dir_all(lake.join("quarantine")).expect("it is ours");
    // Facts tell of the damage; every other byte is as before.
    let after = champion_e2e::Content::of_lake(&lake);
    for part in [".zip", ".parquet", ".manifest.json"] {
        after.part(part).expect_equal(&before.part(part), &stack, "the repaired lake");
    }
    stack.champion(&["reconcile"]).expect_code(0);
}
