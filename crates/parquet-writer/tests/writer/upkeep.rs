//! Collection and compaction.

use std::time::{Duration, SystemTime};

use champion_market_data::artifact::keys;
use champion_market_data::{Exchange, StagedArtifact, Table};
use champion_parquet_writer::{
    Collection, Collector, Compactor, Encoding, Month, MonthManifest, RetentionConfig, Tally,
};
use chrono::Utc;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::harness::{World, contents, date, rows, run, stage, world};

const TABLE: Table = Table::EquityDelivery;
const OF: (Table, Exchange) = (TABLE, Exchange::Nse);

fn collector(world: &World, staged_days: u32, history_days: u32) -> Collector {
    let retention = RetentionConfig { staged_days, history_days, leftover_hours: 24 };
    Collector::new(world.lake.clone(), retention, Utc::now)
}

/// Makes a file look as if it had been written days ago.
fn age(world: &World, path: &str, days: u64) {
    let file = std::fs::File::options().append(true).open(world.folder.path().join(path)).expect("the file is there");
    file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400)).expect("the file is ours");
}

async fn published(world: &World, day: &str, seed: i64) -> StagedArtifact {
    let staged = stage(&world.lake, TABLE, date(day), &rows(TABLE, date(day), 10, seed)).await;
    world.publisher.write(&staged, &run("r1")).await.expect("written");
    staged
}

#[tokio::test]
async fn only_old_published_staged_artifacts_are_collected_and_a_rerun_stays_unchanged() {
    let world = world();
    let old = published(&world, "2025-02-20", 3).await;
    let young = published(&world, "2025-02-21", 3).await;
    let unpublished = stage(&world.lake, TABLE, date("2025-02-24"), &rows(TABLE, date("2025-02-24"), 10, 3)).await;
    for staged in [&old, &unpublished] {
        age(&world, &staged.artifact.key, 31);
    }
    let before = contents(&world.lake, &["staged", "curated"]).await;
    let expected = Tally { objects: 1, bytes: old.artifact.bytes };
    let looked = collector(&world, 30, 0).collect(false).await.expect("looked");
    assert_eq!(looked, Collection { staged: expected, ..Collection::default() });
    assert_eq!(contents(&world.lake, &["staged", "curated"]).await, before, "it only looked");

    collector(&world, 30, 0).collect(true).await.expect("collected");
    let left = world.lake.list("staged").await.expect("listed");
    assert!(!left.contains(&old.artifact.key) && left.contains(&young.artifact.key));
    assert!(left.contains(&unpublished.artifact.key), "what is not published is still needed");

    // A backfill of the day: parsed again, unchanged at the writer.
    let again = stage(&world.lake, TABLE, date("2025-02-20"), &rows(TABLE, date("2025-02-20"), 10, 3)).await;
    assert_eq!(again.artifact, old.artifact);
    assert!(world.publisher.write(&again, &run("r2")).await.expect("answered").unchanged);
}

#[tokio::test]
async fn leftovers_go_after_a_day_and_history_only_when_told_to() {
    let world = world();
    published(&world, "2025-02-20", 3).await;
    published(&world, "2025-02-20", 4).await;
    let curated = keys::curated(TABLE, Exchange::Nse, date("2025-02-20"));
    for (name, days) in [("#1", 2), ("#2", 0)] {
        std::fs::write(world.folder.path().join(format!("{curated}{name}")), b"half").expect("the folder is ours");
        age(&world, &format!("{curated}{name}"), days);
    }
    let history = world.lake.list("history").await.expect("listed");
    history.iter().for_each(|key| age(&world, key, 100));
    let collected = collector(&world, 30, 0).collect(true).await.expect("collected");
    assert_eq!((collected.leftovers, collected.history), (Tally { objects: 1, bytes: 4 }, Tally::default()));
    assert!(!world.folder.path().join(format!("{curated}#1")).exists());
    assert!(world.folder.path().join(format!("{curated}#2")).exists(), "this one may be in progress");
    let collected = collector(&world, 30, 90).collect(true).await.expect("collected");
    assert_eq!(collected.history.objects, 2, "the version and its manifest");
    assert!(world.lake.list("history").await.expect("listed").is_empty());
    assert!(world.lake.get(&curated).await.expect("readable").is_some());
}

#[tokio::test]
async fn a_month_is_one_file_with_every_row_once_and_follows_a_correction() {
    let (one, other) = (world(), world());
    let days = ["2025-01-31", "2025-02-03", "2025-02-04", "2025-02-28", "2025-03-03"];
    let month: Month = "2025-02".parse().expect("a month");
    let mut hashes = Vec::new();
    for world in [&one, &other] {
        for day in days {
            published(world, day, 3).await;
        }
        let compactor = Compactor::new(world.lake.clone(), Encoding::new(1, 131_072).expect("valid settings"));
        let done = compactor.compact(OF, (month, month), "r1").await.expect("compacted").months;
        assert_eq!((done.len(), done[0].sessions, done[0].artifact.rows, done[0].unchanged), (1, 3, 30, false));
        hashes.push(done[0].artifact.sha256);
    }
    assert_eq!(hashes[0], hashes[1], "the same sessions give the same bytes");

    let compactor = Compactor::new(one.lake.clone(), Encoding::new(1, 131_072).expect("valid settings"));
    let again = compactor.compact(OF, (month, month), "r2").await.expect("compacted").months;
    assert!(again[0].unchanged);
    let parquet = one.lake.get_verified(&again[0].artifact).await.expect("whole");
    let reader = ParquetRecordBatchReaderBuilder::try_new(parquet).expect("parquet");
    assert_eq!(reader.metadata().num_row_groups(), 3, "a row group a session");
    let compacted: Vec<_> = reader.build().expect("a reader").map(|batch| batch.expect("readable")).collect();
    let rows: usize = compacted.iter().map(arrow::record_batch::RecordBatch::num_rows).sum();
    assert_eq!(rows, 30);
    let zones = one.lake.list("curated").await.expect("listed");
    assert!(zones.iter().all(|key| !key.contains("compacted")), "no glob of curated/ sees a month");

    published(&one, "2025-02-04", 4).await;
    let corrected = compactor.compact(OF, (month, month), "r3").await.expect("compacted").months;
    assert!(!corrected[0].unchanged && corrected[0].artifact.sha256 != hashes[0]);
    let manifest = one.lake.get(&again[0].artifact.key.replace(".parquet", ".manifest.json")).await.expect("readable");
    let manifest: MonthManifest = serde_json::from_slice(&manifest.expect("there")).expect("a manifest");
    assert_eq!(manifest.sessions.iter().map(|session| session.version).collect::<Vec<_>>(), [1, 2, 1]);
    assert_eq!(manifest.artifact, corrected[0].artifact);
    let all = compactor
        .compact(OF, ("2024-12".parse().expect("a month"), "2025-04".parse().expect("a month")), "r4")
        .await
        .expect("compacted")
        .months;
    assert_eq!(all.iter().map(|month| month.month.to_string()).collect::<Vec<_>>(), ["2025-01", "2025-02", "2025-03"]);
}
