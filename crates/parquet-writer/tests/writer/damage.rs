//! Damage to stored bytes, and what the sweep does about it.

use std::collections::BTreeMap;

use bytes::Bytes;
use champion_lake::Lake;
use champion_market_data::artifact::keys;
use champion_market_data::{Dataset, Exchange, Sha256, Table, ist_instant};
use champion_parquet_writer::verify::{Finding, Problem, Repair, Sweep, SweepEvent, SweepSummary, Verifier, Zone};
use champion_parquet_writer::{Compactor, Encoding, Manifest, Month};
use tokio::sync::mpsc;

use crate::harness::{World, contents, date, rows, run, stage, world};

const DAY: &str = "2025-02-24";
const KEPT: [&str; 4] = ["raw", "curated", "history", "compacted"];

async fn keep_raw(lake: &Lake, day: &str, text: &str) -> String {
    let sha256 = Sha256::of(text.as_bytes());
    let (exchange, dataset) = (Exchange::Nse, Dataset::FullBhavcopy);
    let key = keys::raw(exchange, dataset, date(day), &sha256, "csv");
    lake.put_if_absent(&key, Bytes::from(text.to_owned())).await.expect("kept");
    let artifact = serde_json::json!({"key": key, "sha256": sha256, "bytes": text.len(), "rows": 0});
    let facts = serde_json::json!({
        "version": 1, "dataset": dataset, "exchange": exchange, "trade_date": day, "artifact": artifact,
        "observed_at": ist_instant(date(day), 20, 0), "url": "http://x",
    })
    .to_string();
    let facts_key = keys::raw_facts(exchange, dataset, date(day), &sha256);
    lake.put_if_absent(&facts_key, Bytes::from(facts)).await.expect("kept");
    key
}

/// Two sessions with raw bytes, staged artifacts, published files, a correction of one, and their month.
async fn full_world() -> World {
    let world = world();
    let table = Table::EquityDelivery;
    for day in [DAY, "2025-02-25"] {
        keep_raw(&world.lake, day, &format!("the file of {day}")).await;
        let staged = stage(&world.lake, table, date(day), &rows(table, date(day), 20, 3)).await;
        world.publisher.write(&staged, &run("r1")).await.expect("written");
    }
    let corrected = stage(&world.lake, table, date(DAY), &rows(table, date(DAY), 19, 4)).await;
    world.publisher.write(&corrected, &run("r2")).await.expect("written");
    let month: Month = "2025-02".parse().expect("a month");
    let compactor = Compactor::new(world.lake.clone(), encoding());
    compactor.compact((table, Exchange::Nse), (month, month), "r3").await.expect("compacted");
    world
}

fn encoding() -> Encoding {
    Encoding::new(1, 131_072).expect("valid settings")
}

async fn sweep(world: &World, sweep: &Sweep) -> (Vec<Finding>, SweepSummary) {
    let verifier = Verifier::new(world.lake.clone(), encoding());
    let (sender, mut receiver) = mpsc::channel(1000);
    let summary = verifier.verify(sweep, sender).await.expect("the lake is readable");
    let mut findings = Vec::new();
    while let Some(event) = receiver.recv().await {
        if let SweepEvent::Finding(finding) = event {
            findings.push(finding);
        }
    }
    assert_eq!(findings.len() as u64, summary.findings);
    (findings, summary)
}

fn everything(repair: bool) -> Sweep {
    Sweep { zones: Zone::ALL.to_vec(), repair, ..Sweep::default() }
}

fn damage(world: &World, key: &str, bytes: &[u8]) {
    std::fs::write(world.folder.path().join(key), bytes).expect("the folder is ours");
}

#[tokio::test]
async fn promise_08_a_sound_lake_has_no_finding_and_every_object_is_read() {
    let world = full_world().await;
    let (findings, summary) = sweep(&world, &everything(true)).await;
    assert_eq!(findings, []);
    // Two raw files with facts, two published files, one earlier version with its manifest, one month.
    assert_eq!(summary.objects, 9);
}

#[tokio::test]
async fn promise_08_one_flipped_bit_anywhere_is_found_never_served_and_rebuilt_or_to_be_fetched_again() {
    let world = full_world().await;
    let sound = contents(&world.lake, &KEPT).await;
    let files: BTreeMap<&String, &Bytes> = sound.iter().filter(|(key, _)| !key.ends_with(".json")).collect();
    assert_eq!(files.len(), 6);
    for (key, bytes) in files {
        for position in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut flipped = bytes.to_vec();
            flipped[position] ^= 1 << (position % 8);
            damage(&world, key, &flipped);

            let (found, _) = sweep(&world, &everything(false)).await;
            let [finding] = found.as_slice() else { panic!("one finding: {found:?}") };
            assert_eq!((&finding.key, finding.repair, &finding.moved_to), (key, Repair::None, &None));
            assert!(finding.problem == Problem::Flipped || key.starts_with("history/"), "{finding:?}");
            assert_eq!(world.lake.get(key).await.expect("readable").as_deref(), Some(&flipped[..]), "only looked at");

            let (repaired, summary) = sweep(&world, &everything(true)).await;
            let aside = repaired[0].moved_to.clone().expect("moved aside");
            assert!(aside.starts_with("quarantine/damaged/"), "{aside}");
            assert_eq!(world.lake.get(&aside).await.expect("readable").as_deref(), Some(&flipped[..]));
            if key.starts_with("raw/") {
                assert_eq!(repaired[0].repair, Repair::NeedsReplay);
                assert_eq!(world.lake.size(key).await.expect("an answer"), None, "the next fetch finds it gone");
                let facts_key = key.replace(".csv", ".facts.json");
                let facts = world.lake.get(&facts_key).await.expect("readable").expect("there");
                let facts: serde_json::Value = serde_json::from_slice(&facts).expect("facts");
                let notes = facts["damaged"].as_array().expect("the facts say so");
                assert_eq!(notes.last().expect("a note")["moved_to"], aside.as_str());
                // As the next fetch does.
                world.lake.put_if_absent(key, bytes.clone()).await.expect("fetched again");
            } else {
                assert_eq!((repaired[0].repair, summary.restored), (Repair::Restored, 1), "{repaired:?}");
                assert_eq!(world.lake.get(key).await.expect("readable").as_ref(), Some(bytes));
            }
            assert_eq!(sweep(&world, &everything(false)).await.0, []);
        }
    }
}

#[tokio::test]
async fn promise_08_missing_short_orphaned_and_unreadable_are_told_apart() {
    let table = Table::EquityDelivery;
    let (curated, manifest) =
        (keys::curated(table, Exchange::Nse, date(DAY)), keys::manifest(table, Exchange::Nse, date(DAY)));
    let cases: [(&str, Option<&[u8]>, Problem, Repair); 5] = [
        (&curated, None, Problem::Missing, Repair::Restored),
        (&curated, Some(b"PAR1"), Problem::Short, Repair::Restored),
        (&manifest, None, Problem::Orphan, Repair::NeedsReplay),
        (&manifest, Some(b"{"), Problem::UnreadableManifest, Repair::NeedsReplay),
        ("raw", None, Problem::Missing, Repair::NeedsReplay),
    ];
    for (key, bytes, problem, repair) in cases {
        let world = full_world().await;
        let raw = keep_raw(&world.lake, DAY, &format!("the file of {DAY}")).await;
        let key = if key == "raw" { &raw } else { key };
        match bytes {
            None => world.lake.delete(key).await.expect("deleted"),
            Some(bytes) => damage(&world, key, bytes),
        }
        let (found, _) = sweep(&world, &everything(true)).await;
        let [finding] = found.as_slice() else { panic!("one finding: {found:?}") };
        assert_eq!((finding.problem, finding.repair), (problem, repair), "{finding:?}");
        assert_eq!(finding.session, Some((Dataset::FullBhavcopy, Exchange::Nse, date(DAY))));
    }
}

#[tokio::test]
async fn what_needs_a_replay_is_whole_after_it_and_keeps_its_place_in_the_history() {
    let world = full_world().await;
    let table = Table::EquityDelivery;
    let corrected = stage(&world.lake, table, date(DAY), &rows(table, date(DAY), 19, 4)).await;
    damage(&world, &Manifest::key_of(&corrected), b"{");
    sweep(&world, &everything(true)).await;
    let again = world.publisher.write(&corrected, &run("replay")).await.expect("the manifest is out of the way");
    assert_eq!((again.unchanged, again.curated.version), (false, 2));
    assert_eq!(sweep(&world, &everything(false)).await.0, []);
}

#[tokio::test]
async fn a_file_that_nothing_staged_can_restore_is_published_again_by_a_replay() {
    let world = full_world().await;
    let key = keys::curated(Table::EquityDelivery, Exchange::Nse, date("2025-02-25"));
    let sound = world.lake.get(&key).await.expect("readable").expect("there");
    for staged in world.lake.list("staged").await.expect("listed") {
        world.lake.delete(&staged).await.expect("collected");
    }
    damage(&world, &key, b"spoilt");
    let (found, _) = sweep(&world, &everything(true)).await;
    assert_eq!(found[0].repair, Repair::NeedsReplay);
    assert_eq!(world.lake.get(&key).await.expect("readable"), None, "damage is never served");
    let table = Table::EquityDelivery;
    let staged = stage(&world.lake, table, date("2025-02-25"), &rows(table, date("2025-02-25"), 20, 3)).await;
    world.publisher.write(&staged, &run("replay")).await.expect("published");
    assert_eq!(world.lake.get(&key).await.expect("readable"), Some(sound));
}

#[tokio::test]
async fn a_range_and_zones_bound_the_sweep() {
    let world = full_world().await;
    damage(&world, &keys::curated(Table::EquityDelivery, Exchange::Nse, date("2025-02-25")), b"spoilt");
    let only = |from: &str, zone| Sweep { from: Some(date(from)), zones: vec![zone], ..Sweep::default() };
    assert_eq!(sweep(&world, &only("2025-02-26", Zone::Curated)).await.0, []);
    assert_eq!(sweep(&world, &only(DAY, Zone::Raw)).await.0, []);
    assert_eq!(sweep(&world, &only(DAY, Zone::Curated)).await.0.len(), 1);
}
