//! What is left when the power goes at any step of a publication and its correction.

use champion_lake::testing::{PowerCut, Syncs};
use champion_market_data::artifact::keys;
use champion_market_data::{Exchange, StagedArtifact, Table};
use champion_parquet_writer::{Manifest, Publisher};
use chrono::TimeDelta;
use prometheus::Registry;
use tempfile::TempDir;

use crate::harness::{assert_manifests_hold, contents, date, publisher, rows, run, stage};

const PUBLISHED: [&str; 2] = ["curated", "history"];

/// Ways in which chance may fall, at each step.
const SEEDS: u64 = 8;

struct Machine {
    disk: PowerCut,
    folder: TempDir,
    versions: [StagedArtifact; 2],
}

impl Machine {
    /// A disk with an artifact of a session and its correction staged on it, for good.
    async fn new(syncs: Syncs) -> Self {
        let (disk, folder) = (PowerCut::new(syncs), tempfile::tempdir().expect("a folder for the locks"));
        let lake = disk.lake(folder.path());
        let (table, day) = (Table::EquityDelivery, date("2025-02-24"));
        let first = stage(&lake, table, day, &rows(table, day, 10, 3)).await;
        let corrected = stage(&lake, table, day, &rows(table, day, 6, 4)).await;
        let later = first.observed_at + TimeDelta::hours(1);
        Self { disk, folder, versions: [first, StagedArtifact { observed_at: later, ..corrected }] }
    }

    fn publisher(&self) -> Publisher {
        publisher(self.disk.lake(self.folder.path()), &Registry::new())
    }

    /// Publishes both versions until one fails; returns how many were acknowledged.
    async fn publish(&self) -> u32 {
        let publisher = self.publisher();
        let mut acknowledged = 0;
        for staged in &self.versions {
            if publisher.write(staged, &run("r1")).await.is_err() {
                break;
            }
            acknowledged += 1;
        }
        acknowledged
    }

    /// Publishes both again and returns what is there in the end.
    async fn published_again(&self) -> std::collections::BTreeMap<String, bytes::Bytes> {
        assert_eq!(self.publish().await, 2, "the power is back");
        contents(&self.disk.lake(self.folder.path()), &PUBLISHED).await
    }
}

#[tokio::test]
async fn promise_02_after_a_power_cut_at_any_step_a_partition_is_absent_or_whole_and_a_rerun_repairs() {
    let expected = Machine::new(Syncs::FileAndFolder).await.published_again().await;
    let mut steps = 0;
    for nth in 1.. {
        let mut cut = false;
        for seed in 0..SEEDS {
            let machine = Machine::new(Syncs::FileAndFolder).await;
            machine.disk.cut_before(nth);
            let acknowledged = machine.publish().await;
            cut = machine.disk.off();
            machine.disk.restart(seed);
            let lake = machine.disk.lake(machine.folder.path());
            assert_manifests_hold(&lake).await;
            let key = Manifest::key_of(&machine.versions[0]);
            let version = match lake.get(&key).await.expect("readable") {
                Some(json) => Manifest::from_json(&json).expect("a whole manifest").version,
                None => 0,
            };
            assert!(version >= acknowledged, "step {nth}, seed {seed}: what was acknowledged is there");
            // The file, with or without a manifest, is one of the two versions and nothing else.
            let file = keys::curated(Table::EquityDelivery, Exchange::Nse, date("2025-02-24"));
            if let Some(found) = lake.get(&file).await.expect("readable") {
                assert!(expected.values().any(|bytes| *bytes == found), "step {nth}, seed {seed}: a mixture");
            }
            assert!(machine.published_again().await == expected, "step {nth}, seed {seed}: a rerun repairs");
        }
        if !cut {
            break;
        }
        steps = nth;
    }
    // A first publication writes twice, a correction four times; each write has five steps or more.
    assert!(steps >= 30, "only {steps} steps were seen");
}

/// Tells whether any cut breaks what the test above asserts.
async fn a_cut_breaks_something(syncs: Syncs) -> bool {
    for nth in 1..40 {
        for seed in 0..SEEDS {
            let machine = Machine::new(syncs).await;
            machine.disk.cut_before(nth);
            let acknowledged = machine.publish().await;
            machine.disk.restart(seed);
            let lake = machine.disk.lake(machine.folder.path());
            let held = tokio::spawn(async move { assert_manifests_hold(&lake).await }).await.is_ok();
            let lake = machine.disk.lake(machine.folder.path());
            let there = lake.get(&Manifest::key_of(&machine.versions[0])).await.expect("readable").is_some();
            if !held || (acknowledged > 0 && !there) {
                return true;
            }
        }
    }
    false
}

#[tokio::test]
async fn the_model_finds_what_each_sync_is_for() {
    assert!(a_cut_breaks_something(Syncs::FolderOnly).await, "contents that were never synced can be lost");
    assert!(a_cut_breaks_something(Syncs::FileOnly).await, "entries that were never synced can be lost");
}
