//! A journal that is damaged or cannot be written: named with its remedy, and no truth is lost by it.

use std::path::Path;

use champion_proto::orchestrator::v1::{DatasetStatus, GetStatusRequest};
use tempfile::tempdir;

use crate::harness::{Running, config, start};
use crate::interruptions::spawn_on;
use crate::peers::Peers;

async fn full(orchestrator: &Running) -> DatasetStatus {
    let status =
        orchestrator.client().await.get_status(GetStatusRequest {}).await.expect("a file of ours").into_inner();
    status.datasets.into_iter().find(|dataset| dataset.dataset == "full_bhavcopy").expect("a file of ours")
}

/// What happens to the file.
type Damage = (&'static str, fn(&Path));

const DAMAGES: [Damage; 5] = [
    ("garbage", |path| {
        std::fs::write(path, "this is no journal, and long enough to be seen as none".repeat(100))
            .expect("a file of ours")
    }),
    ("truncated", |path| {
        let bytes = std::fs::read(path).expect("a file of ours");
        std::fs::write(path, &bytes[..bytes.len() / 2 + 100]).expect("a file of ours");
    }),
    ("overwritten in the middle", |path| {
        let mut bytes = std::fs::read(path).expect("a file of ours");
        bytes[4_096..].fill(0xa5);
        std::fs::write(path, bytes).expect("a file of ours");
    }),
    ("other tables", |path| {
        std::fs::remove_file(path).expect("a file of ours");
        let other = rusqlite::Connection::open(path).expect("a file of ours");
        other.execute_batch("CREATE TABLE runs (id INTEGER); PRAGMA user_version = 3;").expect("a file of ours");
    }),
    ("a word that is none", |path| {
        let known = rusqlite::Connection::open(path).expect("a file of ours");
        known.execute("UPDATE dataset_days SET state = 'fine'", []).expect("a file of ours");
    }),
];

#[tokio::test]
async fn promise_48_a_damaged_journal_is_moved_away_and_made_anew_and_costs_no_truth() {
    for (number, (what, damage)) in DAMAGES.into_iter().enumerate() {
        let (folder, peers) = (tempdir().unwrap(), Peers::new());
        let (stages, _serving) = peers.serve("127.0.0.1:0").await;
        let config = config(folder.path(), stages);
        peers.world().lake = Some(config.lake.folder.clone());
        let orchestrator = start(config.clone()).await;
        orchestrator.backfill("full_bhavcopy", "2025-02-03", "2025-02-07").await;
        let before = full(&orchestrator).await;
        assert_eq!(before.sessions_present, 5);
        orchestrator.stop().await.unwrap();
        for end in ["-wal", "-shm"] {
            assert!(!folder.path().join(format!("journal.sqlite{end}")).exists(), "a stop leaves one file");
        }
        damage(&config.journal.path);

        let orchestrator = start(config.clone()).await;
        assert_eq!(full(&orchestrator).await, before, "{what} ({number})");
        assert!(folder.path().join("journal.sqlite.damaged-1").exists(), "{what}: it is kept for a look");
        orchestrator.stop().await.unwrap();
    }
}

#[tokio::test]
async fn promise_48_the_log_names_the_damaged_journal_and_where_it_is_now() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    std::fs::write(folder.path().join("journal.sqlite"), "no journal ".repeat(1_000)).unwrap();
    let (_process, address) = spawn_on(folder.path(), &folder.path().join("lake"), stages).await;
    crate::harness::client(address).await;
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    let line = log.lines().find(|line| line.contains("the journal is damaged")).unwrap_or_else(|| panic!("{log}"));
    for part in ["ERROR", "journal.sqlite.damaged-1", "made anew from the lake"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

#[tokio::test]
async fn promise_48_a_journal_that_cannot_be_written_is_named_with_its_remedy_and_left_alone() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    let mut config = config(folder.path(), stages);
    // No file at all can be there: a folder is.
    std::fs::create_dir_all(&config.journal.path).unwrap();
    let said = start(config.clone()).await.ended().await.expect_err("a refusal").to_string();
    assert!(said.contains(&config.journal.path.display().to_string()), "{said}");
    assert!(said.contains("set journal.path to another place: it is made anew from the lake"), "{said}");
    assert!(config.journal.path.is_dir(), "it is left alone");
    // A place where no process may write.
    config.journal.path = Path::new("/proc/champion/journal.sqlite").to_owned();
    let said = start(config).await.ended().await.expect_err("a refusal").to_string();
    assert!(said.contains("cannot create /proc/champion"), "{said}");
}
