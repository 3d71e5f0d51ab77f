//! A backfill of 5,000 days that is stopped again and again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use champion_e2e::Fleet;
use champion_e2e::wait::wait_until;
use serde_json::Value;

/// 5,000 days.
const RANGE: [&str; 4] = ["--from", "2008-01-01", "--to", "2021-09-08"];
/// The mirror publishes two months and answers 404 for the rest: what is asked for is seen all the same.
const LAST: &str = "2008-02-29";
/// Requests of the scraper in a second.
const PACE: u64 = 400;
/// Days that are under way at the same time, by default.
const IN_FLIGHT: u64 = 8;
/// Requests after which the orchestrator is killed.
const POINTS: [u64; 4] = [20, 300, 1_200, 2_500];

fn requests(fleet: &Fleet) -> Value {
    fleet.get_from_mirror("/__requests?path=nsearchives")
}

#[test]
fn promise_31_a_backfill_of_5000_days_stopped_anywhere_goes_on_and_does_only_the_days_in_flight_again() {
    let fleet = Fleet::builder()
        .variable_of("exchange-mirror", "CHAMPION_EXCHANGE_MIRROR__SOURCE__LAST_DATE", LAST)
        .variable_of("scraper", "CHAMPION_SCRAPER__PACE__REQUESTS_PER_SECOND", &PACE.to_string())
        .start();
    let done = AtomicBool::new(false);
    let killed = std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            // Attaches again until the run has ended.
            let arguments = [&["backfill", "bhavcopy", "--json"][..], &RANGE].concat();
            let last = wait_until("the end of the run", Duration::from_secs(300), || {
                let answer = fleet.champion(&arguments);
                (answer.code == 0).then(|| answer.json_lines().last().cloned().expect("events"))
            });
            done.store(true, Ordering::SeqCst);
            last
        });
        let mut killed = 0;
        for point in POINTS {
            wait_until(&format!("{point} requests"), Duration::from_secs(120), || {
                let asked = requests(&fleet)["total"].as_u64().expect("a count");
                (asked >= point || done.load(Ordering::SeqCst)).then_some(())
            });
            assert!(!done.load(Ordering::SeqCst), "the run was over before {point} requests");
            fleet.kill("orchestrator");
            killed += 1;
            fleet.start("orchestrator");
        }
        let end = client.join().expect("the client ends");
        assert_eq!(end["status"], "succeeded", "{end}");
        killed
    });

    // One run, every day of it with a state.
    let runs = fleet.champion(&["runs", "--json"]).expect_code(0).json();
    let runs = runs["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 1, "the run was begun again: {runs:?}");
    let total = |name: &str| runs[0]["totals"][name].as_u64().expect("a count");
    assert_eq!(total("present") + total("closed") + total("missing"), 5_000, "{}", runs[0]);
    assert!(total("present") > 35, "{}", runs[0]);
    let ledger = fleet.ask_warehouse("SELECT count() FROM champion.load_ledger FINAL FORMAT TSVRaw");
    assert_eq!(ledger.trim(), (total("present") * 2).to_string(), "ledger rows of two tables");

    // Each file was asked for once, but those in flight at a kill.
    let asked = requests(&fleet);
    let files = asked["counts"].as_object().expect("counts").len() as u64;
    let again = asked["total"].as_u64().expect("a count") - files;
    eprintln!("{files} files, {again} asked again after {killed} kills");
    assert!(files > 3_000, "{files} files");
    assert!(again <= killed * IN_FLIGHT, "{again} files were asked again after {killed} kills");

    // The pace held across every start: no second saw more requests than it allows.
    let times: Vec<i64> = asked["requests"].as_array().expect("a log").iter().map(millisecond).collect();
    let most = times.iter().map(|begin| times.iter().filter(|at| (*begin..*begin + 1_000).contains(*at)).count()).max();
    assert!(most.unwrap_or(0) as u64 <= PACE + IN_FLIGHT, "{most:?} requests in a second");
}

fn millisecond(request: &Value) -> i64 {
    let time = request["time"].as_str().expect("a time");
    chrono::DateTime::parse_from_rfc3339(time).expect("a time").timestamp_millis()
}
