//! What people and Prometheus see between runs.

use champion_proto::orchestrator::v1::{GetRunRequest, GetStatusRequest, ListRunsRequest};
use tempfile::tempdir;

use crate::harness::{config, start};
use crate::peers::{Fate, Peers};

#[tokio::test]
async fn the_status_sums_the_books_of_what_is_in_and_names_the_newest_problem() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    peers.fate("2025-02-04", Fate::FetchRefused);
    peers.fate("2025-02-06", Fate::FetchMissing("gap"));
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;
    orchestrator.backfill("full_bhavcopy", "2025-02-03", "2025-02-07").await;

    let status = orchestrator.client().await.get_status(GetStatusRequest {}).await.unwrap().into_inner();

    assert_eq!((status.today.as_str(), status.today_kind.as_str()), ("2025-06-02", "trading"));
    assert_eq!(status.datasets.len(), 3);
    let full = status.datasets.iter().find(|dataset| dataset.dataset == "full_bhavcopy").unwrap();
    assert_eq!((full.sessions_present, full.sessions_missing, full.sessions_failed), (3, 1, 1));
    assert_eq!(full.last_trade_date, "2025-02-07");
    assert_eq!(full.counts.unwrap().rows_in, 30);
    assert_eq!(full.last_problem, "2025-02-04 refused: soft_block: html came");
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_in_stays_in_when_a_later_run_fails_on_it() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;
    orchestrator.run("full_bhavcopy", "2025-02-04").await;
    peers.fate("2025-02-04", Fate::FetchRefused);

    let story = orchestrator.run("full_bhavcopy", "2025-02-04").await;

    assert_eq!(story.finished.status, "failed");
    let status = orchestrator.client().await.get_status(GetStatusRequest {}).await.unwrap().into_inner();
    let full = status.datasets.iter().find(|dataset| dataset.dataset == "full_bhavcopy").unwrap();
    assert_eq!((full.sessions_present, full.sessions_failed), (1, 0));
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_found_by_their_id() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;
    let first = orchestrator.run("full_bhavcopy", "2025-02-04").await;
    let second = orchestrator.run("bhavcopy", "2025-02-04").await;
    let mut client = orchestrator.client().await;

    let all = client.list_runs(ListRunsRequest::default()).await.unwrap().into_inner().runs;
    let ids: Vec<&str> = all.iter().map(|run| run.run_id.as_str()).collect();
    assert_eq!(ids, [&second.run_id, &first.run_id]);
    let filter = ListRunsRequest { dataset: "full_bhavcopy".to_owned(), limit: 5 };
    assert_eq!(client.list_runs(filter).await.unwrap().into_inner().runs.len(), 1);

    let found = client.get_run(GetRunRequest { run_id: first.run_id.clone() }).await.unwrap().into_inner();
    assert_eq!(found.steps, first.steps);
    assert_eq!(found.days, first.days);
    let unknown = client.get_run(GetRunRequest { run_id: "ffff".to_owned() }).await.expect_err("unknown");
    assert_eq!(unknown.code(), tonic::Code::NotFound);
    let several = client.get_run(GetRunRequest { run_id: "0".to_owned() }).await.expect_err("two runs");
    assert_eq!(several.code(), tonic::Code::InvalidArgument);
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn the_gauges_stand_where_they_stood_after_a_restart() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let (stages, _serving) = peers.serve("127.0.0.1:0").await;
    let orchestrator = start(config(folder.path(), stages)).await;
    orchestrator.run("full_bhavcopy", "2025-02-04").await;
    let counted = "nse_pipeline_flow_duration_seconds_count{flow_name=\"full_bhavcopy_etl\",status=\"success\"} 1";
    assert!(orchestrator.metrics().contains(counted), "{}", orchestrator.metrics());
    let lines = |text: String| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("champion_last_")).map(str::to_owned).collect()
    };
    let before = lines(orchestrator.metrics());
    orchestrator.stop().await.unwrap();

    let orchestrator = start(config(folder.path(), stages)).await;
    orchestrator.client().await;

    assert_eq!(lines(orchestrator.metrics()), before);
    assert!(before.iter().any(|line| line.ends_with("{dataset=\"full_bhavcopy\"} 1738607400")), "{before:?}");
    orchestrator.stop().await.unwrap();
}
