//! Wrong clocks, other zones, and days that pass: real processes with a preloaded clock.

use std::os::unix::fs::MetadataExt;

use champion_e2e::fleet::FleetBuilder;
use champion_e2e::{Client, Fleet, programs};
use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

const DATASETS: [&str; 2] = ["bhavcopy", "full_bhavcopy"];
/// The services of the product that read a clock. The engine and the mirror stand for machines of their own.
const WITH_A_CLOCK: [&str; 5] = ["scraper", "parser", "parquet-writer", "clickhouse-loader", "orchestrator"];

/// Gives the services another clock, as libfaketime writes it: `-12h`, or `@2024-07-08 14:30:00` in UTC.
fn with_clock(builder: FleetBuilder, clock: &str) -> FleetBuilder {
    let library = programs::faketime().display().to_string();
    WITH_A_CLOCK.into_iter().fold(builder, |builder, service| {
        builder
            .variable_of(service, "LD_PRELOAD", &library)
            .variable_of(service, "FAKETIME", clock)
            .variable_of(service, "FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .variable_of(service, "NO_FAKE_STAT", "1")
    })
}

fn facts(fleet: &Fleet) -> Value {
    let keys = champion_e2e::content::files_below(fleet.lake(), "raw");
    let key = keys.iter().find(|key| key.ends_with(".facts.json")).expect("facts");
    serde_json::from_slice(&std::fs::read(fleet.lake().join(key)).expect("readable")).expect("JSON")
}

#[test]
fn promise_24_a_clock_that_is_wrong_by_half_a_day_or_in_another_zone_gives_the_same_business_dates() {
    let range = ["--from", "2024-07-05", "--to", "2024-07-08"];
    let fill = |fleet: &Fleet| {
        for dataset in DATASETS {
            let _ = fleet.champion(&[&["backfill", dataset][..], &range].concat()).expect_code(0);
        }
    };
    let right = Fleet::builder().start();
    fill(&right);
    let wanted = right.content();
    assert_eq!(wanted.names("warehouse/normalized_equity_ohlc/").len(), 2, "a Friday and a Monday");
    drop(right);

    for (clock, off) in [("-12h", -12), ("+12h", 12)] {
        let fleet = with_clock(Fleet::builder(), clock).variable("TZ", "UTC").start();
        fill(&fleet);
        let observed: DateTime<Utc> =
            facts(&fleet)["observed_at"].as_str().and_then(|at| at.parse().ok()).expect("a time");
        let error = observed - Utc::now() - Duration::hours(off);
        assert!(error.abs() < Duration::minutes(10), "the clock was not wrong: {observed}");
        fleet.content().expect_equal(&wanted, &fleet, clock);
    }
    for zone in ["UTC", "America/Los_Angeles", "Pacific/Kiritimati"] {
        let fleet = Fleet::builder().variable("TZ", zone).start();
        fill(&fleet);
        fleet.content().expect_equal(&wanted, &fleet, zone);
    }
}

fn dataset_of(status: &Value, dataset: &str) -> Value {
    let all = status["datasets"].as_array().expect("datasets");
    all.iter().find(|one| one["dataset"] == dataset).unwrap_or_else(|| panic!("no {dataset}: {status}")).clone()
}

fn with_delivery(client: &Client) -> String {
    client.value("SELECT countIf(has_delivery), countIf(volume > 0) > 2000 FROM equity_daily_current WHERE trade_date = '2024-07-08'")
}

#[test]
fn promise_22_prices_are_served_while_delivery_is_late_and_are_not_touched_when_it_comes() {
    // The evening of the session: 20:00 IST.
    let fleet = with_clock(Fleet::builder(), "@2024-07-08 14:30:00").variable("TZ", "UTC").start();
    let late = serde_json::json!({"path": "sec_bhavdata_full_08072024", "kind": "not_found", "count": "forever"});
    fleet.post_to_mirror("/__fault", &late);
    let day = ["--date", "2024-07-08", "--json"];
    let _ = fleet.champion(&[&["run", "bhavcopy"][..], &day].concat()).expect_code(0);
    let answer = fleet.champion(&[&["run", "full_bhavcopy"][..], &day].concat()).expect_code(3);
    let events = answer.json_lines();
    let pending = events.iter().find(|event| event["event"] == "day").expect("a day");
    assert_eq!(pending["state"], "pending", "{pending}");
    assert_eq!(with_delivery(&fleet), "0\t1", "prices without delivery");
    let status = fleet.champion(&["status", "--json"]).expect_code(0).json();
    assert_eq!(dataset_of(&status, "bhavcopy")["sessions_present"], 1, "{status}");
    assert_eq!(dataset_of(&status, "full_bhavcopy")["sessions_missing"], 1, "{status}");

    let before = fleet.content();
    let prices: Vec<_> = before.names("curated/").into_iter().map(|key| fleet.lake().join(key)).collect();
    let identity = || {
        let of = |path: &std::path::PathBuf| {
            let data = std::fs::metadata(path).expect("published");
            (data.ino(), data.mtime(), data.mtime_nsec())
        };
        prices.iter().map(of).collect::<Vec<_>>()
    };
    let untouched = identity();

    // Three days later the file is there.
    fleet.clear_faults();
    for service in WITH_A_CLOCK {
        fleet.stop(service);
        fleet.set_variable(service, "FAKETIME", "@2024-07-11 14:30:00");
        fleet.start(service);
    }
    let _ = fleet.champion(&[&["run", "full_bhavcopy"][..], &day].concat()).expect_code(0);
    assert_ne!(with_delivery(&fleet), "0\t1", "delivery is not in");
    assert_eq!(identity(), untouched, "the files with prices were written again");
    let after = fleet.content();
    // The ledger gets the line of the delivery; its other lines are those of the files compared here.
    for name in before.names("").into_iter().filter(|name| !name.contains("load_ledger")) {
        assert_eq!(after.part(name), before.part(name), "{name} was touched");
    }
    let status = fleet.champion(&["status", "--json"]).expect_code(0).json();
    assert_eq!(dataset_of(&status, "full_bhavcopy")["sessions_missing"], 0, "{status}");
    assert_eq!(dataset_of(&status, "full_bhavcopy")["sessions_present"], 1, "{status}");
}
