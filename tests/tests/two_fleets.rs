//! Two complete sets of services over one lake and one warehouse: who asks, how often, and who is first do not matter.

use champion_e2e::Fleet;
use serde_json::{Value, json};

const DATASETS: [&str; 2] = ["bhavcopy", "full_bhavcopy"];
const DATES: [&str; 3] = ["2024-07-08", "2024-07-09", "2024-07-10"];
/// Requests for the same day to each set of services, at the same time.
const TIMES: usize = 3;

fn run(fleet: &Fleet, dataset: &str, date: &str) -> Value {
    let answer = fleet.champion(&["run", dataset, "--date", date, "--json"]).expect_code(0);
    answer.json_lines().last().expect("a run has events").clone()
}

/// Tells whether a run downloaded, wrote and loaded nothing.
fn did_nothing(finished: &Value) -> bool {
    ["downloaded", "written", "loaded"].iter().all(|part| finished["totals"][part] == 0)
}

#[test]
fn promise_03_a_day_asked_many_times_from_two_places_at_once_is_in_once() {
    let wanted = {
        let fleet = Fleet::builder().start();
        for (dataset, date) in DATASETS.iter().flat_map(|dataset| DATES.map(|date| (*dataset, date))) {
            assert!(!did_nothing(&run(&fleet, dataset, date)), "{dataset} {date}");
        }
        fleet.content()
    };
    let one = Fleet::builder().start();
    let other =
        Fleet::builder().lake(one.lake()).sharing(&one, "exchange-mirror").sharing(&one, "embedded-warehouse").start();
    // Every file takes its time, so that both sets of services are under way with the same day.
    one.post_to_mirror("/__fault", &json!({"path": "*", "kind": "slow", "delay_ms": 100, "count": "forever"}));
    for (dataset, date) in DATASETS.iter().flat_map(|dataset| DATES.map(|date| (*dataset, date))) {
        std::thread::scope(|scope| {
            for fleet in [&one, &other].repeat(TIMES) {
                scope.spawn(move || run(fleet, dataset, date));
            }
        });
        // Whoever asks afterwards, at either place, is told that it is done already.
        for fleet in [&one, &other] {
            let again = run(fleet, dataset, date);
            assert!(did_nothing(&again), "{dataset} {date} was done again: {again}");
            assert_eq!(again["totals"]["unchanged"], 1, "{dataset} {date}: {again}");
        }
    }
    one.content().expect_equal(&wanted, &one, "two sets of services");
    let asked = one.get_from_mirror("/__requests?path=nsearchives");
    for (report, times) in asked["counts"].as_object().expect("counts a report") {
        assert!(times.as_u64().expect("a count") <= 2, "{report} was downloaded {times} times by two scrapers");
    }
    let versions = one.ask_warehouse("SELECT max(version), count() FROM champion.load_ledger FINAL FORMAT TSVRaw");
    assert_eq!(versions.trim(), "1\t9", "versions and ledger rows of 3 tables and 3 days");
    assert!(one.content().names("history/").is_empty(), "a second version was published");
    eprintln!("downloads: {}", asked["counts"]);
}
