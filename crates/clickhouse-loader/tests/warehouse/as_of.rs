//! What was known when, against a real ClickHouse.

use arrow::record_batch::RecordBatch;
use champion_market_data::{CuratedArtifact, Table, TradeDate};
use chrono::{DateTime, Duration, Utc};

use crate::harness::{World, date, observed, rows};

const TABLE: Table = Table::EquityDelivery;

/// Number of rows and a hash of everything a reader of an expression sees, whatever the order.
async fn content(world: &World, from: &str) -> (u64, u64) {
    world
        .one(&format!(
            "SELECT count() AS n, groupBitXor(cityHash64(toString(tuple(* EXCEPT version)))) AS h FROM {{db}}.{from}"
        ))
        .await
}

async fn as_of(world: &World, table: Table, at: DateTime<Utc>) -> (u64, u64) {
    content(world, &format!("{table}_as_of(at = '{}')", at.format("%Y-%m-%d %H:%M:%S%.6f"))).await
}

fn just_before(version: u32) -> DateTime<Utc> {
    observed(version) - Duration::microseconds(1)
}

/// Versions of one session with the contents A, B and A again.
async fn flip(world: &World, table: Table, day: TradeDate) -> [CuratedArtifact; 3] {
    let a: RecordBatch = rows(table, day, 0..50, 3);
    [
        world.curate(table, day, 1, &a).await,
        world.curate(table, day, 2, &rows(table, day, 10..60, 4)).await,
        world.curate(table, day, 3, &a).await,
    ]
}

#[tokio::test]
async fn promise_21_a_correction_is_a_new_version_and_as_of_before_it_shows_the_old_rows_of_every_table() {
    let Some(world) = World::start().await else { return };
    let day = date("2025-02-24");
    for &table in Table::ALL {
        let versions = flip(&world, table, day).await;
        let other = world.curate(table, date("2025-02-25"), 1, &rows(table, date("2025-02-25"), 0..7, 5)).await;
        let mut seen = Vec::new();
        for version in versions {
            world.load(&[version]).await.expect("loaded");
            seen.push(content(&world, &format!("{table}_current")).await);
        }
        assert_eq!((seen[0], seen[0] == seen[1]), (seen[2], false), "{table}: A, B, A");
        assert_eq!(as_of(&world, table, just_before(1)).await.0, 0, "{table}: nothing was known yet");
        for version in 1..=3 {
            let known = seen[version as usize - 1];
            assert_eq!(as_of(&world, table, observed(version)).await, known, "{table} v{version}");
            assert_eq!(as_of(&world, table, just_before(version + 1)).await, known, "{table} until v{}", version + 1);
        }
        world.load(&[other]).await.expect("loaded");
        assert_eq!(as_of(&world, table, just_before(1)).await.0, 0, "{table}: the other session was not known either");
        assert_eq!(as_of(&world, table, observed(1)).await.0, 57, "{table}: both were");
        let ledger: Vec<u32> = world
            .rows(&format!(
                "SELECT version FROM {{db}}.load_ledger FINAL WHERE table = '{table}' AND trade_date = '{day}' ORDER BY version"
            ))
            .await;
        assert_eq!(ledger, [1, 2, 3]);
        let kept: Vec<u32> = world
            .rows(&format!("SELECT version FROM {{db}}.history_ledger FINAL WHERE table = '{table}' ORDER BY version"))
            .await;
        assert_eq!(kept, [1, 2], "{table}: what the newest version took the place of");
    }
    world.stop().await;
}

#[tokio::test]
async fn promise_21_an_identical_publication_is_no_new_version_and_sends_nothing() {
    let Some(world) = World::start().await else { return };
    let day = date("2025-02-24");
    let one = world.curate(TABLE, day, 1, &rows(TABLE, day, 0..50, 3)).await;
    world.load(std::slice::from_ref(&one)).await.expect("loaded");
    let parts = "SELECT count() AS n FROM system.parts WHERE database = '{db}' AND table LIKE 'equity_delivery%'";
    let before: u64 = world.one(parts).await;
    // The same bytes, found again later: the writer answers with the version it has.
    let again = CuratedArtifact { observed_at: observed(5), ..one };
    assert!(world.load(&[again]).await.expect("nothing to do")[0].already_loaded);
    assert_eq!(world.one::<u64>(parts).await, before);
    assert_eq!(world.one::<u64>("SELECT count() AS n FROM {db}.load_ledger").await, 1);
    assert_eq!(as_of(&world, TABLE, observed(1)).await.0, 50, "it is known since it was seen first");
    world.stop().await;
}

#[tokio::test]
async fn a_version_that_was_never_loaded_is_in_the_history_and_known_once_its_message_comes() {
    let Some(world) = World::start().await else { return };
    let day = date("2025-02-24");
    let [one, two, three] = flip(&world, TABLE, day).await;
    world.load(&[three]).await.expect("the newest first");
    let newest = content(&world, "equity_delivery_current").await;
    let kept: u64 = world.one("SELECT count() AS n FROM {db}.equity_delivery_history FINAL").await;
    assert_eq!(kept, 100, "the rows of both versions before it");
    assert_eq!(as_of(&world, TABLE, observed(2)).await.0, 0, "nobody said yet since when they were known");
    let receipts = world.load(&[two]).await.expect("late");
    assert!(!receipts[0].already_loaded);
    assert!(world.load(&[one]).await.is_ok());
    assert_eq!(content(&world, "equity_delivery_current").await, newest, "late messages change nothing");
    assert_eq!(as_of(&world, TABLE, observed(1)).await, newest);
    assert_ne!(as_of(&world, TABLE, observed(2)).await, newest);
    assert_eq!(as_of(&world, TABLE, observed(3)).await, newest);
    world.stop().await;
}

#[tokio::test]
async fn a_correction_is_not_loaded_while_what_it_replaces_is_spoilt() {
    let Some(world) = World::start().await else { return };
    let day = date("2025-02-24");
    let one = world.curate(TABLE, day, 1, &rows(TABLE, day, 0..50, 3)).await;
    world.load(std::slice::from_ref(&one)).await.expect("loaded");
    let two = world.curate(TABLE, day, 2, &rows(TABLE, day, 0..40, 4)).await;
    let folder = format!("history/{TABLE}/exchange=nse/{day}");
    let key = world.lake.list(&folder).await.expect("listed").pop().expect("version 1");
    let good = world.lake.get(&key).await.expect("readable").expect("there");
    world.lake.publish(&key, bytes::Bytes::from("spoilt")).await.expect("spoilt");
    let error = world.load(std::slice::from_ref(&two)).await.expect_err("version 1 would be lost");
    assert!(error.to_string().starts_with(&format!("{key} does not match its reference")), "{error}");
    assert_eq!(content(&world, "equity_delivery_current").await.0, 50, "what is there stays readable");
    world.lake.publish(&key, good).await.expect("restored");
    world.load(&[two]).await.expect("loaded");
    assert_eq!(as_of(&world, TABLE, observed(1)).await.0, 50);
    world.stop().await;
}

#[tokio::test]
async fn prices_with_delivery_are_seen_as_of_an_instant_and_a_with_clause_stands_for_the_tables() {
    let Some(world) = World::start().await else { return };
    let day = date("2025-02-24");
    let prices = Table::NormalizedEquityOhlc;
    world.load(&[world.curate(prices, day, 1, &rows(prices, day, 0..10, 3)).await]).await.expect("loaded");
    world.load(&[world.curate(TABLE, day, 1, &rows(TABLE, day, 0..8, 3)).await]).await.expect("loaded");
    world.load(&[world.curate(TABLE, day, 2, &rows(TABLE, day, 0..5, 4)).await]).await.expect("corrected");
    for (version, with_delivery) in [(1, 8), (2, 5)] {
        let at = observed(version).format("%Y-%m-%d %H:%M:%S");
        let seen: (u64, u64) = world
            .one(&format!(
                "WITH equity_daily_current AS (SELECT * FROM {{db}}.equity_daily_as_of(at = '{at}')) \
                 SELECT count() AS n, countIf(has_delivery) AS d FROM equity_daily_current WHERE trade_date = '{day}'"
            ))
            .await;
        assert_eq!(seen, (10, with_delivery));
    }
    world.stop().await;
}
