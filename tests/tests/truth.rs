//! The lake is the truth and the journal a cache: lost, emptied or on another machine, everything is told as before.

use std::time::Duration;

use champion_e2e::Fleet;
use champion_e2e::content::files_below;
use champion_e2e::fleet::STANDBY;
use champion_e2e::told::{Instants, told};
use champion_e2e::wait::wait_until;
use serde_json::{Value, json};

/// Sixty-two sessions.
const RANGE: (&str, &str) = ("2025-01-01", "2025-03-28");
const BACKFILL: [&str; 7] = ["backfill", "bhavcopy", "--from", RANGE.0, "--to", RANGE.1, "--json"];
/// A session whose file was corrected.
const CORRECTED: &str = "2025-01-15";
/// A session that a stage fails on.
const FAILED: &str = "2025-03-12";
const PATIENCE: Duration = Duration::from_secs(120);

/// Gauges are counted every second; a holder that is silent is waited for as long as three.
fn fleet() -> champion_e2e::fleet::FleetBuilder {
    Fleet::builder()
        .variable("CHAMPION_ORCHESTRATOR__WATCH__POLL_SECONDS", "1")
        // Gaps are counted as far back as the range lies.
        .variable("CHAMPION_ORCHESTRATOR__WATCH__SESSIONS", "600")
        .variable("CHAMPION_ORCHESTRATOR__LEASE__SECONDS", "3")
}

/// Lets days end in every way.
fn prepare(fleet: &Fleet) {
    let fault = |part: &str, kind: &str| {
        let mut rule = json!({"path": format!("*{part}*"), "kind": kind, "count": "forever"});
        if kind == "high_below_low" {
            rule["rows"] = json!(if part == "20250220" { 400 } else { 3 });
        }
        fleet.post_to_mirror("/__fault", &rule);
    };
    fault("20250107", "not_found");
    fault("20250305", "not_found");
    fault("20250211", "html_200");
    fault("20250220", "high_below_low");
    fault("20250221", "high_below_low");
    // The parser finds a file where a folder has to be.
    let blocked = fleet.lake().join("staged/raw_equity_ohlc/nse").join(FAILED);
    std::fs::create_dir_all(blocked.parent().expect("it lies in a folder")).expect("ours");
    std::fs::write(blocked, "in the way").expect("ours");
}

/// What happens after the backfill, in either place.
fn finish(fleet: &Fleet) {
    let day = json!({"path": "*20250115*", "kind": "corrected", "rows": 3, "count": "forever"});
    fleet.post_to_mirror("/__fault", &day);
    fleet.champion(&["run", "bhavcopy", "--date", CORRECTED, "--recheck"]).expect_code(0);
    // The exchange itself says that there was no session.
    let holiday = fleet.champion(&["run", "bhavcopy", "--date", "2025-02-26", "--recheck"]);
    assert!([0, 3].contains(&holiday.code), "{}{}", holiday.stdout, holiday.stderr);
    fleet.post_to_mirror("/__fault", &json!({"path": "*sec_bhavdata*", "kind": "not_found", "count": "forever"}));
    let newest = champion_market_data::Calendar::nse()
        .sessions_back(champion_market_data::TradeDate::at(chrono::Utc::now()), 1)
        .to_string();
    let late = fleet.champion(&["run", "full_bhavcopy", "--date", &newest]);
    assert_eq!(late.code, 3, "{}{}", late.stdout, late.stderr);
}

fn states(told: &Value) -> Vec<&str> {
    let days = told["gaps"][0]["days"].as_array().expect("days");
    days.iter().filter_map(|day| day["state"].as_str()).collect()
}

/// Waits for the gauges to be counted, and tells.
fn settled(fleet: &Fleet, service: &'static str, instants: Instants, wanted: &Value) {
    let mut last = Value::Null;
    for _ in 0..50 {
        last = told(fleet, service, RANGE, instants);
        if last == *wanted {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    for part in ["status", "gaps", "gauges"] {
        assert_eq!(last[part], wanted[part], "{part} of {service}");
    }
}

#[test]
fn promise_46_with_the_journal_lost_emptied_or_elsewhere_status_gaps_and_metrics_are_those_of_the_undisturbed_run() {
    let wanted = {
        let fleet = fleet().start();
        prepare(&fleet);
        assert_eq!(fleet.champion(&BACKFILL).code, 1, "days that are refused or failed fail the run");
        finish(&fleet);
        std::thread::sleep(Duration::from_secs(2));
        told(&fleet, "orchestrator", RANGE, Instants::LeftOut)
    };
    let found = states(&wanted);
    for (state, least) in [("present", 55), ("closed", 20), ("gap", 2), ("refused", 2), ("failed", 1)] {
        let days = found.iter().filter(|one| **one == state).count();
        assert!(days >= least, "{days} {state} in {found:?}");
    }

    let fleet = fleet().start();
    prepare(&fleet);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            wait_until("the end of the run", PATIENCE, || {
                let last = fleet.champion(&BACKFILL).json_lines().pop()?;
                (last["event"] == "finished").then_some(last)
            })
        });
        wait_until("the first month to be written", PATIENCE, || {
            (files_below(fleet.lake(), "curated").len() > 40).then_some(())
        });
        assert!(!client.is_finished(), "the run was over before anything happened to it");
        fleet.lose_journal("orchestrator");
        fleet.kill("orchestrator");
        let elsewhere = fleet.folder().join("another-disk").join("journal.sqlite").display().to_string();
        fleet.set_variable("orchestrator", "CHAMPION_ORCHESTRATOR__JOURNAL__PATH", &elsewhere);
        fleet.start("orchestrator");
        let end = client.join().expect("the client ends");
        assert_eq!(end["status"], "failed", "{end}");
    });
    let runs = fleet.champion(&["runs", "--json"]).expect_code(0).json();
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(1), "the run was begun again: {runs}");
    finish(&fleet);
    settled(&fleet, "orchestrator", Instants::LeftOut, &wanted);

    // On the same lake nothing is told otherwise at all, to the millisecond.
    let exactly = told(&fleet, "orchestrator", RANGE, Instants::Told);
    fleet.stop("orchestrator");
    fleet.lose_journal("orchestrator");
    fleet.start("orchestrator");
    settled(&fleet, "orchestrator", Instants::Told, &exactly);
    let rebuilt = fleet.champion(&["journal", "rebuild", "--json"]).expect_code(0).json();
    assert_eq!(rebuilt["findings"], json!([]), "{rebuilt}");
    settled(&fleet, "orchestrator", Instants::Told, &exactly);
}

#[test]
fn promise_47_a_standby_tells_the_same_takes_over_and_finishes_what_a_paused_one_had_begun() {
    let arguments = ["backfill", "bhavcopy", "--from", "2024-07-08", "--to", "2024-07-19", "--json"];
    let wanted = {
        let fleet = fleet().start();
        let _ = fleet.champion(&arguments).expect_code(0);
        fleet.content()
    };
    let fleet = fleet().standby().start();
    fleet.post_to_mirror("/__fault", &json!({"path": "*", "kind": "slow", "delay_ms": 300, "count": "forever"}));
    let role = |service: &str| -> String {
        let url = format!("http://{}", fleet.address(service, "grpc"));
        let status = fleet.champion(&["status", "--json", "--orchestrator", &url]).expect_code(0).json();
        status["orchestrator"]["role"].as_str().expect("a role").to_owned()
    };
    assert_eq!((role("orchestrator"), role(STANDBY)), ("active".to_owned(), "standby".to_owned()));
    assert_eq!(fleet.metric(STANDBY, "champion_orchestrator_active"), 0.0);
    // Asked of the standby, done by the active one.
    let standby = format!("http://{}", fleet.address(STANDBY, "grpc"));
    let asked = [&arguments[..], &["--orchestrator", &standby]].concat();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            wait_until("the end of the run", PATIENCE, || {
                let last = fleet.champion(&asked).json_lines().pop()?;
                (last["event"] == "finished").then_some(last)
            })
        });
        wait_until("the run to be under way", PATIENCE, || {
            (!files_below(fleet.lake(), "raw").is_empty()).then_some(())
        });
        fleet.signal("orchestrator", "-STOP");
        wait_until("the standby to lead", PATIENCE, || (role(STANDBY) == "active").then_some(()));
        fleet.signal("orchestrator", "-CONT");
        wait_until("the paused one to stand by", PATIENCE, || (role("orchestrator") == "standby").then_some(()));
        assert_eq!(client.join().expect("the client ends")["status"], "succeeded");
    });
    assert!(fleet.log("orchestrator").contains("superseded: another orchestrator leads"));
    let runs = fleet.champion(&["runs", "--json"]).expect_code(0).json();
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(1), "the run was begun again: {runs}");
    fleet.content().expect_equal(&wanted, &fleet, "a paused orchestrator and its successor");
    let range = ("2024-07-08", "2024-07-19");
    settled_in(&fleet, range);
    // The one that leads dies, and the other one leads again at once.
    fleet.kill(STANDBY);
    wait_until("the other to lead", Duration::from_secs(10), || (role("orchestrator") == "active").then_some(()));
}

/// Waits until both orchestrators tell the same.
fn settled_in(fleet: &Fleet, range: (&str, &str)) {
    wait_until("both to tell the same", Duration::from_secs(20), || {
        let both = ["orchestrator", STANDBY].map(|service| told(fleet, service, range, Instants::Told));
        (both[0] == both[1]).then_some(())
    });
}
