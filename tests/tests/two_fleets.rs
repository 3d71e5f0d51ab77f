//! Two complete sets of services over one lake and one warehouse: who asks, how often, and who is first do not matter.

use std::collections::BTreeMap;

use champion_e2e::Fleet;
use serde_json::{Value, json};

const DATASETS: [&str; 2] = ["bhavcopy", "full_bhavcopy"];
const DATES: [&str; 3] = ["2024-07-08", "2024-07-09", "2024-07-10"];
/// A day that one place does alone.
const LATER: &str = "2024-07-11";
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
        for dataset in DATASETS {
            assert!(!did_nothing(&run(&fleet, dataset, LATER)), "{dataset} {LATER}");
        }
        fleet.content()
    };
    let one = Fleet::builder().start();
    let other =
        Fleet::builder().lake(one.lake()).sharing(&one, "exchange-mirror").sharing(&one, "embedded-warehouse").start();
    // Every file takes its time, so that both sets of services are under way with the same day.
    one.post_to_mirror("/__fault", &json!({"path": "*", "kind": "slow", "delay_ms": 100, "count": "forever"}));
    for (dataset, date) in DATASETS.iter().flat_map(|dataset| DATES.map(|date| (*dataset, date))) {
        let ends: Vec<Value> = std::thread::scope(|scope| {
            let ask = |fleet| scope.spawn(move || run(fleet, dataset, date));
            let asked: Vec<_> = [&one, &other].repeat(TIMES).into_iter().map(ask).collect();
            asked.into_iter().map(|client| client.join().expect("a run that fails has said so")).collect()
        });
        // At one place the same request is the same run. Of two places one downloads and one writes, and
        // the other finds it done.
        let runs: BTreeMap<&str, &Value> =
            ends.iter().map(|end| (end["run_id"].as_str().expect("an id"), end)).collect();
        let done =
            |part: &str| -> u64 { runs.values().map(|end| end["totals"][part].as_u64().expect("a count")).sum() };
        let tables = if dataset == "bhavcopy" { 2 } else { 1 };
        assert_eq!(done("downloaded"), 1, "{dataset} {date}: {ends:?}");
        assert_eq!(done("written"), tables, "{dataset} {date}: {ends:?}");
        // Two loaders may send the same insert in the same moment; the warehouse takes it once.
        assert!((tables..=2 * tables).contains(&done("loaded")), "{dataset} {date}: {ends:?}");
        // Whoever asks afterwards, at either place, is told that it is done already.
        for fleet in [&one, &other] {
            let again = run(fleet, dataset, date);
            assert!(did_nothing(&again), "{dataset} {date} was done again: {again}");
            assert_eq!(again["totals"]["unchanged"], 1, "{dataset} {date}: {again}");
        }
    }
    // A day that one place has done is done for the other, which never heard of it.
    for dataset in DATASETS {
        assert!(!did_nothing(&run(&one, dataset, LATER)), "{dataset} {LATER} was done by nobody");
        let told = run(&other, dataset, LATER);
        assert!(did_nothing(&told), "{dataset} {LATER} was done again: {told}");
    }
    one.content().expect_equal(&wanted, &one, "two sets of services");
    let asked = one.get_from_mirror("/__requests?path=nsearchives");
    for (report, times) in asked["counts"].as_object().expect("counts a report") {
        assert_eq!(times.as_u64(), Some(1), "{report} was downloaded {times} times by two scrapers");
    }
    let versions = one.ask_warehouse("SELECT max(version), count() FROM champion.load_ledger FINAL FORMAT TSVRaw");
    assert_eq!(versions.trim(), "1\t12", "versions and ledger rows of 3 tables and 4 days");
    assert!(one.content().names("history/").is_empty(), "a second version was published");
}
