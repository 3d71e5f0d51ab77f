//! What `Audit` names, and what `Reconcile` says after a repair, against a real ClickHouse.

use bytes::Bytes;
use champion_clickhouse_loader::{
    AuditEvent, AuditScope, AuditSummary, Difference, DifferenceKind, Reconciliation, Remedy, Run, Scope,
};
use champion_market_data::artifact::keys;
use champion_market_data::{CuratedArtifact, Dataset, Exchange, Sha256, Table, TradeDate};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::harness::{World, date, deadline, observed_of, rows};

const TABLE: Table = Table::EquityDelivery;
const DATASET: Dataset = Dataset::FullBhavcopy;
const DAYS: [&str; 3] = ["2025-02-21", "2025-02-24", "2025-03-03"];

async fn publish(world: &World, day: &str, version: u32) -> CuratedArtifact {
    let day = date(day);
    world.curate(TABLE, day, version, &rows(TABLE, day, 0..50 - i64::from(version), version.into())).await
}

/// Keeps an observation of a session in the raw zone, as the scraper does; the harness publishes from the bytes `source`.
async fn observe(world: &World, day: &str, text: &str, version: u32) -> String {
    let (day, sha256) = (date(day), Sha256::of(text.as_bytes()));
    let key = keys::raw(Exchange::Nse, DATASET, day, &sha256, "csv");
    world.lake.publish(&key, Bytes::from(text.to_owned())).await.expect("kept");
    let facts = json!({
        "version": 1, "dataset": DATASET, "exchange": "nse", "trade_date": day,
        "artifact": {"key": key, "sha256": sha256, "bytes": text.len(), "rows": 0}, "observed_at": observed_of(day, version),
    });
    let facts_key = keys::raw_facts(Exchange::Nse, DATASET, day, &sha256);
    world.lake.publish(&facts_key, Bytes::from(facts.to_string())).await.expect("kept");
    key
}

async fn audit(world: &World) -> (Vec<Difference>, AuditSummary) {
    let (sender, mut receiver) = mpsc::channel(10_000);
    let scope = AuditScope { dataset: Some(DATASET), ..AuditScope::default() };
    let summary = world.loader.audit(&scope, &sender, deadline(60)).await.expect("audited");
    drop(sender);
    let mut found = Vec::new();
    while let Some(event) = receiver.recv().await {
        if let AuditEvent::Difference(difference) = event {
            found.push(difference);
        }
    }
    (found, summary)
}

fn named(found: &[Difference]) -> Vec<(String, DifferenceKind)> {
    found.iter().map(|found| (found.trade_date.to_string(), found.kind)).collect()
}

async fn reconcile(world: &World, repair: bool) -> Reconciliation {
    let run = Run { run_id: "repair".to_owned(), ..Run::default() };
    let scope = Scope { table: Some(TABLE), ..Scope::default() };
    world.loader.reconcile(&scope, repair, &run, deadline(60)).await.expect("compared")
}

fn remaining(outcome: &Reconciliation) -> Vec<(TradeDate, &'static str)> {
    let left = outcome.findings.iter().filter(|found| !found.repaired);
    left.map(|found| (found.trade_date, found.kind.as_str())).collect()
}

/// Three observed, published and loaded sessions; the last one was corrected.
async fn full(world: &World) -> Bytes {
    let mut artifacts = Vec::new();
    for day in DAYS {
        observe(world, day, "source", 1).await;
        artifacts.push(publish(world, day, 1).await);
    }
    world.load(&artifacts).await.expect("loaded");
    let manifest = keys::manifest(TABLE, Exchange::Nse, date(DAYS[2]));
    let before = world.lake.get(&manifest).await.expect("readable").expect("published");
    correct(world).await;
    before
}

/// The exchange corrects the last session: other bytes, another manifest, loaded.
async fn correct(world: &World) {
    observe(world, DAYS[2], "corrected", 2).await;
    let corrected = publish(world, DAYS[2], 2).await;
    let manifest = keys::manifest(TABLE, Exchange::Nse, date(DAYS[2]));
    change(world, &manifest, |json| json["source_sha256"] = json!(Sha256::of(b"corrected"))).await;
    world.load(&[corrected]).await.expect("loaded");
}

async fn change(world: &World, key: &str, change: impl FnOnce(&mut Value)) {
    let json = world.lake.get(key).await.expect("readable").expect("there");
    let mut json: Value = serde_json::from_slice(&json).expect("JSON");
    change(&mut json);
    world.lake.publish(key, Bytes::from(json.to_string())).await.expect("written");
}

#[tokio::test]
async fn promise_42_an_older_manifest_that_came_back_remains_after_a_repair_and_is_for_a_replay() {
    let Some(world) = World::start().await else { return };
    let before = full(&world).await;
    assert_eq!(reconcile(&world, false).await.findings, []);
    // Manifest and file of version 1 come back from a backup.
    let kept = world.lake.list("history").await.expect("listed");
    let file = kept.iter().find(|key| key.ends_with(".parquet")).expect("kept");
    let bytes = world.lake.get(file).await.expect("readable").expect("there");
    let (curated, manifest) =
        (keys::curated(TABLE, Exchange::Nse, date(DAYS[2])), keys::manifest(TABLE, Exchange::Nse, date(DAYS[2])));
    world.lake.publish(&curated, bytes).await.expect("restored");
    world.lake.publish(&manifest, before).await.expect("restored");

    let said = reconcile(&world, true).await;
    assert_eq!(remaining(&said), [(date(DAYS[2]), "differs")], "{said:?}");
    assert_eq!(said.findings[0].remedy, Remedy::Replay);
    assert!(said.findings[0].detail.contains("the warehouse holds version 2"), "{said:?}");
    assert_eq!(remaining(&reconcile(&world, false).await), remaining(&said), "the next look finds the same");
    let (found, _) = audit(&world).await;
    let expected = [DifferenceKind::RawNewer, DifferenceKind::LoadedNewer].map(|kind| (DAYS[2].to_owned(), kind));
    assert_eq!(named(&found), expected, "{found:?}");

    // As the replay does: the newest raw bytes are published again, and the same look finds nothing.
    let again = world.curate(TABLE, date(DAYS[2]), 2, &rows(TABLE, date(DAYS[2]), 0..48, 2)).await;
    change(&world, &manifest, |json| json["source_sha256"] = json!(Sha256::of(b"corrected"))).await;
    assert!(world.load(&[again]).await.expect("loaded")[0].already_loaded);
    assert_eq!(reconcile(&world, false).await.findings, []);
    assert_eq!(audit(&world).await.0, []);
    world.stop().await;
}

#[tokio::test]
async fn promise_43_an_audit_names_every_difference_and_changes_nothing() {
    let Some(world) = World::start().await else { return };
    full(&world).await;
    let (sound, summary) = audit(&world).await;
    assert_eq!((sound, summary), (Vec::new(), AuditSummary { sessions: 3, differences: 0, explained: 0 }));

    let manifest = |day: &str| keys::manifest(TABLE, Exchange::Nse, date(day));
    // Observed and not published; observed anew and refused by the parser; published and not loaded; loaded, manifest gone.
    observe(&world, "2025-03-04", "source", 1).await;
    observe(&world, DAYS[0], "refused", 2).await;
    let refused = keys::quarantine(DATASET, Exchange::Nse, date(DAYS[0]), &Sha256::of(b"refused"), 1);
    let line = "{\"line\":0,\"code\":\"bad_header\",\"reason\":\"no column symbol\",\"raw\":\"\"}\n";
    world.lake.publish(&refused, Bytes::from(line)).await.expect("set aside");
    observe(&world, "2025-03-05", "source", 1).await;
    publish(&world, "2025-03-05", 1).await;
    world.lake.delete(&manifest(DAYS[1])).await.expect("deleted");
    // Published as known since the year 9999, or since a time at which nothing was observed; published from bytes that nobody has; facts and manifest that are spoilt.
    for day in ["2025-03-06", "2025-03-07", "2025-03-10", "2025-03-11", "2025-03-12"] {
        observe(&world, day, "source", 1).await;
        let artifact = publish(&world, day, 1).await;
        world.load(&[artifact]).await.expect("loaded");
    }
    change(&world, &manifest("2025-03-06"), |json| json["observed_at"] = json!("9999-01-01T00:00:00Z")).await;
    change(&world, &manifest("2025-03-12"), |json| json["observed_at"] = json!("2025-03-12T23:00:00Z")).await;
    change(&world, &manifest("2025-03-07"), |json| json["source_sha256"] = json!(Sha256::of(b"nobody's"))).await;
    let facts = keys::raw_facts(Exchange::Nse, DATASET, date("2025-03-10"), &Sha256::of(b"source"));
    world.lake.publish(&facts, Bytes::from("{")).await.expect("spoilt");
    world.lake.publish(&manifest("2025-03-11"), Bytes::from("{")).await.expect("spoilt");
    // Bytes as received that are gone, although nothing newer was observed.
    let gone = observe(&world, DAYS[2], "newest", 3).await;
    world.lake.delete(&gone).await.expect("deleted");
    world.execute("ALTER TABLE {db}.equity_delivery DROP PARTITION 202502").await;

    let ledger: u64 = world.one("SELECT count() FROM {db}.load_ledger").await;
    let (found, summary) = audit(&world).await;
    let mut said = named(&found);
    said.sort();
    let mut expected: Vec<(String, DifferenceKind)> = [
        (DAYS[0], DifferenceKind::Refused),
        (DAYS[0], DifferenceKind::RowsMissing),
        (DAYS[1], DifferenceKind::NotPublished),
        (DAYS[1], DifferenceKind::LoadedWithoutPublished),
        (DAYS[2], DifferenceKind::RawMissing),
        ("2025-03-04", DifferenceKind::NotPublished),
        ("2025-03-05", DifferenceKind::NotLoaded),
        ("2025-03-06", DifferenceKind::Unreadable),
        ("2025-03-07", DifferenceKind::PublishedWithoutRaw),
        ("2025-03-10", DifferenceKind::PublishedWithoutRaw),
        ("2025-03-10", DifferenceKind::Unreadable),
        ("2025-03-11", DifferenceKind::Unreadable),
        ("2025-03-12", DifferenceKind::Unobserved),
    ]
    .map(|(day, kind)| (day.to_owned(), kind))
    .to_vec();
    expected.sort();
    assert_eq!(said, expected, "{found:#?}");
    assert_eq!((summary.differences, summary.explained), (12, 1));
    let refused = found.iter().find(|found| found.kind == DifferenceKind::Refused).expect("named");
    assert!(refused.detail.contains("no column symbol") && refused.detail.contains("quarantine/"), "{refused:?}");
    assert_eq!(audit(&world).await, (found, summary), "an audit changes nothing");
    assert_eq!(world.one::<u64>("SELECT count() FROM {db}.load_ledger").await, ledger);
    world.stop().await;
}

#[tokio::test]
async fn promise_44_an_unreadable_or_foreign_manifest_stops_neither_comparison_nor_repair_of_the_others() {
    let Some(world) = World::start().await else { return };
    full(&world).await;
    let manifest = |day: &str| keys::manifest(TABLE, Exchange::Nse, date(day));
    world.lake.publish(&manifest(DAYS[0]), Bytes::from("{\"table\":")).await.expect("spoilt");
    let other = world.lake.get(&manifest(DAYS[2])).await.expect("readable").expect("there");
    world.lake.publish(&manifest("2025-03-04"), other).await.expect("a manifest under another's key");
    world.execute("ALTER TABLE {db}.equity_delivery DROP PARTITION 202502").await;
    let said = reconcile(&world, true).await;
    let expected = [(date(DAYS[0]), "unreadable"), (date("2025-03-04"), "unreadable")];
    assert_eq!(remaining(&said), expected, "{said:?}");
    assert!(said.findings.iter().filter(|found| !found.repaired).all(|found| found.remedy == Remedy::Verify));
    assert!(said.findings.iter().any(|found| found.repaired && found.trade_date == date(DAYS[1])), "{said:?}");
    assert_eq!(remaining(&reconcile(&world, false).await), expected);
    world.stop().await;
}

/// Something that happens to lake or warehouse.
#[derive(Debug, Clone, Copy)]
enum Damage {
    DeleteManifest(usize),
    FlipManifest(usize),
    FlipFile(usize),
    DeleteFile(usize),
    /// The manifest of one session under the key of another.
    CopyManifest(usize, usize),
    RestoreOld,
    DropRows(usize),
    ChangeRows(usize),
    ForgetLedger(usize),
    LoseHistory,
    LoseLakeHistory,
}

fn damage() -> impl Strategy<Value = Damage> {
    let day = || 0..DAYS.len();
    prop_oneof![
        day().prop_map(Damage::DeleteManifest),
        day().prop_map(Damage::FlipManifest),
        day().prop_map(Damage::FlipFile),
        day().prop_map(Damage::DeleteFile),
        (day(), day()).prop_map(|(one, other)| Damage::CopyManifest(one, other)),
        Just(Damage::RestoreOld),
        day().prop_map(Damage::DropRows),
        day().prop_map(Damage::ChangeRows),
        day().prop_map(Damage::ForgetLedger),
        Just(Damage::LoseHistory),
        Just(Damage::LoseLakeHistory),
    ]
}

async fn apply(world: &World, damage: Damage, old: &Bytes) {
    let manifest = |day: usize| keys::manifest(TABLE, Exchange::Nse, date(DAYS[day]));
    let file = |day: usize| keys::curated(TABLE, Exchange::Nse, date(DAYS[day]));
    let flip = async |key: String| {
        if let Some(bytes) = world.lake.get(&key).await.expect("readable") {
            let mut bytes = bytes.to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            world.lake.publish(&key, Bytes::from(bytes)).await.expect("written");
        }
    };
    match damage {
        Damage::DeleteManifest(day) => world.lake.delete(&manifest(day)).await.expect("deleted"),
        Damage::FlipManifest(day) => flip(manifest(day)).await,
        Damage::FlipFile(day) => flip(file(day)).await,
        Damage::DeleteFile(day) => world.lake.delete(&file(day)).await.expect("deleted"),
        Damage::CopyManifest(one, other) => {
            if let Some(bytes) = world.lake.get(&manifest(one)).await.expect("readable") {
                world.lake.publish(&manifest(other), bytes).await.expect("written");
            }
        }
        Damage::RestoreOld => world.lake.publish(&manifest(2), old.clone()).await.expect("restored"),
        Damage::DropRows(day) => {
            let sql = "ALTER TABLE {db}.equity_delivery DELETE WHERE symbol < 'K00020' AND trade_date = ";
            world.execute(&format!("{sql}'{}' SETTINGS mutations_sync = 2", DAYS[day])).await;
        }
        Damage::ChangeRows(day) => {
            let sql = "INSERT INTO {db}.equity_delivery SELECT * REPLACE (close + toDecimal64('0.0001', 4) AS close) FROM \
                       {db}.equity_delivery FINAL WHERE symbol = 'K00007' AND trade_date = ";
            world.execute(&format!("{sql}'{}'", DAYS[day])).await;
        }
        Damage::ForgetLedger(day) => {
            let sql = "ALTER TABLE {db}.load_ledger DELETE WHERE table = 'equity_delivery' AND trade_date = ";
            world.execute(&format!("{sql}'{}' SETTINGS mutations_sync = 2", DAYS[day])).await;
        }
        Damage::LoseHistory => world.execute("TRUNCATE TABLE {db}.equity_delivery_history").await,
        Damage::LoseLakeHistory => {
            for key in world.lake.list("history").await.expect("listed") {
                world.lake.delete(&key).await.expect("deleted");
            }
        }
    }
}

#[tokio::test]
async fn promise_42_whatever_was_damaged_what_reconcile_says_remains_is_what_the_next_look_finds() {
    let Some(world) = World::start().await else { return };
    let mut runner = TestRunner::deterministic();
    let cases = prop::collection::vec(damage(), 1..4);
    for case in 0..16 {
        let damages = cases.new_tree(&mut runner).expect("a case").current();
        for zone in ["raw", "curated", "history", "elsewhere", "quarantine"] {
            for key in world.lake.list(zone).await.expect("listed") {
                world.lake.delete(&key).await.expect("deleted");
            }
        }
        if case > 0 {
            for table in ["equity_delivery", "equity_delivery_history", "load_ledger", "history_ledger"] {
                world.execute(&format!("TRUNCATE TABLE {{db}}.{table}")).await;
            }
        }
        let old = full(&world).await;
        assert_eq!(reconcile(&world, false).await.findings, [], "sound before {damages:?}");
        for damage in &damages {
            apply(&world, *damage, &old).await;
        }
        let said = reconcile(&world, true).await;
        let looked = reconcile(&world, false).await;
        assert_eq!(remaining(&said), remaining(&looked), "{damages:?}\nsaid {said:#?}\nfound {looked:#?}");
    }
    world.stop().await;
}
