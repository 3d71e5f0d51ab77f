//! What is left when the disk fails at any write of a publication.

use champion_lake::testing::{Fault, Faults, Leaves};
use champion_market_data::{StagedArtifact, Table};
use champion_service::ErrorKind;

use crate::harness::{World, assert_manifests_hold, contents, date, rows, run, stage, world_in};

const PUBLISHED: [&str; 2] = ["curated", "history"];

/// A world whose disk can fail, with an artifact of a session and its correction.
async fn faulty() -> (World, Faults, StagedArtifact, StagedArtifact) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let faults = Faults::on_folder(folder.path());
    let world = world_in(folder);
    let (table, day) = (Table::EquityDelivery, date("2025-02-24"));
    let first = stage(&world.lake, table, day, &rows(table, day, 10, 3)).await;
    // Fewer rows, so that a mixture of the two would be short.
    let corrected = stage(&world.lake, table, day, &rows(table, day, 6, 4)).await;
    (world, faults, first, corrected)
}

#[tokio::test]
async fn promise_07_a_failing_disk_fails_the_publication_closed_at_every_write_and_it_resumes() {
    let (undisturbed, _, first, corrected) = faulty().await;
    undisturbed.publisher.write(&first, &run("r1")).await.expect("written");
    let after_first = contents(&undisturbed.lake, &PUBLISHED).await;
    undisturbed.publisher.write(&corrected, &run("r1")).await.expect("written");
    let after_both = contents(&undisturbed.lake, &PUBLISHED).await;

    for (correction, least_writes, expected) in [(false, 2, &after_first), (true, 4, &after_both)] {
        for (fault, leaves) in Fault::ALL.into_iter().flat_map(|fault| Leaves::ALL.map(|leaves| (fault, leaves))) {
            let mut nth = 1;
            loop {
                let (world, faults, first, corrected) = faulty().await;
                let artifact = if correction {
                    world.publisher.write(&first, &run("r1")).await.expect("written");
                    corrected
                } else {
                    first
                };
                faults.fail_write(nth, fault, leaves);
                let outcome = world.publisher.write(&artifact, &run("r1")).await;
                if !faults.fired() {
                    outcome.expect("nothing failed");
                    break;
                }
                let error = outcome.expect_err("the write failed");
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                let text = error.to_string();
                assert!(text.contains("2025-02-24") && text.contains(fault.says()), "{text}");
                assert_manifests_hold(&world.lake).await;
                world.publisher.write(&artifact, &run("r1")).await.expect("the disk works again");
                assert_eq!(&contents(&world.lake, &PUBLISHED).await, expected, "write {nth}, {fault:?}");
                nth += 1;
            }
            assert!(nth > least_writes, "only {} writes were seen", nth - 1);
        }
    }
}
