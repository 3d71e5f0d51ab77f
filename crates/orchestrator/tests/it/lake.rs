//! The lake is the truth: a journal is lost, is another machine's, or its orchestrator is followed by another.

use std::path::Path;

use champion_orchestrator::Config;
use champion_proto::ACTIVE_ORCHESTRATOR;
use champion_proto::orchestrator::v1::orchestrator_service_client::OrchestratorServiceClient;
use champion_proto::orchestrator::v1::rebuild_journal_event::Event as Rebuild;
use champion_proto::orchestrator::v1::run_event::Event;
use champion_proto::orchestrator::v1::{
    GapsRequest, GetRunRequest, GetStatusRequest, GetStatusResponse, ListRunsRequest, RebuildJournalRequest,
};
use tempfile::tempdir;
use tonic::transport::Channel;

use crate::harness::{Running, client, config, run_request, start, wait_until};
use crate::interruptions::spawn_on;
use crate::peers::{Fate, Peers};

/// Everything an orchestrator tells of days and runs.
async fn told(client: &mut OrchestratorServiceClient<Channel>) -> (GetStatusResponse, String) {
    let mut status = client.get_status(GetStatusRequest {}).await.expect("a status").into_inner();
    status.orchestrator = None;
    let range = GapsRequest {
        dataset: "full_bhavcopy".to_owned(),
        exchange: "nse".to_owned(),
        from_date: "2025-01-01".to_owned(),
        to_date: "2025-03-31".to_owned(),
    };
    let gaps = client.gaps(range).await.expect("gaps").into_inner();
    let runs = client.list_runs(ListRunsRequest::default()).await.expect("runs").into_inner();
    (status, format!("{gaps:?}\n{runs:?}"))
}

/// The gauges that follow from what is in.
fn gauges(orchestrator: &Running) -> Vec<String> {
    let names = ["champion_last_", "champion_gap_sessions", "champion_due_", "champion_runs_in_progress"];
    let text = orchestrator.metrics();
    text.lines().filter(|line| names.iter().any(|name| line.starts_with(name))).map(str::to_owned).collect()
}

async fn role(address: std::net::SocketAddr) -> String {
    let status = client(address).await.get_status(GetStatusRequest {}).await.expect("a status").into_inner();
    status.orchestrator.expect("an orchestrator says what it is").role
}

/// Days of every kind of end.
fn with_every_end(peers: &Peers, lake: &Path) {
    peers.world().lake = Some(lake.to_owned());
    peers.fate("2025-02-04", Fate::FetchRefused);
    peers.fate("2025-02-05", Fate::ParseRefused);
    peers.fate("2025-02-06", Fate::FetchMissing("gap"));
    peers.fate("2025-02-07", Fate::FetchMissing("pending"));
    peers.fate("2025-02-10", Fate::WriteCorrupt);
}

fn elsewhere(mut config: Config, folder: &Path) -> Config {
    config.journal.path = folder.join("elsewhere").join("journal.sqlite");
    config
}

#[tokio::test]
async fn promise_46_with_the_journal_lost_or_elsewhere_everything_is_told_as_before() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    let mut config = config(folder.path(), stages);
    config.watch.poll_seconds = std::num::NonZeroU64::MIN;
    with_every_end(&peers, &config.lake.folder);
    let first = start(config.clone()).await;
    first.backfill("full_bhavcopy", "2025-02-01", "2025-03-05").await;
    first.run("full_bhavcopy", "2025-03-06").await;
    let wanted = told(&mut first.client().await).await;
    let full = wanted.0.datasets.iter().find(|dataset| dataset.dataset == "full_bhavcopy").unwrap();
    assert_eq!((full.sessions_present, full.sessions_missing, full.sessions_failed), (19, 2, 3), "{full:?}");

    // Another one on the lake, with an empty disk, stands by and tells the same.
    let second = start(elsewhere(config.clone(), folder.path())).await;
    let mut standby = second.client().await;
    assert_eq!(told(&mut standby).await, wanted);
    assert_eq!(role(second.address).await, "standby");
    assert!(second.metrics().contains("champion_orchestrator_active 0"));
    assert!(first.metrics().contains("champion_orchestrator_active 1"));
    // What the active one does is told by the other as soon as it is done.
    first.run("full_bhavcopy", "2025-03-07").await;
    assert_eq!(told(&mut standby).await, told(&mut first.client().await).await);
    second.stop().await.unwrap();

    let uncounted = "champion_gap_sessions{dataset=\"full_bhavcopy\"} 0\n";
    wait_until("the gaps", || async { if first.metrics().contains(uncounted) { Err(()) } else { Ok(()) } }).await;
    let (wanted, metrics) = (told(&mut first.client().await).await, gauges(&first));
    first.stop().await.unwrap();
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("journal.sqlite{end}")));
    }
    let again = start(config).await;
    assert_eq!(told(&mut again.client().await).await, wanted);
    wait_until("the gauges", || async { if gauges(&again) == metrics { Ok(()) } else { Err(()) } }).await;
    again.stop().await.unwrap();
}

#[tokio::test]
async fn promise_46_a_rebuild_reads_everything_and_one_unreadable_object_is_a_finding() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    let config = config(folder.path(), stages);
    with_every_end(&peers, &config.lake.folder);
    let orchestrator = start(config.clone()).await;
    orchestrator.backfill("full_bhavcopy", "2025-02-01", "2025-03-05").await;
    let mut client = orchestrator.client().await;
    let before = told(&mut client).await;
    let rebuild = async |client: &mut OrchestratorServiceClient<Channel>| {
        let mut events = client.rebuild_journal(RebuildJournalRequest {}).await.expect("begun").into_inner();
        let (mut findings, mut summary) = (Vec::new(), None);
        while let Some(event) = events.message().await.expect("an event") {
            match event.event.expect("a kind") {
                Rebuild::Progress(_) => {}
                Rebuild::Finding(finding) => findings.push(finding),
                Rebuild::Summary(last) => summary = Some(last),
            }
        }
        (findings, summary.expect("a summary"))
    };
    let (findings, summary) = rebuild(&mut client).await;
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!((summary.sessions_present, summary.sessions_failed, summary.runs), (18, 3, 1), "{summary:?}");
    assert_eq!(told(&mut client).await, before);

    let manifest = "curated/equity_delivery/exchange=nse/year=2025/month=02/2025-02-03.manifest.json";
    std::fs::write(config.lake.folder.join(manifest), "no JSON").unwrap();
    let (findings, summary) = rebuild(&mut client).await;
    assert_eq!(findings.iter().map(|finding| finding.key.as_str()).collect::<Vec<_>>(), [manifest]);
    assert_eq!((summary.sessions_present, summary.sessions_failed), (17, 4));
    let status = client.get_status(GetStatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.findings, findings, "the status names it too");
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn promise_47_one_of_two_is_active_the_other_says_where_and_takes_over_when_it_ends() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    let config = config(folder.path(), stages);
    with_every_end(&peers, &config.lake.folder);
    let first = start(config.clone()).await;
    first.client().await;
    let second = start(elsewhere(config, folder.path())).await;

    let refused =
        second.client().await.run(run_request("full_bhavcopy", "2025-02-03")).await.expect_err("it stands by");
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    assert!(refused.message().contains(&format!("the active one is at http://{}", first.address)), "{refused}");
    let address = refused.metadata().get(ACTIVE_ORCHESTRATOR).and_then(|address| address.to_str().ok());
    assert_eq!(address, Some(format!("http://{}", first.address).as_str()));

    first.stop().await.unwrap();
    wait_until("the other leads", || async { if role(second.address).await == "active" { Ok(()) } else { Err(()) } })
        .await;
    assert_eq!(second.run("full_bhavcopy", "2025-02-03").await.finished.status, "succeeded");
    second.stop().await.unwrap();
}

#[tokio::test]
async fn promise_47_a_run_whose_orchestrator_dies_goes_on_at_another_under_its_run_id_and_trace() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    let lake = folder.path().join("lake");
    with_every_end(&peers, &lake);
    let (one, other) = (tempdir().unwrap(), tempdir().unwrap());
    let (mut process, address) = spawn_on(one.path(), &lake, stages).await;
    client(address).await;
    let (_standby, standby) = spawn_on(other.path(), &lake, stages).await;
    assert_eq!(role(standby).await, "standby");
    peers.hold_write(true);
    let mut events = client(address).await.run(run_request("full_bhavcopy", "2025-02-03")).await.unwrap().into_inner();
    let first = events.message().await.unwrap().unwrap();
    wait_until("the write is asked", || async { if peers.world().writes.is_empty() { Err(()) } else { Ok(()) } }).await;
    process.kill().await.unwrap();
    peers.hold_write(false);

    let mut client = client(standby).await;
    let run = wait_until("the run ends", || {
        let (mut client, run_id) = (client.clone(), first.run_id.clone());
        async move {
            let run = client.get_run(GetRunRequest { run_id }).await.map_err(|_| ())?.into_inner();
            run.run.filter(|run| run.status == "succeeded").ok_or(())
        }
    })
    .await;
    assert_eq!(run.trace_id, first.trace_id);
    assert!(peers.world().traces.iter().all(|(_, trace)| *trace == first.trace_id), "one trace over both");
    let runs = client.list_runs(ListRunsRequest::default()).await.unwrap().into_inner().runs;
    assert_eq!(runs.len(), 1, "{runs:?}");
}

#[tokio::test]
async fn promise_47_an_active_one_that_was_paused_notices_and_stands_by() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    let lake = folder.path().join("lake");
    with_every_end(&peers, &lake);
    let (one, other) = (tempdir().unwrap(), tempdir().unwrap());
    let (process, address) = spawn_on(one.path(), &lake, stages).await;
    let mut paused = client(address).await;
    let (_standby, standby) = spawn_on(other.path(), &lake, stages).await;
    client(standby).await;
    peers.hold_write(true);
    let mut events = paused.run(run_request("full_bhavcopy", "2025-02-03")).await.unwrap().into_inner();
    let run_id = events.message().await.unwrap().unwrap().run_id;
    wait_until("the write is asked", || async { if peers.world().writes.is_empty() { Err(()) } else { Ok(()) } }).await;
    let signal = |name: &str| {
        let pid = process.id().expect("it runs").to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().expect("kill").success());
    };
    signal("-STOP");
    wait_until("the other leads", || async { if role(standby).await == "active" { Ok(()) } else { Err(()) } }).await;
    peers.hold_write(false);
    signal("-CONT");

    let mut cut_off = None;
    while cut_off.is_none() {
        match events.message().await {
            Ok(Some(event)) => {
                assert!(!matches!(event.event, Some(Event::Finished(_))), "the paused one ended the run")
            }
            Ok(None) => panic!("the stream ended without a word"),
            Err(status) => cut_off = Some(status),
        }
    }
    wait_until("the paused one stands by", || async {
        if role(address).await == "standby" { Ok(()) } else { Err(()) }
    })
    .await;
    let log = std::fs::read_to_string(one.path().join("log")).unwrap();
    assert!(log.contains("superseded: another orchestrator leads"), "{log}");
    let ended = wait_until("the run ends at the other", || {
        let run_id = run_id.clone();
        async move {
            let run = client(standby).await.get_run(GetRunRequest { run_id }).await.map_err(|_| ())?.into_inner();
            run.run.filter(|run| run.status == "succeeded").ok_or(())
        }
    })
    .await;
    assert_eq!(ended.run_id, run_id);
    // Both tell the same of it.
    assert_eq!(told(&mut client(address).await).await, told(&mut client(standby).await).await);
}
