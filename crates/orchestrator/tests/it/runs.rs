//! What a run does and tells.

use champion_proto::orchestrator::v1::BackfillRequest;
use champion_proto::orchestrator::v1::run_event::Event;
use tempfile::tempdir;

use crate::harness::{Story, config, run_request, start};
use crate::peers::{Fate, Peers};

#[tokio::test]
async fn a_day_goes_through_all_stages_and_every_step_is_told() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;

    let story = orchestrator.run("bhavcopy", "2025-02-24").await;

    assert_eq!(
        story.stages(),
        [
            "fetch",
            // The row that is set aside.
            "parse",
            "parse raw_equity_ohlc",
            "parse normalized_equity_ohlc",
            "write raw_equity_ohlc",
            "write normalized_equity_ohlc",
            "load raw_equity_ohlc",
            "load normalized_equity_ohlc",
        ]
    );
    assert_eq!(story.finished.status, "succeeded");
    assert_eq!(story.day("2025-02-24").state, "present");
    let totals = story.finished.totals.unwrap();
    assert_eq!((totals.present, totals.downloaded, totals.written, totals.loaded), (1, 1, 2, 2));
    let counts = totals.counts.unwrap();
    assert_eq!((counts.rows_in, counts.published, counts.quarantined), (10, 9, 1));
    assert_eq!(story.trace_id.len(), 32);
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_run_of_the_same_days_changes_nothing_and_says_so() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;

    orchestrator.backfill("full_bhavcopy", "2025-01-27", "2025-02-05").await;
    let again = orchestrator.backfill("full_bhavcopy", "2025-01-27", "2025-02-05").await;

    let totals = again.finished.totals.unwrap();
    assert_eq!((totals.downloaded, totals.written, totals.loaded), (0, 0, 0));
    assert_eq!((totals.present, totals.unchanged), (9, 9));
    assert!(again.steps.iter().all(|step| step.reused));
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn a_month_is_written_and_loaded_in_one_call_each_and_closed_days_are_not_asked() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;

    let story = orchestrator.backfill("full_bhavcopy", "2025-01-30", "2025-02-05").await;

    // The budget Saturday is a session, its Sunday is not.
    assert_eq!(story.sessions_planned, 6);
    assert_eq!(story.day("2025-02-01").state, "present");
    assert_eq!(
        (story.day("2025-02-02").state.as_str(), story.day("2025-02-02").reason.as_str()),
        ("closed", "weekend")
    );
    {
        let world = peers.world();
        assert_eq!(world.fetches.len(), 6);
        assert_eq!(world.writes.iter().map(Vec::len).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(world.loads.iter().map(Vec::len).collect::<Vec<_>>(), [2, 4]);
    }
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn one_refused_day_fails_the_run_and_holds_no_other_day_up() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    peers.fate("2025-02-04", Fate::FetchRefused);
    peers.fate("2025-02-05", Fate::ParseRefused);
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;

    let story = orchestrator.backfill("full_bhavcopy", "2025-02-03", "2025-02-07").await;

    assert_eq!(story.finished.status, "failed");
    assert!(story.finished.error.starts_with("2 of 5 days failed, first 2025-02-04 refused: soft_block: html came"));
    assert_eq!(story.day("2025-02-05").reason, "missing_column: no CLOSE");
    assert_eq!(story.day("2025-02-05").counts.unwrap().quarantined, 10);
    let totals = story.finished.totals.unwrap();
    assert_eq!((totals.present, totals.failed), (3, 2));
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn a_corrupt_artifact_costs_its_own_day_and_not_the_month() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    peers.fate("2025-02-04", Fate::WriteCorrupt);
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;

    let story = orchestrator.backfill("full_bhavcopy", "2025-02-03", "2025-02-05").await;

    assert_eq!(story.day("2025-02-03").state, "present");
    assert_eq!(story.day("2025-02-05").state, "present");
    assert_eq!(story.day("2025-02-04").state, "failed");
    assert!(story.day("2025-02-04").reason.contains("a staged hash does not match"));
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn staged_bytes_that_were_collected_are_parsed_again() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    peers.fate("2025-02-04", Fate::StagedGoneOnce);
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;

    let story = orchestrator.run("full_bhavcopy", "2025-02-04").await;

    assert_eq!(story.finished.status, "succeeded");
    assert_eq!(peers.world().parses.len(), 2);
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_not_out_does_not_fail_the_run() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    for (date, state) in [("2025-02-03", "gap"), ("2025-02-04", "pending")] {
        peers.fate(date, Fate::FetchMissing(state));
    }
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;

    let story = orchestrator.backfill("full_bhavcopy", "2025-02-03", "2025-02-05").await;

    assert_eq!(story.finished.status, "succeeded");
    assert_eq!((story.day("2025-02-03").state.as_str(), story.day("2025-02-04").state.as_str()), ("gap", "pending"));
    let totals = story.finished.totals.unwrap();
    assert_eq!((totals.present, totals.missing, totals.failed), (1, 2, 0));
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn the_run_goes_on_when_its_client_goes_away() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;
    peers.hold_write(true);
    let mut client = orchestrator.client().await;
    let mut events = client.run(run_request("full_bhavcopy", "2025-02-04")).await.unwrap().into_inner();
    let first = events.message().await.unwrap().unwrap();
    assert!(matches!(first.event, Some(Event::Started(_))));

    drop((events, client));
    peers.hold_write(false);
    // The same request while the run goes on attaches to it, and after its end begins another; both end well.
    let story = orchestrator.run("full_bhavcopy", "2025-02-04").await;

    assert_eq!(story.finished.status, "succeeded");
    assert_eq!(peers.world().loads.first().map(Vec::len), Some(1));
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn the_same_request_attaches_to_the_run_that_is_going_on() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;
    peers.hold_write(true);
    let first = orchestrator.client().await.run(run_request("full_bhavcopy", "2025-02-04")).await.unwrap();
    let second = orchestrator.client().await.run(run_request("full_bhavcopy", "2025-02-04")).await.unwrap();
    peers.hold_write(false);

    let (first, second) = (Story::of(first.into_inner()).await, Story::of(second.into_inner()).await);

    assert_eq!(first.run_id, second.run_id);
    assert_eq!(first.steps, second.steps);
    assert_eq!(peers.world().fetches.len(), 1);
    orchestrator.stop().await.unwrap();
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_refused_with_the_field() {
    let (folder, peers) = (tempdir().unwrap(), Peers::new());
    let orchestrator = start(config(folder.path(), peers.serve("127.0.0.1:0").await.0)).await;
    let mut client = orchestrator.client().await;
    let mut refusal = async |dataset: &str, date: &str| {
        let status = client.run(run_request(dataset, date)).await.expect_err("a refusal");
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        status.message().to_owned()
    };

    assert!(refusal("prices", "2025-02-04").await.contains("dataset is invalid: unknown dataset \"prices\""));
    assert!(refusal("bhavcopy", "04-02-2025").await.contains("trade_date"));
    assert!(refusal("bhavcopy", "2025-06-03").await.contains("in the future: today is 2025-06-02"));
    assert!(refusal("full_bhavcopy", "2010-01-04").await.contains("published from 2019-09-30 on"));
    let inverted = BackfillRequest {
        mode: String::new(),
        dataset: "bhavcopy".to_owned(),
        exchange: "nse".to_owned(),
        from_date: "2025-02-04".to_owned(),
        to_date: "2025-02-03".to_owned(),
    };
    let status = orchestrator.client().await.backfill(inverted).await.expect_err("a refusal");
    assert!(status.message().contains("the range is empty"));
    orchestrator.stop().await.unwrap();
}
