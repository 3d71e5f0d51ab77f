//! What `Load` promises, against a real ClickHouse.

use crate::harness::{World, date, deadline, rows};
use champion_clickhouse_loader::LoadError;
use champion_market_data::{CuratedArtifact, Table, TradeDate};
use champion_service::ErrorKind;

const SUCCESS: &str = "nse_pipeline_clickhouse_load_success_total";
const FAILED: &str = "nse_pipeline_clickhouse_load_failed_total";
const LATENCY: &str = "champion_warehouse_load_latency_seconds";

const TABLE: Table = Table::EquityDelivery;

/// A hash of everything a reader sees of the table, whatever the order.
async fn content(world: &World, table: Table) -> (u64, u64) {
    world
        .one(&format!(
            "SELECT count() AS n, groupBitXor(cityHash64(toString(tuple(* EXCEPT version)))) AS h FROM {{db}}.{table}_current"
        ))
        .await
}

async fn month_of(world: &World, table: Table, days: &[TradeDate]) -> Vec<CuratedArtifact> {
    let mut artifacts = Vec::new();
    for (position, day) in days.iter().enumerate() {
        artifacts.push(world.curate(table, *day, 1, &rows(table, *day, 0..50, position as i64)).await);
    }
    artifacts
}

#[tokio::test]
async fn every_value_of_every_table_arrives_and_a_second_load_sends_nothing() {
    let Some(world) = World::start().await else { return };
    let days = ["2025-02-21", "2025-02-24", "2025-03-03"].map(date);
    for &table in Table::ALL {
        let artifacts = month_of(&world, table, &days).await;
        assert_eq!(world.metric(SUCCESS, table), 0);
        let receipts = world.load(&artifacts).await.expect("loaded and verified");
        let asked: Vec<_> =
            artifacts.iter().map(|artifact| (artifact.trade_date, artifact.artifact.sha256, 50)).collect();
        let got: Vec<_> = receipts.iter().map(|receipt| (receipt.trade_date, receipt.sha256, receipt.rows)).collect();
        assert_eq!(got, asked, "receipts come in the order of the request");
        assert!(receipts.iter().all(|receipt| !receipt.already_loaded));
        assert_eq!(content(&world, table).await.0, 150);
        assert_eq!((world.metric(SUCCESS, table), world.metric(LATENCY, table)), (3, 2), "one load a month");
        let again = world.load(&artifacts).await.expect("nothing to do");
        assert!(again.iter().all(|receipt| receipt.already_loaded));
        assert_eq!((world.metric(SUCCESS, table), world.metric(FAILED, table)), (3, 0));
    }
    let prices: i64 = world
        .one(
            "SELECT toInt64(sum(close) * 10000) AS s FROM {db}.equity_delivery_current WHERE trade_date = '2025-02-21'",
        )
        .await;
    assert_eq!(prices, (0..50).map(|row| (row - 7) * 7).sum::<i64>(), "decimals are exact");
    world.stop().await;
}

#[tokio::test]
async fn the_ledger_names_content_run_and_trace() {
    let Some(world) = World::start().await else { return };
    let artifacts = month_of(&world, TABLE, &[date("2025-02-24")]).await;
    world.load(&artifacts).await.expect("loaded");
    let (dataset, sha256, version, count, run, trace): (String, String, u32, u64, String, String) = world
        .one("SELECT toString(dataset) AS d, sha256, version, rows, run_id, trace_id FROM {db}.load_ledger_current")
        .await;
    assert_eq!((dataset.as_str(), version, count, run.as_str()), ("full_bhavcopy", 1, 50, "r1"));
    assert_eq!(
        (sha256, trace.as_str()),
        (artifacts[0].artifact.sha256.to_string(), "0af7651916cd43dd8448eb211c80319c")
    );
    world.stop().await;
}

#[tokio::test]
async fn a_correction_replaces_rows_and_removes_those_that_vanished() {
    let Some(world) = World::start().await else { return };
    for &table in Table::ALL {
        let day = date("2025-02-24");
        let one = world.curate(table, day, 1, &rows(table, day, 0..50, 3)).await;
        let two = world.curate(table, day, 2, &rows(table, day, 10..60, 4)).await;
        let three = world.curate(table, day, 3, &rows(table, day, 0..50, 3)).await;
        world.load(std::slice::from_ref(&one)).await.expect("loaded");
        let of_one = content(&world, table).await;
        world.load(std::slice::from_ref(&two)).await.expect("corrected");
        let of_two = content(&world, table).await;
        assert_eq!((of_two.0, of_two == of_one), (50, false));
        let late = world.load(std::slice::from_ref(&one)).await.expect("an old message that comes late");
        assert!(late[0].already_loaded);
        assert_eq!(content(&world, table).await, of_two);
        world.load(std::slice::from_ref(&three)).await.expect("the rows come back");
        assert_eq!(content(&world, table).await, of_one, "{table}: removed keys can return");
        let versions: Vec<u32> = world
            .rows(&format!("SELECT version FROM {{db}}.load_ledger FINAL WHERE table = '{table}' ORDER BY version"))
            .await;
        assert_eq!(versions, [1, 2, 3]);
    }
    world.stop().await;
}

#[tokio::test]
async fn an_older_version_that_was_never_loaded_is_refused() {
    let Some(world) = World::start().await else { return };
    let day = date("2025-02-24");
    let two = world.curate(TABLE, day, 2, &rows(TABLE, day, 0..50, 4)).await;
    let one = world.curate(TABLE, day, 1, &rows(TABLE, day, 0..50, 3)).await;
    world.load(&[two]).await.expect("loaded");
    let before = content(&world, TABLE).await;
    let day = date("2025-02-25");
    let other = world.curate(TABLE, day, 1, &rows(TABLE, day, 0..50, 3)).await;
    let error = world.load(&[one, other]).await.expect_err("older");
    assert_eq!(error.kind(), ErrorKind::Precondition);
    assert_eq!(content(&world, TABLE).await.0, before.0 + 50, "what else the call names is loaded all the same");
    world.stop().await;
}

#[tokio::test]
async fn a_lost_ledger_row_is_a_second_insert_and_no_second_row() {
    let Some(world) = World::start().await else { return };
    let artifacts = month_of(&world, TABLE, &["2025-02-21", "2025-02-24"].map(date)).await;
    world.load(&artifacts).await.expect("loaded");
    let before = content(&world, TABLE).await;
    world.execute("TRUNCATE TABLE {db}.load_ledger").await;
    let receipts = world.load(&artifacts).await.expect("loaded again");
    assert!(receipts.iter().all(|receipt| !receipt.already_loaded));
    assert_eq!(content(&world, TABLE).await, before);
    // Another grouping is another insert with another token, and still no second row.
    world.execute("TRUNCATE TABLE {db}.load_ledger").await;
    world.load(&artifacts[..1]).await.expect("loaded again");
    assert_eq!(content(&world, TABLE).await, before);
    world.stop().await;
}

#[tokio::test]
async fn rows_that_someone_deleted_come_back_although_the_token_is_remembered() {
    let Some(world) = World::start().await else { return };
    let artifacts = month_of(&world, TABLE, &[date("2025-02-24")]).await;
    world.load(&artifacts).await.expect("loaded");
    let before = content(&world, TABLE).await;
    world.execute("ALTER TABLE {db}.equity_delivery DROP PARTITION 202502").await;
    world.execute("TRUNCATE TABLE {db}.load_ledger").await;
    assert_eq!(content(&world, TABLE).await.0, 0);
    world.load(&artifacts).await.expect("loaded again");
    assert_eq!(content(&world, TABLE).await, before);
    world.stop().await;
}

#[tokio::test]
async fn rows_of_a_load_that_was_cut_off_are_removed_by_the_correction() {
    let Some(world) = World::start().await else { return };
    let day = date("2025-02-24");
    let one = world.curate(TABLE, day, 1, &rows(TABLE, day, 0..50, 3)).await;
    let two = world.curate(TABLE, day, 2, &rows(TABLE, day, 0..20, 3)).await;
    world.load(&[one]).await.expect("loaded");
    // As if the loader had ended before the ledger row of version 1.
    world.execute("TRUNCATE TABLE {db}.load_ledger").await;
    world.load(&[two]).await.expect("corrected");
    assert_eq!(content(&world, TABLE).await.0, 20);
    world.stop().await;
}

#[tokio::test]
async fn a_single_changed_value_in_the_warehouse_is_found_and_no_ledger_row_is_written() {
    let Some(world) = World::start().await else { return };
    let artifacts = month_of(&world, TABLE, &["2025-02-21", "2025-02-24"].map(date)).await;
    world.load(&artifacts).await.expect("loaded");
    world.execute("TRUNCATE TABLE {db}.load_ledger").await;
    // A row of a version that no file has: it wins, whatever is sent.
    world
        .execute(
            "INSERT INTO {db}.equity_delivery SELECT * REPLACE (close + toDecimal64('0.0001', 4) AS close, 9 AS version) \
             FROM {db}.equity_delivery FINAL WHERE trade_date = '2025-02-24' AND symbol = 'K00007'",
        )
        .await;
    let error = world.load(&artifacts).await.expect_err("the warehouse is not what the files hold");
    let LoadError::Mismatch { trade_date, expected_rows, found_rows, ref columns, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((trade_date, expected_rows, found_rows), (date("2025-02-24"), 50, 50));
    assert_eq!((columns.as_str(), error.kind()), ("close", ErrorKind::Corrupt));
    assert_eq!(world.one::<u64>("SELECT count() AS n FROM {db}.load_ledger").await, 0);
    assert_eq!(world.metric(FAILED, TABLE), 2);
    world.stop().await;
}

#[tokio::test]
async fn two_loaders_at_once_load_once_in_effect() {
    let Some(world) = World::start().await else { return };
    let artifacts = month_of(&world, TABLE, &["2025-02-21", "2025-02-24", "2025-03-03"].map(date)).await;
    let (one, two) = tokio::join!(world.load(&artifacts), world.load(&artifacts));
    one.expect("loaded");
    two.expect("loaded, or found loaded");
    assert_eq!(content(&world, TABLE).await.0, 150);
    assert_eq!(world.one::<u64>("SELECT count() AS n FROM {db}.load_ledger FINAL").await, 3);
    world.stop().await;
}

#[tokio::test]
async fn a_session_without_a_row_is_loaded_and_may_empty_an_earlier_one() {
    let Some(world) = World::start().await else { return };
    let table = Table::CorporateActions;
    let day = date("2025-02-24");
    let one = world.curate(table, day, 1, &rows(table, day, 0..5, 3)).await;
    let two = world.curate(table, day, 2, &rows(table, day, 0..0, 3)).await;
    let other = world.curate(table, date("2025-02-25"), 1, &rows(table, day, 0..0, 3)).await;
    world.load(&[one, other.clone()]).await.expect("loaded");
    assert_eq!(content(&world, table).await.0, 5);
    world.load(&[two]).await.expect("corrected");
    assert_eq!(content(&world, table).await.0, 0);
    assert!(world.load(&[other]).await.expect("known")[0].already_loaded);
    world.stop().await;
}

#[tokio::test]
async fn a_corrupted_or_foreign_file_is_refused_before_anything_is_sent() {
    let Some(world) = World::start().await else { return };
    let day = date("2025-02-24");
    let good = world.curate(TABLE, day, 1, &rows(TABLE, day, 0..5, 3)).await;
    let foreign = world.curate(TABLE, day, 1, &rows(TABLE, date("2025-02-21"), 0..5, 3)).await;
    let other_table = world.curate(TABLE, day, 1, &rows(Table::NormalizedEquityOhlc, day, 0..5, 3)).await;
    world.lake.publish(&good.artifact.key, bytes::Bytes::from("spoilt")).await.expect("spoilt");
    for artifact in [good, foreign, other_table] {
        let error = world.load(&[artifact]).await.expect_err("not what it claims to be");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
    assert_eq!(world.one::<u64>("SELECT count() AS n FROM {db}.equity_delivery").await, 0);
    assert_eq!(world.metric(FAILED, TABLE), 3);
    world.stop().await;
}

#[tokio::test]
async fn a_warehouse_that_is_away_is_unavailable_and_nothing_is_lost() {
    let Some(mut world) = World::start().await else { return };
    let artifacts = month_of(&world, TABLE, &[date("2025-02-24")]).await;
    world.migrator.ensure(deadline(60)).await.expect("migrated");
    if !world.kill_warehouse() {
        return world.stop().await;
    }
    let error = world.load(&artifacts).await.expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(world.metric(FAILED, TABLE), 1, "the alert sees it");
}

#[tokio::test]
async fn prices_and_delivery_meet_in_one_view_and_missing_delivery_is_null() {
    let Some(world) = World::start().await else { return };
    let day = date("2025-02-24");
    let prices = Table::NormalizedEquityOhlc;
    let files = [
        world.curate(prices, day, 1, &rows(prices, day, 0..10, 3)).await,
        world.curate(TABLE, day, 1, &rows(TABLE, day, 0..8, 3)).await,
    ];
    world.load(&files).await.expect("loaded");
    let seen: (u64, u64, u64) = world
        .one(
            "SELECT count() AS n, countIf(has_delivery) AS d, countIf(delivery_qty IS NULL AND NOT has_delivery) AS m \
             FROM {db}.equity_daily_current WHERE trade_date = '2025-02-24'",
        )
        .await;
    assert_eq!(seen, (10, 8, 2));
    world.stop().await;
}
