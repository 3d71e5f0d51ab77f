//! Two writers on one lake.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use champion_lake::Lake;
use champion_market_data::{StagedArtifact, Table};
use champion_parquet_writer::Manifest;
use champion_proto::writer::v1::writer_service_client::WriterServiceClient;
use champion_proto::writer::v1::{WriteRequest, WriteResponse};
use chrono::DateTime;
use object_store::memory::InMemory;
use prometheus::Registry;
use tonic::transport::Endpoint;

use crate::harness::{date, observe, publisher, rows, run, stage, world};

fn at(hour: u32) -> DateTime<chrono::Utc> {
    format!("2025-02-24T{hour:02}:00:00Z").parse().expect("an instant")
}

/// A session and its correction, known an hour later.
async fn a_session_and_its_correction(lake: &Lake) -> [StagedArtifact; 2] {
    let (table, day) = (Table::EquityDelivery, date("2025-02-24"));
    let first = stage(lake, table, day, &rows(table, day, 10, 3)).await;
    let corrected = stage(lake, table, day, &rows(table, day, 9, 4)).await;
    [StagedArtifact { observed_at: at(13), ..first }, StagedArtifact { observed_at: at(14), ..corrected }]
}

#[tokio::test]
async fn promise_21_a_late_retry_of_corrected_bytes_never_goes_backwards() {
    let world = world();
    let [first, corrected] = a_session_and_its_correction(&world.lake).await;
    world.publisher.write(&first, &run("r1")).await.expect("written");
    let newest = world.publisher.write(&corrected, &run("r2")).await.expect("written").curated;
    let late = world.publisher.write(&first, &run("r3")).await.expect("answered");
    assert!(late.unchanged);
    assert_eq!((late.curated.version, &late.curated), (2, &newest));
    world.lake.get_verified(&newest.artifact).await.expect("the correction stands");
    // Bytes that come back after the correction, known anew since then, are a correction of it.
    let back = StagedArtifact { observed_at: at(15), ..first };
    let third = world.publisher.write(&back, &run("r4")).await.expect("written");
    assert_eq!((third.unchanged, third.curated.version), (false, 3));
}

async fn a_race_of_old_and_new_ends_with_the_new(lakes: [Lake; 2]) {
    let [first, corrected] = a_session_and_its_correction(&lakes[0]).await;
    let writers = lakes.clone().map(|lake| publisher(lake, &Registry::new()));
    writers[0].write(&first, &run("r1")).await.expect("written");
    let attempts = [(0, &corrected), (1, &first), (1, &corrected), (0, &first)];
    let retry = run("r2");
    let races = attempts.map(|(at, staged)| writers[at].write(staged, &retry));
    for outcome in futures::future::join_all(races).await {
        outcome.expect("answered");
    }
    let json = lakes[0].get(&Manifest::key_of(&first)).await.expect("readable").expect("there");
    let manifest = Manifest::from_json(&json).expect("a manifest");
    assert_eq!((manifest.version, manifest.staged_sha256), (2, corrected.artifact.sha256));
    lakes[1].get_verified(&manifest.curated().artifact).await.expect("the correction stands");
    assert_eq!(lakes[0].list("history").await.expect("listed").len(), 2, "one version and its manifest");
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_21_a_correction_wins_the_race_against_a_retry_of_the_old_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Lake::open_folder(folder.path()).expect("a lake");
    a_race_of_old_and_new_ends_with_the_new([open(), open()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_21_a_correction_wins_the_race_on_an_object_store_too() {
    let store = Arc::new(InMemory::new());
    a_race_of_old_and_new_ends_with_the_new([Lake::over(store.clone()), Lake::over(store)]).await;
}

/// A writer in a process of its own; dropped, it is gone.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path, name: &str) -> Process {
    let command = Command::new(env!("CARGO_BIN_EXE_champion-parquet-writer"))
        .env("CHAMPION_PARQUET_WRITER__LAKE__FOLDER", folder.join("lake"))
        .env("CHAMPION_PARQUET_WRITER__SERVER__GRPC_LISTEN", "127.0.0.1:0")
        .env("CHAMPION_PARQUET_WRITER__SERVER__ADDRESS_FILE", folder.join(name))
        .env("CHAMPION_PARQUET_WRITER__SERVER__ADMIN__ENABLED", "false")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Process(command.expect("the binary was built with the test"))
}

async fn address(folder: &Path, name: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = std::fs::read(folder.join(name)).ok();
        let json = found.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        if let Some(address) = json.as_ref().and_then(|json| json["grpc"].as_str()) {
            return format!("http://{address}");
        }
        assert!(Instant::now() < deadline, "the writer did not start");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn write(url: String, staged: Vec<StagedArtifact>) -> WriteResponse {
    let channel = Endpoint::from_shared(url).expect("a URL").connect().await.expect("the writer listens");
    let mut client = WriterServiceClient::new(channel);
    let staged_keys = staged.into_iter().map(|staged| staged.artifact.key).collect();
    client
        .write(WriteRequest { run_id: "r1".to_owned(), staged_keys, fencing_token: 0 })
        .await
        .expect("written")
        .into_inner()
}

#[tokio::test]
async fn promise_03_two_writer_processes_publish_a_session_once_and_the_other_says_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    let _processes = ["one.json", "other.json"].map(|name| start(folder.path(), name));
    let lake = Lake::open_folder(&folder.path().join("lake")).expect("a lake");
    let mut staged = Vec::new();
    for &table in Table::ALL {
        for day in ["2025-02-20", "2025-02-21", "2025-02-24", "2025-02-25"].map(date) {
            let one = stage(&lake, table, day, &rows(table, day, 50, 3)).await;
            observe(&lake, &one).await;
            staged.push(one);
        }
    }
    let [one, other] = [address(folder.path(), "one.json").await, address(folder.path(), "other.json").await];
    let (one, other) = tokio::join!(write(one, staged.clone()), write(other, staged.clone()));
    for ((one, other), staged) in one.written.iter().zip(&other.written).zip(&staged) {
        assert_eq!(one.curated, other.curated, "both name the same version");
        assert!(one.unchanged != other.unchanged, "exactly one published {}", staged.artifact.key);
        let json = lake.get(&Manifest::key_of(staged)).await.expect("readable").expect("there");
        assert_eq!(Manifest::from_json(&json).expect("a manifest").version, 1);
    }
    assert!(lake.list("history").await.expect("listed").is_empty());
}
