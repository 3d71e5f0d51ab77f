//! What happens when something is away, is killed or is there twice.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use champion_proto::orchestrator::v1::GetRunRequest;
use champion_proto::orchestrator::v1::run_event::Event;
use tempfile::tempdir;
use tokio::process::{Child, Command};

use crate::harness::{client, config, run_request, start, wait_until};
use crate::peers::Peers;

/// Starts the real binary on a journal, with every stage at one address.
async fn spawn(folder: &Path, stages: SocketAddr) -> (Child, SocketAddr) {
    spawn_on(folder, &folder.join("lake"), stages).await
}

/// Starts the real binary with the journal in a folder of its own.
pub(crate) async fn spawn_on(folder: &Path, lake: &Path, stages: SocketAddr) -> (Child, SocketAddr) {
    let addresses = folder.join("addresses.json");
    let _ = std::fs::remove_file(&addresses);
    let mut command = Command::new(env!("CARGO_BIN_EXE_champion-orchestrator"));
    command
        .env("CHAMPION_ORCHESTRATOR__SERVER__GRPC_LISTEN", "127.0.0.1:0")
        .env("CHAMPION_ORCHESTRATOR__SERVER__ADMIN__LISTEN", "127.0.0.1:0")
        .env("CHAMPION_ORCHESTRATOR__SERVER__ADDRESS_FILE", &addresses)
        .env("CHAMPION_ORCHESTRATOR__JOURNAL__PATH", folder.join("journal.sqlite"))
        .env("CHAMPION_ORCHESTRATOR__LAKE__FOLDER", lake)
        .env("CHAMPION_ORCHESTRATOR__LEASE__SECONDS", "2")
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(folder.join("log")).expect("a folder of ours"))
        .kill_on_drop(true);
    for stage in ["SCRAPER", "PARSER", "PARQUET_WRITER", "CLICKHOUSE_LOADER"] {
        command.env(format!("CHAMPION_ORCHESTRATOR__STAGES__{stage}__URL"), format!("http://{stages}"));
    }
    let child = command.spawn().expect("the binary starts");
    let address = wait_until("the address file", || async {
        let text = std::fs::read_to_string(&addresses).map_err(|_| ())?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|_| ())?;
        value.get("grpc").and_then(|grpc| grpc.as_str()).and_then(|grpc| grpc.parse().ok()).ok_or(())
    })
    .await;
    (child, address)
}

#[tokio::test]
async fn a_run_that_is_killed_goes_on_at_the_step_it_had_reached() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    let (mut process, address) = spawn(folder.path(), stages).await;
    peers.hold_write(true);
    let mut events = client(address).await.run(run_request("full_bhavcopy", "2025-02-04")).await.unwrap().into_inner();
    let (mut run_id, mut trace_id) = (String::new(), String::new());
    while let Some(event) = events.message().await.unwrap() {
        (run_id, trace_id) = (event.run_id, event.trace_id);
        if matches!(event.event, Some(Event::Step(step)) if step.stage == "parse" && !step.table.is_empty()) {
            break;
        }
    }

    wait_until("the write is asked", || async { if peers.world().writes.is_empty() { Err(()) } else { Ok(()) } }).await;

    process.kill().await.unwrap();
    assert!(events.message().await.is_err());
    peers.hold_write(false);
    let (_process, address) = spawn(folder.path(), stages).await;

    let mut client = client(address).await;
    let run = wait_until("the run ends", || {
        let mut client = client.clone();
        let run_id = run_id.clone();
        async move {
            let run = client.get_run(GetRunRequest { run_id }).await.map_err(|_| ())?.into_inner();
            if run.run.as_ref().is_some_and(|run| run.status == "running") { Err(()) } else { Ok(run) }
        }
    })
    .await;
    let summary = run.run.unwrap();
    assert_eq!((summary.run_id, summary.status), (run_id, "succeeded".to_owned()));
    assert_eq!(summary.trace_id, trace_id);
    // What was reached was not done again, and counts as this run's work.
    let totals = summary.totals.unwrap();
    assert_eq!((totals.downloaded, totals.written, totals.loaded, totals.present), (1, 1, 1, 1));
    {
        let world = peers.world();
        assert_eq!((world.fetches.len(), world.parses.len()), (1, 1));
        // Both halves are one trace, over the calls of two processes.
        let stages: Vec<&str> = world.traces.iter().map(|(stage, _)| *stage).collect();
        assert_eq!(stages, ["fetch", "parse", "write", "write", "load"]);
        assert!(world.traces.iter().all(|(_, trace)| *trace == trace_id), "{trace_id}: {:?}", world.traces);
    }
    let status = client.get_status(champion_proto::orchestrator::v1::GetStatusRequest {}).await.unwrap().into_inner();
    let full = status.datasets.iter().find(|dataset| dataset.dataset == "full_bhavcopy").unwrap();
    assert_eq!((full.last_trade_date.as_str(), full.runs_in_progress), ("2025-02-04", 0));
}

#[tokio::test]
async fn a_stop_leaves_the_run_open_and_the_next_start_finishes_it() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    let mut first = config(folder.path(), stages);
    first.server.shutdown_grace_seconds = 1;
    let orchestrator = start(first).await;
    peers.hold_write(true);
    let mut events =
        orchestrator.client().await.run(run_request("full_bhavcopy", "2025-02-04")).await.unwrap().into_inner();
    let run_id = events.message().await.unwrap().unwrap().run_id;
    wait_until("the write is asked", || async { if peers.world().writes.is_empty() { Err(()) } else { Ok(()) } }).await;

    orchestrator.stop().await.unwrap();
    peers.hold_write(false);
    let orchestrator = start(config(folder.path(), stages)).await;
    let story = orchestrator.run("full_bhavcopy", "2025-02-04").await;

    assert_eq!(story.finished.status, "succeeded");
    let mut client = orchestrator.client().await;
    let run = wait_until("the run ends", || {
        let (mut client, run_id) = (client.clone(), run_id.clone());
        async move {
            let run = client.get_run(GetRunRequest { run_id }).await.map_err(|_| ())?.into_inner();
            run.run.filter(|run| run.status != "running").ok_or(())
        }
    })
    .await;
    assert_eq!(run.status, "succeeded");
    // A prefix names the run as well.
    let prefix = GetRunRequest { run_id: run_id.chars().take(35).collect() };
    assert_eq!(client.get_run(prefix).await.unwrap().into_inner().run.unwrap().run_id, run_id);
    assert_eq!(peers.world().fetches.iter().filter(|date| date.to_string() == "2025-02-04").count(), 1);
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn a_stage_that_is_not_up_yet_is_waited_for() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, serving) = peers.serve("127.0.0.1:0").await;
    serving.abort();
    let _ = serving.await;
    let orchestrator = start(config(folder.path(), stages)).await;
    let events = orchestrator.client().await.run(run_request("full_bhavcopy", "2025-02-04")).await.unwrap();

    let _serving = peers.serve(&stages.to_string()).await;
    let story = crate::harness::Story::of(events.into_inner()).await;

    assert_eq!(story.finished.status, "succeeded");
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn a_stage_that_never_comes_fails_the_day_in_words() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, serving) = peers.serve("127.0.0.1:0").await;
    serving.abort();
    let _ = serving.await;
    let mut config = config(folder.path(), stages);
    config.stages.wait_seconds = 0;
    let orchestrator = start(config).await;

    let story = orchestrator.run("full_bhavcopy", "2025-02-04").await;

    assert_eq!(story.finished.status, "failed");
    let reason = &story.day("2025-02-04").reason;
    assert!(reason.starts_with(&format!("fetch failed: the scraper at http://{stages} cannot be reached")), "{reason}");
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_orchestrator_on_the_journal_is_refused() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    let first = start(config(folder.path(), stages)).await;
    first.client().await;

    let refusal = start(config(folder.path(), stages)).await.ended().await.expect_err("a refusal").to_string();

    assert!(refusal.contains("belongs to another orchestrator (process "), "{refusal}");
    assert!(refusal.contains("journal.path"), "{refusal}");
    first.stop().await.unwrap();
    // Once the first is gone the journal is free.
    let third = start(config(folder.path(), stages)).await;
    third.client().await;
    third.stop().await.unwrap();
}

#[tokio::test]
async fn a_run_that_nobody_watches_ends_its_step_before_the_process_does() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    let orchestrator = start(config(folder.path(), stages)).await;
    peers.hold_write(true);
    let request = run_request("full_bhavcopy", "2025-02-04");
    drop(orchestrator.client().await.run(request).await.unwrap());
    wait_until("the write is asked", || async { if peers.world().writes.is_empty() { Err(()) } else { Ok(()) } }).await;

    let stopping = tokio::spawn(orchestrator.stop());
    peers.hold_write(false);
    stopping.await.unwrap().unwrap();
    let orchestrator = start(config(folder.path(), stages)).await;
    let story = orchestrator.run("full_bhavcopy", "2025-02-04").await;

    assert_eq!(story.finished.status, "succeeded");
    assert!(story.steps.iter().filter(|step| step.stage == "write").all(|step| step.reused || story.resumed));
    assert_eq!(peers.world().loads.first().map(Vec::len), Some(1));
    orchestrator.stop().await.unwrap();
}
