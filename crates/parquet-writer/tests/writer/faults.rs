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
                let published = contents(&world.lake, &PUBLISHED).await;
                assert!(published == *expected, "write {nth}, {fault:?}: other bytes than undisturbed");
                nth += 1;
            }
            assert!(nth > least_writes, "only {} writes were seen", nth - 1);
        }
    }
}

/// Says to a run of this program inside a mount namespace where its small disk is.
const SMALL_DISK: &str = "CHAMPION_TEST_SMALL_DISK";

#[test]
fn promise_07_a_disk_that_is_really_full_is_named_and_the_publication_resumes() {
    if let Some(disk) = std::env::var_os(SMALL_DISK) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        return runtime.block_on(publish_on_a_full_disk(std::path::Path::new(&disk)));
    }
    let disk = tempfile::tempdir().expect("a temporary folder");
    let in_namespace = |script: &str| {
        let mut command = std::process::Command::new("unshare");
        command.args(["-Urm", "sh", "-c", &format!("mount -t tmpfs -o size=512k none \"$0\" && {script}")]);
        command.arg(disk.path());
        command
    };
    if !in_namespace("true").output().is_ok_and(|output| output.status.success()) {
        let reason = "this machine lets nobody mount a small file system (unshare -Urm, mount -t tmpfs)";
        assert!(std::env::var_os("CI").is_none(), "{reason}");
        eprintln!("not run: {reason}");
        return;
    }
    let name = "faults::promise_07_a_disk_that_is_really_full_is_named_and_the_publication_resumes";
    let mut command = in_namespace("exec \"$@\"");
    command.arg(std::env::current_exe().expect("this program")).args(["--exact", name, "--nocapture"]);
    let output = command.env(SMALL_DISK, disk.path()).output().expect("unshare ran before");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the test ran inside");
}

async fn publish_on_a_full_disk(disk: &std::path::Path) {
    let world = world_in(tempfile::tempdir_in(disk).expect("a folder on the small disk"));
    let (table, day) = (Table::EquityDelivery, date("2025-02-24"));
    let first = stage(&world.lake, table, day, &rows(table, day, 10, 3)).await;
    let corrected = stage(&world.lake, table, day, &rows(table, day, 6, 4)).await;
    let published = world.publisher.write(&first, &run("r1")).await.expect("there is space").curated;
    let ballast = disk.join("ballast");
    let mut file = std::fs::File::create(&ballast).expect("there is space");
    while std::io::Write::write_all(&mut file, &[7; 4096]).is_ok() {}
    let error = world.publisher.write(&corrected, &run("r1")).await.expect_err("the disk is full");
    let text = error.to_string();
    assert!(text.contains("no space left on device") && text.contains("2025-02-24"), "{text}");
    world.lake.get_verified(&published.artifact).await.expect("what was published stays readable");
    assert_manifests_hold(&world.lake).await;
    drop(file);
    std::fs::remove_file(ballast).expect("the ballast is ours");
    let curated = world.publisher.write(&corrected, &run("r1")).await.expect("there is space again").curated;
    assert_eq!(curated.version, 2);
    assert_manifests_hold(&world.lake).await;
}
