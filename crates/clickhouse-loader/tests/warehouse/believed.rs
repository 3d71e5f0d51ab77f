//! What the loader believes: the manifests in the lake, the facts of raw bytes and the rows, never its caller.

use bytes::Bytes;
use champion_clickhouse_loader::{LoadError, Receipt, Run, SetAside};
use champion_lake::Lake;
use champion_market_data::artifact::{CuratedKey, QuarantineKey, RawSource, keys};
use champion_market_data::{CuratedArtifact, Dataset, Exchange, Sha256, Table};
use champion_service::ErrorKind;

use crate::harness::{World, date, deadline, observed, rows};

const TABLE: Table = Table::EquityDelivery;
const DAY: &str = "2025-02-24";

fn reference(curated: &CuratedArtifact) -> (CuratedKey, Sha256) {
    (curated.artifact.key.parse().expect("a curated key"), curated.artifact.sha256)
}

async fn load(world: &World, named: &[(CuratedKey, Sha256)]) -> Result<Vec<Receipt>, LoadError> {
    world.loader.load_named(named, &[], &Run::default(), deadline(60)).await
}

async fn spoil(lake: &Lake, key: &str, from: &str, to: &str) {
    let bytes = lake.get(key).await.expect("readable").expect("there");
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    assert!(text.contains(from), "{from} is not in {text}");
    lake.publish(key, Bytes::from(text.replace(from, to))).await.expect("spoilt");
}

#[tokio::test]
async fn promise_40_the_loader_takes_version_time_and_rows_from_the_manifest() {
    let Some(world) = World::start().await else { return };
    let day = date(DAY);
    let first = world.curate(TABLE, day, 1, &rows(TABLE, day, 0..20, 3)).await;
    let second = world.curate(TABLE, day, 2, &rows(TABLE, day, 5..25, 4)).await;
    // The first version is named after the second took its place: its manifest lies in the history.
    let receipts = load(&world, &[reference(&second)]).await.expect("loaded");
    assert_eq!((receipts[0].version, receipts[0].rows, receipts[0].sha256), (2, 20, second.artifact.sha256));
    let late = load(&world, &[reference(&first)]).await.expect("loaded");
    assert_eq!((late[0].version, late[0].rows, late[0].sha256), (1, 20, first.artifact.sha256));
    let ledger: Vec<(u32, String)> =
        world.rows("SELECT version, toString(observed_at) AS at FROM {db}.load_ledger FINAL ORDER BY version").await;
    let at = |version| observed(version).format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    assert_eq!(ledger, [(1, at(1)), (2, at(2))]);
    let newest: u32 = world.one("SELECT max(version) AS v FROM {db}.equity_delivery_current").await;
    assert_eq!(newest, 2, "the late version is not in the place of the newer one");
    // Content that no manifest names.
    let error = load(&world, &[(reference(&first).0, Sha256::of(b"forged"))]).await.expect_err("nobody made it");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    world.stop().await;
}

#[tokio::test]
async fn promise_41_a_version_or_time_that_cannot_be_is_refused_and_the_correction_is_loaded() {
    let Some(world) = World::start().await else { return };
    let (day, other_day) = (date(DAY), date("2025-02-21"));
    let other = world.curate(TABLE, other_day, 1, &rows(TABLE, other_day, 0..20, 3)).await;
    let first = world.curate(TABLE, day, 1, &rows(TABLE, day, 0..20, 3)).await;
    let manifest = keys::manifest(TABLE, Exchange::Nse, day);
    let good = world.lake.get(&manifest).await.expect("readable").expect("there");
    for (from, to, says) in [
        ("\"version\":1,", "\"version\":4294967295,", "version 4294967295"),
        ("\"version\":1,", "\"version\":0,", "version 0"),
        ("\"observed_at\":\"2025-", "\"observed_at\":\"9999-", "observed at 9999"),
        ("\"observed_at\":\"2025-", "\"observed_at\":\"1990-", "observed at 1990"),
        ("\"exchange\":\"nse\"", "\"exchange\":\"bse\"", "it is of "),
        ("2025-02-24.parquet", "2025-02-21.parquet", "it is of "),
        ("\"trade_date\":\"2025-02-24\"", "\"trade_date\":\"2025-02-21\"", "it is of "),
        ("\"rows_in\":20", "\"rows_in\":21", "books"),
    ] {
        spoil(&world.lake, &manifest, from, to).await;
        let error = load(&world, &[reference(&first), reference(&other)]).await.expect_err(says);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains(&manifest) && error.to_string().contains(says), "{error}");
        world.lake.publish(&manifest, good.clone()).await.expect("mended");
    }
    let known: Vec<(String, u32)> =
        world.rows("SELECT toString(trade_date) AS d, version FROM {db}.load_ledger FINAL ORDER BY d").await;
    assert_eq!(known, [("2025-02-21".to_owned(), 1)], "the other session came in, and nothing of the forged one");
    load(&world, &[reference(&first)]).await.expect("loaded");
    let second = world.curate(TABLE, day, 2, &rows(TABLE, day, 5..25, 4)).await;
    assert_eq!(load(&world, &[reference(&second)]).await.expect("loaded")[0].version, 2);
    world.stop().await;
}

#[tokio::test]
async fn promise_40_rows_set_aside_are_those_the_report_names_of_raw_bytes_that_were_observed() {
    let Some(world) = World::start().await else { return };
    let source = RawSource {
        exchange: Exchange::Nse,
        dataset: Dataset::FullBhavcopy,
        trade_date: date(DAY),
        sha256: Sha256::of(b"raw"),
    };
    let key = QuarantineKey { source, decoder: 1 };
    let text = "{\"line\":7,\"code\":\"high_below_low\",\"reason\":\"high 9 is below low 11\",\"raw\":\"BBB\"}\n";
    world.lake.publish(&key.to_string(), Bytes::from(text)).await.expect("published");
    let file = SetAside { key, sha256: Sha256::of(text.as_bytes()) };
    let load = async |file: SetAside| world.loader.load_named(&[], &[file], &Run::default(), deadline(60)).await;
    let report = async |sha256: Sha256| {
        let report = serde_json::json!({
            "dataset": "full_bhavcopy", "exchange": "nse", "trade_date": DAY, "source_sha256": source.sha256,
            "decoder_version": 1, "counts": {"rows_in": 1, "published": 0, "quarantined": 1, "filtered": 0}, "staged": [],
            "quarantine": {"key": key.to_string(), "sha256": sha256, "bytes": text.len(), "rows": 1},
        });
        world.lake.publish(&source.report(1), Bytes::from(report.to_string())).await.expect("published");
    };
    assert_eq!(load(file).await.expect_err("never observed").kind(), ErrorKind::NotFound);
    world.observe(source).await;
    report(Sha256::of(b"other rows")).await;
    let error = load(file).await.expect_err("the report names other rows");
    assert!(error.to_string().contains("the parser's report does not name these rows"), "{error}");
    report(file.sha256).await;
    let forged = SetAside { sha256: Sha256::of(b"forged"), ..file };
    assert_eq!(load(forged).await.expect_err("other bytes").kind(), ErrorKind::Corrupt);
    load(file).await.expect("loaded");
    assert_eq!(world.one::<u64>("SELECT count() AS n FROM {db}.quarantine").await, 1);
    world.stop().await;
}
