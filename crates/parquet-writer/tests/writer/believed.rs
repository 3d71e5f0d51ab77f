//! What the writer believes: keys, raw facts, the parser's report, its own manifests and the rows, never its caller.

use bytes::Bytes;
use champion_lake::{Lake, LakeError};
use champion_market_data::artifact::{StagedKey, keys};
use champion_market_data::{ArtifactRef, Exchange, StagedArtifact, Table};
use champion_parquet_writer::{Manifest, WriteError, Written};
use champion_service::ErrorKind;
use chrono::{DateTime, Utc};

use crate::harness::{World, assert_manifests_hold, contents, date, observe, rows, run, stage, world};

const TABLE: Table = Table::EquityDelivery;
const DAY: &str = "2025-02-24";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

async fn staged(lake: &Lake, seed: i64, observed_at: &str) -> StagedArtifact {
    let day = date(DAY);
    let staged =
        StagedArtifact { observed_at: at(observed_at), ..stage(lake, TABLE, day, &rows(TABLE, day, 10, seed)).await };
    observe(lake, &staged).await;
    staged
}

fn key(staged: &StagedArtifact) -> StagedKey {
    staged.artifact.key.parse().expect("a staged key")
}

async fn write(world: &World, staged: &StagedArtifact) -> Result<Written, WriteError> {
    let mut written = world.publisher.write_keys(&[key(staged)], &run("r1")).await?;
    assert_eq!(written.len(), 1);
    Ok(written.remove(0))
}

/// Replaces a text in an object of the lake.
async fn spoil(lake: &Lake, key: &str, from: &str, to: &str) {
    let bytes = lake.get(key).await.expect("readable").expect("there");
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    assert!(text.contains(from), "{from} is not in {text}");
    lake.publish(key, Bytes::from(text.replace(from, to))).await.expect("spoilt");
}

fn facts_key(staged: &StagedArtifact) -> String {
    keys::raw_facts(staged.exchange, TABLE.dataset(), staged.trade_date, &staged.source_sha256)
}

fn report_key(staged: &StagedArtifact) -> String {
    keys::parse_report(TABLE.dataset(), staged.exchange, staged.trade_date, &staged.source_sha256, 1)
}

fn expect_disbelief(error: &WriteError, key: &str, says: &str) {
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    let text = error.to_string();
    assert!(text.contains(key) && text.contains(says) && text.contains("champion verify --repair"), "{text}");
}

#[tokio::test]
async fn promise_40_the_writer_takes_time_counts_and_hash_from_facts_and_report() {
    let world = world();
    let staged = staged(&world.lake, 3, "2025-02-24T11:00:00.000007Z").await;
    let written = write(&world, &staged).await.expect("written");
    assert_eq!(written.curated.observed_at, staged.observed_at);
    let json = world.lake.get(&Manifest::key_of(&staged)).await.expect("readable").expect("there");
    let manifest = Manifest::from_json(&json).expect("a manifest");
    assert_eq!((manifest.counts, manifest.staged_sha256), (staged.counts, staged.artifact.sha256));
    assert_eq!((manifest.source_sha256, manifest.version), (staged.source_sha256, 1));
}

#[tokio::test]
async fn promise_40_rows_of_one_exchange_are_never_published_under_another() {
    let world = world();
    let nse = staged(&world.lake, 3, "2025-02-24T11:00:00Z").await;
    // The same bytes under a key of the other exchange, with facts and report that agree with it.
    let bytes = world.lake.get(&nse.artifact.key).await.expect("readable").expect("there");
    let moved = keys::staged(TABLE, Exchange::Bse, nse.trade_date, &nse.source_sha256, 1);
    world.lake.publish(&moved, bytes).await.expect("staged");
    let bse = StagedArtifact {
        artifact: ArtifactRef { key: moved, ..nse.artifact.clone() },
        exchange: Exchange::Bse,
        ..nse.clone()
    };
    let error = write(&world, &bse).await.expect_err("nobody observed it at the other exchange");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    observe(&world.lake, &bse).await;
    let error = write(&world, &bse).await.expect_err("the rows say NSE");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().ends_with("row 0: expected the exchange BSE, found \"NSE\""), "{error}");
    assert!(world.lake.list("curated").await.expect("listed").is_empty());
    write(&world, &nse).await.expect("written under its own");
}

#[tokio::test]
async fn promise_40_without_facts_or_report_nothing_is_published_and_the_others_are() {
    let world = world();
    let good = staged(&world.lake, 3, "2025-02-24T11:00:00Z").await;
    let day = date("2025-02-21");
    for remove in [facts_key, report_key] {
        let bad = stage(&world.lake, TABLE, day, &rows(TABLE, day, 10, 5)).await;
        observe(&world.lake, &bad).await;
        world.lake.delete(&remove(&bad)).await.expect("removed");
        let error =
            world.publisher.write_keys(&[key(&bad), key(&good)], &run("r1")).await.expect_err("one is not traced");
        assert!(matches!(&error, WriteError::Lake(LakeError::NotFound { key }) if *key == remove(&bad)), "{error}");
        assert_eq!(error.kind(), ErrorKind::NotFound, "parsing again helps");
        let published = contents(&world.lake, &["curated"]).await;
        assert_eq!(published.len(), 2, "the good one is published: {:?}", published.keys());
    }
}

#[tokio::test]
async fn promise_40_facts_and_reports_of_something_else_are_refused_by_name() {
    let world = world();
    let staged = staged(&world.lake, 3, "2025-02-24T11:00:00Z").await;
    let (sha, other) = (staged.source_sha256.to_string(), champion_market_data::Sha256::of(b"other").to_string());
    let report = report_key(&staged);
    for (object, from, to, says) in [
        (facts_key(&staged), sha.as_str(), other.as_str(), "it is of "),
        (facts_key(&staged), "\"nse\"", "\"bse\"", "it is of "),
        (facts_key(&staged), "\"full_bhavcopy\"", "\"bhavcopy\"", "it is of "),
        (facts_key(&staged), "2025-02-24T", "2024-02-24T", "before its trade date"),
        (facts_key(&staged), "2025-02-24T", "9999-02-24T", "observed at 9999"),
        (report.clone(), "\"decoder_version\":1", "\"decoder_version\":2", "it is of "),
        (report.clone(), "\"full_bhavcopy\"", "\"bhavcopy\"", "it is of "),
        (report.clone(), "\"rows_in\":10", "\"rows_in\":11", "books"),
        (report.clone(), staged.artifact.key.as_str(), "staged/elsewhere", "does not name staged/equity_delivery"),
        (report.clone(), "{", "[", "cannot be read"),
    ] {
        let before = world.lake.get(&object).await.expect("readable").expect("there");
        spoil(&world.lake, &object, from, to).await;
        expect_disbelief(&write(&world, &staged).await.expect_err(says), &object, says);
        assert!(world.lake.list("curated").await.expect("listed").is_empty());
        world.lake.publish(&object, before).await.expect("mended");
    }
    write(&world, &staged).await.expect("written");
}

#[tokio::test]
async fn promise_41_no_time_or_version_of_a_manifest_hides_a_correction() {
    for (from, to, says) in [
        ("\"observed_at\": \"2025-", "\"observed_at\": \"9999-", "observed at 9999"),
        ("\"observed_at\": \"2025-", "\"observed_at\": \"1990-", "observed at 1990"),
        ("\"version\": 1,", "\"version\": 4294967295,", "version 4294967295"),
        ("\"version\": 1,", "\"version\": 0,", "version 0"),
        ("\"exchange\": \"nse\"", "\"exchange\": \"bse\"", "it is of "),
        ("\"rows_in\": 10", "\"rows_in\": 11", "books"),
    ] {
        let world = world();
        let first = staged(&world.lake, 3, "2025-02-24T11:00:00Z").await;
        let corrected = staged(&world.lake, 4, "2025-02-24T12:00:00Z").await;
        write(&world, &first).await.expect("written");
        let manifest = Manifest::key_of(&first);
        spoil(&world.lake, &manifest, from, to).await;
        for staged in [&corrected, &first] {
            expect_disbelief(&write(&world, staged).await.expect_err(says), &manifest, says);
        }
        // As `champion verify --repair` and the next run do it.
        world.lake.set_aside(&manifest).await.expect("moved");
        let written = write(&world, &corrected).await.expect("written");
        assert_eq!((written.unchanged, written.curated.observed_at), (false, corrected.observed_at));
        assert_manifests_hold(&world.lake).await;
    }
}

#[tokio::test]
async fn promise_41_facts_of_the_far_future_are_refused_and_the_correction_is_published() {
    let world = world();
    let forged = staged(&world.lake, 3, "9999-12-31T23:59:59Z").await;
    expect_disbelief(
        &write(&world, &forged).await.expect_err("the year 9999"),
        &facts_key(&forged),
        "observed at 9999",
    );
    let corrected = staged(&world.lake, 4, "2025-02-24T12:00:00Z").await;
    assert!(!write(&world, &corrected).await.expect("written").unchanged);
}

#[tokio::test]
async fn promise_40_an_earlier_version_keeps_its_manifest_beside_it() {
    let world = world();
    let first = staged(&world.lake, 3, "2025-02-24T11:00:00Z").await;
    let corrected = staged(&world.lake, 4, "2025-02-24T12:00:00Z").await;
    let published = write(&world, &first).await.expect("written").curated;
    let before = world.lake.get(&Manifest::key_of(&first)).await.expect("readable").expect("there");
    assert_eq!(write(&world, &corrected).await.expect("written").curated.version, 2);
    let kept = keys::history_manifest(TABLE, Exchange::Nse, date(DAY), 1, &published.artifact.sha256);
    assert_eq!(world.lake.get(&kept).await.expect("readable"), Some(before), "as it was published");
}
