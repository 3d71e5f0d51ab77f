//! What a command that puts right says is what a second look found, and one bad object stops no other.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use champion_lake::Lake;
use champion_lake::testing::Faults;
use champion_market_data::artifact::keys;
use champion_market_data::{Exchange, Table};
use champion_parquet_writer::verify::{Finding, Problem, Repair, Sweep, SweepEvent, SweepSummary, Verifier, Zone};
use champion_parquet_writer::{
    CollectConfig, CollectMetrics, Collecting, Collection, Collector, Compactor, Encoding, Kind, Month, RetentionConfig,
};
use chrono::{TimeDelta, Utc};
use prometheus::Registry;
use proptest::prelude::*;
use tokio::sync::mpsc;

use crate::harness::{World, contents, date, rows, run, stage, world, world_in};

const TABLE: Table = Table::EquityDelivery;
const OF: (Table, Exchange) = (TABLE, Exchange::Nse);
const DAYS: [&str; 4] = ["2025-01-31", "2025-02-20", "2025-02-21", "2025-02-24"];

fn encoding() -> Encoding {
    Encoding::new(1, 131_072).expect("valid settings")
}

fn months() -> (Month, Month) {
    ("2025-01".parse().expect("a month"), "2025-02".parse().expect("a month"))
}

async fn publish(world: &World, day: &str, seed: i64) {
    let staged = stage(&world.lake, TABLE, date(day), &rows(TABLE, date(day), 10, seed)).await;
    world.publisher.write(&staged, &run("r1")).await.expect("written");
}

/// Four sessions in two months, both compacted, the last one corrected once; returns the manifest from before that.
async fn full(world: &World) -> Bytes {
    for day in DAYS {
        publish(world, day, 3).await;
    }
    let manifest = keys::manifest(TABLE, Exchange::Nse, date(DAYS[3]));
    let before = world.lake.get(&manifest).await.expect("readable").expect("published");
    publish(world, DAYS[3], 4).await;
    Compactor::new(world.lake.clone(), encoding()).compact(OF, months(), "r1").await.expect("compacted");
    before
}

async fn sweep(lake: &Lake, repair: bool) -> (Vec<Finding>, SweepSummary) {
    let verifier = Verifier::new(lake.clone(), encoding());
    let (sender, mut receiver) = mpsc::channel(1000);
    let sweep = Sweep { zones: Zone::ALL.to_vec(), repair, ..Sweep::default() };
    let summary = verifier.verify(&sweep, sender).await.expect("the lake can be listed");
    let mut findings = Vec::new();
    while let Some(event) = receiver.recv().await {
        if let SweepEvent::Finding(finding) = event {
            findings.push(finding);
        }
    }
    (findings, summary)
}

/// Something that happens to one stored object.
#[derive(Debug, Clone)]
enum Damage {
    Delete(usize),
    Flip(usize, usize),
    Cut(usize),
    /// Its bytes are those of another object.
    Swap(usize, usize),
    /// The manifest from before the correction comes back.
    RestoreOld,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (0..64_usize).prop_map(Damage::Delete),
        (0..64_usize, 0..4096_usize).prop_map(|(which, at)| Damage::Flip(which, at)),
        (0..64_usize).prop_map(Damage::Cut),
        (0..64_usize, 0..64_usize).prop_map(|(one, other)| Damage::Swap(one, other)),
        Just(Damage::RestoreOld),
    ]
}

/// Puts bytes under a key past the lake, as a bad disk or a backup does.
fn put(world: &World, key: &str, bytes: &[u8]) {
    std::fs::write(world.folder.path().join(key), bytes).expect("the folder is ours");
}

async fn apply(world: &World, damage: &Damage, old_manifest: &Bytes) {
    let stored: BTreeMap<String, Bytes> = contents(&world.lake, &["curated", "history", "compacted", "staged"]).await;
    let all: Vec<(&String, &Bytes)> = stored.iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
    if all.is_empty() {
        return;
    }
    let of = |which: &usize| all[which % all.len()];
    match damage {
        Damage::Delete(which) => world.lake.delete(of(which).0).await.expect("deleted"),
        Damage::Flip(which, at) => {
            let (key, bytes) = of(which);
            let mut flipped = bytes.to_vec();
            let at = at % flipped.len();
            flipped[at] ^= 0x20;
            put(world, key, &flipped);
        }
        Damage::Cut(which) => put(world, of(which).0, &of(which).1[..of(which).1.len() / 2]),
        Damage::Swap(one, other) => put(world, of(one).0, of(other).1),
        Damage::RestoreOld => put(world, &keys::manifest(TABLE, Exchange::Nse, date(DAYS[3])), old_manifest),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// For any damage: what a repair says remains is what the next look finds, a compaction says a month is well only if
    /// the next one finds nothing to do there, and a collection leaves nothing but what it names.
    #[test]
    fn promise_42_whatever_was_damaged_a_repair_says_what_the_next_look_finds(damages in prop::collection::vec(damage(), 1..5)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let world = world();
            let old_manifest = full(&world).await;
            for damage in &damages {
                apply(&world, damage, &old_manifest).await;
            }
            let (said, summary) = sweep(&world.lake, true).await;
            let (found, looked) = sweep(&world.lake, false).await;
            assert_eq!(summary.remaining, looked.findings, "{damages:?}\nsaid {said:#?}\nfound {found:#?}");
            let remaining = said.iter().filter(|finding| finding.remains).count() as u64;
            assert_eq!(summary.remaining, remaining, "{damages:?}: what remains is named");
            let compactor = Compactor::new(world.lake.clone(), encoding());
            let made = compactor.compact(OF, months(), "r2").await.expect("the lake can be listed");
            let again = compactor.compact(OF, months(), "r3").await.expect("the lake can be listed");
            assert!(again.months.iter().all(|month| month.unchanged), "{damages:?}: {again:?}");
            assert_eq!((made.months.len(), &made.findings), (again.months.len(), &again.findings), "{damages:?}");
            let retention = RetentionConfig { history_days: 1, ..RETENTION };
            let collector = Collector::new(world.lake.clone(), retention, || Utc::now() + TimeDelta::days(60));
            let collected = collector.collect(true).await.expect("the lake can be listed");
            let left = collector.collect(false).await.expect("the lake can be listed");
            let named = Collection { failures: collected.failures.clone(), ..Collection::default() };
            assert_eq!(left, named, "{damages:?}: all that is left is what was named");
        });
    }
}

#[tokio::test]
async fn promise_44_one_unreadable_manifest_stops_no_other_month_and_no_other_session() {
    let world = world();
    full(&world).await;
    let bad = keys::manifest(TABLE, Exchange::Nse, date(DAYS[0]));
    put(&world, &bad, b"{\"table\":");
    publish(&world, "2025-02-25", 5).await;
    let compactor = Compactor::new(world.lake.clone(), encoding());
    let done = compactor.compact(OF, months(), "r2").await.expect("the others are done");
    let named: Vec<_> = done.findings.iter().map(|finding| (finding.month.to_string(), finding.key.clone())).collect();
    assert_eq!(named, [("2025-01".to_owned(), bad.clone())]);
    assert_eq!(done.months.iter().map(|month| month.sessions).collect::<Vec<_>>(), [4], "the new session is in");
    let (found, _) = sweep(&world.lake, false).await;
    assert_eq!(found.iter().map(|finding| &finding.key).collect::<Vec<_>>(), [&bad]);
}

#[tokio::test]
async fn promise_44_an_object_that_the_disk_does_not_give_out_is_a_finding_and_everything_else_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let faults = Faults::on_folder(folder.path());
    let world = world_in(folder);
    full(&world).await;
    let (sound, all) = sweep(&world.lake, false).await;
    assert_eq!(sound, []);
    let curated = keys::curated(TABLE, Exchange::Nse, date(DAYS[1]));
    let manifest = keys::manifest(TABLE, Exchange::Nse, date(DAYS[0]));
    for bad in [&curated, &manifest] {
        faults.fail_reads(bad, true);
    }
    for repair in [false, true] {
        let (found, summary) = sweep(&world.lake, repair).await;
        assert_eq!(found.iter().filter(|found| found.problem == Problem::Unreadable).count(), 2, "{found:#?}");
        assert_eq!((summary.remaining, found.len()), (2, 2), "{found:#?}");
        assert!(found.iter().all(|finding| finding.detail.contains("input/output error")), "{found:#?}");
        assert!(summary.objects + 2 >= all.objects, "the others are read: {summary:?}");
    }
    let done = Compactor::new(world.lake.clone(), encoding()).compact(OF, months(), "r2").await.expect("tried");
    assert_eq!(done.findings.len(), 1, "{done:?}");
    assert!(done.months.iter().all(|month| month.unchanged), "the month that stands needs no session's file: {done:?}");
    faults.fail_reads(&curated, false);
    faults.fail_reads(&manifest, false);
    assert_eq!(sweep(&world.lake, false).await.0, []);
}

#[tokio::test]
async fn promise_42_a_version_that_was_set_aside_and_cannot_be_made_again_is_told_again_and_again() {
    let world = world();
    full(&world).await;
    for staged in world.lake.list("staged").await.expect("listed") {
        world.lake.delete(&staged).await.expect("collected");
    }
    let mut history = world.lake.list("history").await.expect("listed");
    history.retain(|key| key.ends_with(".parquet"));
    put(&world, &history[0], b"spoilt");
    for repair in [true, false, true] {
        let (found, summary) = sweep(&world.lake, repair).await;
        assert_eq!((found.len(), summary.remaining, &found[0].key), (1, 1, &history[0]), "{found:?}");
        assert_ne!(found[0].repair, Repair::Restored);
    }
}

fn age(world: &World, path: &str, days: u64) {
    let file = std::fs::File::options().append(true).open(world.folder.path().join(path)).expect("the file is there");
    file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400)).expect("the file is ours");
}

const RETENTION: RetentionConfig = RetentionConfig { staged_days: 30, history_days: 0, leftover_hours: 24 };
const CONFIG: CollectConfig = CollectConfig { enabled: true, every_seconds: 3600, jitter_seconds: 0 };

async fn with_rubbish(world: &World) -> String {
    publish(world, DAYS[0], 3).await;
    let staged = world.lake.list("staged").await.expect("listed").remove(0);
    age(world, &staged, 31);
    std::fs::write(world.folder.path().join("curated/x#1"), b"half").expect("the folder is ours");
    age(world, "curated/x#1", 2);
    for lock in std::fs::read_dir(world.folder.path().join(".locks")).expect("there are locks") {
        let name = lock.expect("an entry").file_name().into_string().expect("a name");
        age(world, &format!(".locks/{name}"), 2);
    }
    staged
}

#[tokio::test]
async fn promise_45_what_is_no_longer_needed_goes_by_itself_once_for_all_writers_of_the_lake() {
    let world = world();
    let staged = with_rubbish(&world).await;
    let registry = Registry::new();
    let collecting = |registry: &Registry| {
        let lake = Lake::open_folder(world.folder.path()).expect("a lake");
        let metrics = CollectMetrics::register(registry).expect("free names");
        Collecting::new(Collector::new(lake, RETENTION, Utc::now), CONFIG, metrics)
    };
    let (one, other) = (collecting(&registry), collecting(&Registry::new()));
    let done = one.collect_if_due().await.expect("collected").expect("it was due");
    assert_eq!((done.staged.objects, done.leftovers.objects, done.failures.len()), (1, 1, 0), "{done:?}");
    assert!(done.locks.objects > 0, "{done:?}");
    assert!(!world.lake.list("staged").await.expect("listed").contains(&staged));
    assert_eq!(other.collect_if_due().await.expect("an answer"), None, "another writer has just done it");
    let metrics = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("text");
    assert!(metrics.contains("champion_collected_objects_total{kind=\"staged\"} 1"), "{metrics}");
    assert!(metrics.contains("champion_collect_failures_total{kind=\"history\"} 0"), "{metrics}");
    publish(&world, DAYS[0], 4).await;
}

#[tokio::test]
async fn promise_45_one_writer_collects_at_a_time_and_the_others_leave_it_to_that_one() {
    let world = world();
    with_rubbish(&world).await;
    let metrics = CollectMetrics::register(&Registry::new()).expect("free names");
    let collecting = Collecting::new(Collector::new(world.lake.clone(), RETENTION, Utc::now), CONFIG, metrics);
    let turn = world.lake.only("collect").await.expect("an answer").expect("nobody has it");
    assert_eq!(collecting.collect_if_due().await.expect("an answer"), None);
    turn.end().await;
    assert!(collecting.collect_if_due().await.expect("an answer").is_some());
}

#[tokio::test]
async fn promise_42_a_collection_counts_what_is_gone_and_names_what_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let faults = Faults::on_folder(folder.path());
    let world = world_in(folder);
    let staged = with_rubbish(&world).await;
    publish(&world, DAYS[1], 3).await;
    // Whether it is published cannot be told: it stays, is named, and the rest goes.
    let manifest = keys::manifest(TABLE, Exchange::Nse, date(DAYS[0]));
    faults.fail_reads(&manifest, true);
    let collector = Collector::new(world.lake.clone(), RETENTION, Utc::now);
    let done = collector.collect(true).await.expect("collected");
    assert_eq!((done.staged.objects, done.leftovers.objects), (0, 1), "{done:?}");
    let [failure] = done.failures.as_slice() else { panic!("one failure: {done:?}") };
    assert_eq!((failure.kind, &failure.key), (Kind::Staged, &staged));
    faults.fail_reads(&manifest, false);
    assert_eq!(collector.collect(false).await.expect("looked").staged.objects, 1);
    assert_eq!(collector.collect(true).await.expect("collected").staged.objects, 1);
    assert_eq!(collector.collect(false).await.expect("looked"), Default::default(), "the next look finds nothing");
}
