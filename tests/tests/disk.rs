//! A lake on a small file system that runs full, and on one that turns read-only.

use std::path::{Path, PathBuf};
use std::process::Command;

use champion_e2e::Fleet;
use serde_json::Value;

/// Room for the first days and for a part of the next month.
const SMALL: &str = "size=16m";
const LARGE: &str = "size=256m";
const FIRST_DAYS: [&str; 4] = ["--from", "2024-07-08", "--to", "2024-07-09"];
const MONTH: [&str; 4] = ["--from", "2024-08-01", "--to", "2024-08-23"];

/// A file system in memory, unmounted when dropped.
struct Small {
    folder: PathBuf,
}

impl Small {
    /// Mounts the file system, or tells that this machine does not allow it. Under CI that is a failure.
    fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("a folder of ours");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SMALL, "champion-test"])
            .arg(folder)
            .output()
            .expect("the program mount is there");
        if output.status.success() {
            return Some(Self { folder: folder.to_owned() });
        }
        let reason = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            std::env::var_os("CI").is_none(),
            "no file system can be mounted here, so promise 7 is not shown: {reason}"
        );
        eprintln!("skipped: no file system can be mounted here: {reason}");
        None
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.folder).status().expect("mount runs");
        assert!(status.success(), "mount -o {options}: {status}");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

fn backfill(fleet: &Fleet, range: &[&str; 4]) -> champion_e2e::Answer {
    fleet.champion(&[&["backfill", "bhavcopy", "--json"][..], range].concat())
}

/// Returns the reasons of the days that are not in.
fn reasons(answer: &champion_e2e::Answer) -> Vec<String> {
    let events = answer.json_lines();
    let failed = |event: &&Value| event["event"] == "day" && event["state"] == "failed";
    events.iter().filter(failed).map(|event| event["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

fn expect_reasons(answer: &champion_e2e::Answer, said: &str) {
    let reasons = reasons(answer);
    assert!(!reasons.is_empty(), "no day failed: {}", answer.stdout);
    let is_named = |reason: &String| {
        let names_a_key = ["raw/", "staged/", "curated/"].iter().any(|zone| reason.contains(zone));
        names_a_key && reason.to_lowercase().contains(said)
    };
    let unnamed: Vec<_> = reasons.iter().filter(|reason| !is_named(reason)).collect();
    assert!(
        unnamed.is_empty(),
        "{} of {} reasons do not name key and {said:?}: {unnamed:#?}",
        unnamed.len(),
        reasons.len()
    );
}

#[test]
fn promise_07_a_full_or_read_only_disk_fails_closed_keeps_what_is_published_and_the_same_command_finishes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(disk) = Small::mount(&folder.path().join("lake")) else { return };
    let wanted = {
        let fleet = Fleet::builder().start();
        let _ = backfill(&fleet, &FIRST_DAYS).expect_code(0);
        let _ = backfill(&fleet, &MONTH).expect_code(0);
        fleet.content()
    };
    let fleet = Fleet::builder().data(folder.path()).start();
    let _ = backfill(&fleet, &FIRST_DAYS).expect_code(0);
    let published = |date: &str| {
        let now = fleet.content();
        for name in wanted.names(date) {
            assert!(!now.names(name).is_empty(), "{name} is gone");
            assert_eq!(now.part(name), wanted.part(name), "{name} was published before and is not what it was");
        }
    };

    // Full in the midst of a month.
    let answer = backfill(&fleet, &MONTH).expect_code(1);
    expect_reasons(&answer, "no space left");
    published("2024-07-08");
    published("2024-07-09");
    let half = fleet.content().difference(&wanted, &fleet).expect("the month is not in");
    assert!(!half.contains("differs") && !half.contains("too much"), "something wrong was published: {half}");

    // Read-only, with space.
    disk.remount(&format!("{LARGE},ro"));
    let answer = backfill(&fleet, &MONTH).expect_code(1);
    expect_reasons(&answer, "read-only file system");
    published("2024-07-08");

    // The same command once more, and nothing else.
    disk.remount(&format!("{LARGE},rw"));
    let _ = backfill(&fleet, &MONTH).expect_code(0);
    fleet.content().expect_equal(&wanted, &fleet, "after the disk had space again");
}
