//! What an operator does: asking again, decoding again, cancelling, looking for gaps.

use champion_proto::orchestrator::v1::{CancelRequest, GapsRequest, GetRunRequest};
use tempfile::tempdir;
use tonic::Code;

use crate::harness::{Story, config, run_request, start, wait_until};
use crate::peers::{Fate, Peers};

#[tokio::test]
async fn a_recheck_asks_the_exchange_also_for_what_is_there() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;
    orchestrator.backfill("bhavcopy", "2025-02-20", "2025-02-24").await;
    assert!(peers.world().rechecks.is_empty());

    let again = orchestrator.backfill_as("recheck", "bhavcopy", "2025-02-20", "2025-02-24").await;

    // The two days of the weekend as well: a session that nobody announced is found that way.
    assert_eq!(peers.world().rechecks.len(), 5);
    assert_eq!(again.finished.totals.unwrap().unchanged, 3);
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn a_replay_decodes_the_bytes_that_are_there() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;
    orchestrator.run("bhavcopy", "2025-02-24").await;
    assert!(peers.world().replays.is_empty());

    orchestrator.backfill_as("replay", "bhavcopy", "2025-02-24", "2025-02-24").await;

    assert_eq!(peers.world().replays.len(), 1);
    assert!(peers.world().rechecks.is_empty());
    let mut request = run_request("bhavcopy", "2025-02-24");
    request.mode = "twice".to_owned();
    let unknown = orchestrator.client().await.run(request).await.unwrap_err();
    assert_eq!(unknown.code(), Code::InvalidArgument);
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn rows_that_were_set_aside_reach_the_loader_also_of_a_file_that_is_refused_as_a_whole() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    peers.fate("2025-02-21", Fate::ParseRefused);
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;

    let story = orchestrator.backfill("bhavcopy", "2025-02-20", "2025-02-21").await;

    assert_eq!(
        (story.day("2025-02-20").state.as_str(), story.day("2025-02-21").state.as_str()),
        ("present", "refused")
    );
    let quarantined: Vec<String> = peers.world().quarantined.iter().map(ToString::to_string).collect();
    assert_eq!(quarantined, ["2025-02-20", "2025-02-21"]);
    assert_eq!(peers.world().writes.iter().map(Vec::len).collect::<Vec<_>>(), [2], "nothing of the refused file");

    // A refused file alone reaches the quarantine, too.
    orchestrator.run("bhavcopy", "2025-02-21").await;
    assert_eq!(peers.world().quarantined.len(), 3);
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_run_drops_its_calls_keeps_its_days_and_never_goes_on() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    let orchestrator = start(config(folder.path(), stages)).await;
    let mut client = orchestrator.client().await;
    peers.hold_write(true);
    let events = client.run(run_request("full_bhavcopy", "2025-02-04")).await.unwrap().into_inner();
    wait_until("the write is asked", || async { if peers.world().writes.is_empty() { Err(()) } else { Ok(()) } }).await;
    let run_id =
        client.list_runs(champion_proto::orchestrator::v1::ListRunsRequest::default()).await.unwrap().into_inner();
    let run_id = run_id.runs[0].run_id.clone();

    let cancelled = client.cancel(CancelRequest { run_id: run_id.clone() }).await.unwrap().into_inner().run.unwrap();

    assert_eq!((cancelled.status.as_str(), cancelled.run_id.as_str()), ("cancelled", run_id.as_str()));
    let story = Story::of(events).await;
    assert_eq!(story.finished.status, "cancelled");
    let again = client.cancel(CancelRequest { run_id: run_id.clone() }).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition, "{again}");
    assert!(again.message().contains("has ended: cancelled"), "{again}");
    let unknown = client.cancel(CancelRequest { run_id: "0000".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    orchestrator.stop().await.unwrap();

    // The next start takes up nothing, and the same day can be asked for anew.
    peers.hold_write(false);
    let orchestrator = start(config(folder.path(), stages)).await;
    let run = orchestrator.client().await.get_run(GetRunRequest { run_id }).await.unwrap().into_inner().run.unwrap();
    assert_eq!(run.status, "cancelled");
    assert_eq!(orchestrator.run("full_bhavcopy", "2025-02-04").await.finished.status, "succeeded");
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn the_gap_report_knows_what_runs_found_and_what_nobody_asked_for() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    peers.fate("2025-02-21", Fate::FetchMissing("gap"));
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;
    orchestrator.backfill("bhavcopy", "2025-02-20", "2025-02-21").await;

    let request = GapsRequest {
        dataset: "bhavcopy".to_owned(),
        exchange: "nse".to_owned(),
        from_date: "2025-02-20".to_owned(),
        to_date: "2025-02-24".to_owned(),
    };
    let answer = orchestrator.client().await.gaps(request.clone()).await.unwrap().into_inner();

    let states: Vec<(&str, &str)> = answer.days.iter().map(|day| (day.state.as_str(), day.reason.as_str())).collect();
    assert_eq!(
        states,
        [("present", ""), ("gap", "404"), ("closed", "weekend"), ("closed", "weekend"), ("gap", "never asked for")]
    );
    assert_eq!((answer.coverage_from.as_str(), answer.coverage_to.as_str()), ("2023-01-01", "2026-12-31"));
    let inverted = GapsRequest { to_date: "2025-01-01".to_owned(), ..request };
    assert_eq!(orchestrator.client().await.gaps(inverted).await.unwrap_err().code(), Code::InvalidArgument);
    orchestrator.stop().await.unwrap();
}
