//! What `Reconcile` promises, against a real ClickHouse.

use champion_clickhouse_loader::{FindingKind, Reconciliation, Run, Scope};
use champion_market_data::{CuratedArtifact, Table, TradeDate};

use crate::harness::{World, date, deadline, observed, rows};

const TABLE: Table = Table::EquityDelivery;
const DAYS: [&str; 3] = ["2025-02-21", "2025-02-24", "2025-03-03"];

async fn content(world: &World, table: Table) -> (u64, u64) {
    world
        .one(&format!(
            "SELECT count() AS n, groupBitXor(cityHash64(toString(tuple(*)))) AS h FROM {{db}}.{table}_current"
        ))
        .await
}

async fn publish(world: &World, table: Table, day: TradeDate, version: u32) -> CuratedArtifact {
    world.curate(table, day, version, &rows(table, day, 0..50 - i64::from(version), version.into())).await
}

/// Three loaded sessions of a table, in two months.
async fn loaded(world: &World, table: Table) -> Vec<CuratedArtifact> {
    let mut artifacts = Vec::new();
    for day in DAYS.map(date) {
        artifacts.push(publish(world, table, day, 1).await);
    }
    world.load(&artifacts).await.expect("loaded");
    artifacts
}

async fn reconcile(world: &World, repair: bool) -> Reconciliation {
    let run = Run { run_id: "repair".to_owned(), trace_id: None, ..Run::default() };
    // One table is enough where one was damaged.
    let scope = Scope { table: Some(TABLE), ..Scope::default() };
    world.loader.reconcile(&scope, repair, &run, deadline(60)).await.expect("compared")
}

fn named(outcome: &Reconciliation) -> Vec<(Table, String, &'static str, bool)> {
    let finding = |found: &champion_clickhouse_loader::Finding| {
        (found.table, found.trade_date.to_string(), found.kind.as_str(), found.repaired)
    };
    outcome.findings.iter().map(finding).collect()
}

/// Damages the warehouse, and expects it to be named without a repair, repaired with one, and equal after it.
async fn damage_is_found_and_repaired(world: &World, sql: &str, expected: &[(&str, FindingKind)]) {
    let before = content(world, TABLE).await;
    world.execute(sql).await;
    let found = reconcile(world, false).await;
    let expect = |repaired: bool| {
        let finding = |(day, kind): &(&str, FindingKind)| (TABLE, (*day).to_owned(), kind.as_str(), repaired);
        expected.iter().map(finding).collect::<Vec<_>>()
    };
    assert_eq!(named(&found), expect(false), "{sql}");
    let repaired = reconcile(world, true).await;
    assert_eq!(named(&repaired), expect(true), "{sql}: {:?}", repaired.findings);
    assert_eq!(content(world, TABLE).await, before, "{sql}");
    assert_eq!(reconcile(world, false).await.findings, [], "{sql}");
}

#[tokio::test]
async fn a_dropped_table_a_deleted_month_and_a_flipped_value_are_found_and_repaired() {
    let Some(world) = World::start().await else { return };
    loaded(&world, TABLE).await;
    loaded(&world, Table::RawEquityOhlc).await;
    let (all, run) = (Scope::default(), Run::default());
    let whole = world.loader.reconcile(&all, false, &run, deadline(60)).await.expect("compared");
    assert_eq!((whole.sessions, whole.findings.len()), (6, 0));

    let gone = FindingKind::LedgerWithoutRows;
    damage_is_found_and_repaired(
        &world,
        "DROP TABLE {db}.equity_delivery",
        &[(DAYS[0], gone), (DAYS[1], gone), (DAYS[2], gone)],
    )
    .await;
    damage_is_found_and_repaired(
        &world,
        "ALTER TABLE {db}.equity_delivery DROP PARTITION 202502",
        &[(DAYS[0], gone), (DAYS[1], gone)],
    )
    .await;
    let differs = FindingKind::Differs;
    let flipped = "INSERT INTO {db}.equity_delivery SELECT * REPLACE (close + toDecimal64('0.0001', 4) AS close) \
                   FROM {db}.equity_delivery FINAL WHERE trade_date = '2025-02-24' AND symbol = 'K00007'";
    damage_is_found_and_repaired(&world, flipped, &[(DAYS[1], differs)]).await;
    let lost = "INSERT INTO {db}.equity_delivery SELECT * REPLACE (1 AS is_deleted) \
                FROM {db}.equity_delivery FINAL WHERE trade_date = '2025-03-03' AND symbol = 'K00007'";
    damage_is_found_and_repaired(&world, lost, &[(DAYS[2], differs)]).await;
    let foreign = "INSERT INTO {db}.equity_delivery SELECT * REPLACE ('X' AS symbol) FROM \
                   (SELECT * FROM {db}.equity_delivery FINAL WHERE trade_date = '2025-03-03' AND symbol = 'K00007')";
    damage_is_found_and_repaired(&world, foreign, &[(DAYS[2], differs)]).await;
    let unknown = FindingKind::RowsWithoutLedger;
    let forgotten = "ALTER TABLE {db}.load_ledger DELETE WHERE table = 'equity_delivery' AND trade_date = '2025-02-24' \
                     SETTINGS mutations_sync = 2";
    damage_is_found_and_repaired(&world, forgotten, &[(DAYS[1], unknown)]).await;
    world.stop().await;
}

#[tokio::test]
async fn what_was_published_and_never_loaded_is_missing_and_a_waiting_correction_differs() {
    let Some(world) = World::start().await else { return };
    loaded(&world, TABLE).await;
    publish(&world, TABLE, date("2025-03-04"), 1).await;
    publish(&world, TABLE, date(DAYS[0]), 2).await;
    let found = reconcile(&world, false).await;
    let expected = [(TABLE, DAYS[0].to_owned(), "differs", false), (TABLE, "2025-03-04".to_owned(), "missing", false)];
    assert_eq!(named(&found), expected);
    assert!(reconcile(&world, true).await.findings.iter().all(|finding| finding.repaired));
    assert_eq!(content(&world, TABLE).await.0, 48 + 49 + 49 + 49);
    let scope = Scope { from: Some(date("2025-03-01")), ..Scope::default() };
    let run = Run::default();
    let part = world.loader.reconcile(&scope, false, &run, deadline(60)).await.expect("compared");
    assert_eq!((part.sessions, part.findings.len()), (2, 0), "the scope bounds the comparison");
    world.stop().await;
}

#[tokio::test]
async fn a_lost_history_is_found_and_repaired_and_as_of_answers_again() {
    let Some(world) = World::start().await else { return };
    for version in 1..=2 {
        let artifact = publish(&world, TABLE, date(DAYS[0]), version).await;
        world.load(&[artifact]).await.expect("loaded");
    }
    let before = format!(
        "SELECT count() AS n FROM {{db}}.equity_delivery_as_of(at = '{}')",
        observed(1).format("%Y-%m-%d %H:%M:%S")
    );
    assert_eq!(world.one::<u64>(&before).await, 49);
    world.execute("TRUNCATE TABLE {db}.equity_delivery_history").await;
    assert_eq!(world.one::<u64>(&before).await, 0);
    let found = reconcile(&world, true).await;
    assert_eq!(named(&found), [(TABLE, DAYS[0].to_owned(), "differs", true)], "{found:?}");
    assert_eq!(world.one::<u64>(&before).await, 49);
    world.stop().await;
}

#[tokio::test]
async fn a_session_without_a_manifest_is_reported_and_stays() {
    let Some(world) = World::start().await else { return };
    loaded(&world, TABLE).await;
    world
        .execute(
            "INSERT INTO {db}.equity_delivery SELECT * REPLACE (toDate('2025-02-25') AS trade_date) \
             FROM (SELECT * FROM {db}.equity_delivery FINAL WHERE trade_date = '2025-02-24')",
        )
        .await;
    let before = content(&world, TABLE).await;
    let outcome = reconcile(&world, true).await;
    assert_eq!(named(&outcome), [(TABLE, "2025-02-25".to_owned(), "extra", false)]);
    assert_eq!(outcome.findings[0].detail, "49 rows; the lake has no manifest of it");
    assert_eq!(content(&world, TABLE).await, before);
    world.stop().await;
}

#[tokio::test]
async fn what_cannot_be_repaired_says_why_and_the_rest_of_its_month_is_repaired() {
    let Some(world) = World::start().await else { return };
    loaded(&world, TABLE).await;
    // A row of a version that no file has wins, whatever is sent.
    world
        .execute(
            "INSERT INTO {db}.equity_delivery SELECT * REPLACE (close + toDecimal64('0.0001', 4) AS close, 9 AS version) \
             FROM {db}.equity_delivery FINAL WHERE trade_date = '2025-02-24' AND symbol = 'K00007'",
        )
        .await;
    world
        .execute(
            "INSERT INTO {db}.equity_delivery SELECT * REPLACE (close + toDecimal64('0.0001', 4) AS close) \
             FROM {db}.equity_delivery FINAL WHERE trade_date = '2025-02-21' AND symbol = 'K00007'",
        )
        .await;
    let outcome = reconcile(&world, true).await;
    let expected = [(TABLE, DAYS[0].to_owned(), "differs", true), (TABLE, DAYS[1].to_owned(), "differs", false)];
    assert_eq!(named(&outcome), expected);
    assert!(outcome.findings[1].detail.contains("; not repaired: equity_delivery of nse 2025-02-24"), "{outcome:?}");
    world.stop().await;
}
