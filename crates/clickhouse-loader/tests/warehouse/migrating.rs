//! What `Migrate` promises, against a real ClickHouse.

use crate::harness::{World, config, date, deadline, noon, rows};
use champion_clickhouse_loader::{MigrationError, Migrator, Topology, Warehouse};

const TABLES: &str = "SELECT name FROM system.tables WHERE database = '{db}' ORDER BY name";

#[tokio::test]
async fn a_second_migration_applies_nothing() {
    let Some(world) = World::start().await else { return };
    let first = world.migrator.migrate(deadline(60)).await.expect("migrated");
    assert_eq!((first.version as usize, first.applied.len()), (6, 6));
    let second = world.migrator.migrate(deadline(60)).await.expect("nothing to do");
    assert_eq!((second.version, second.applied.len()), (first.version, 0));
    let tables: Vec<String> = world.rows(TABLES).await;
    for name in ["equity_daily_current", "equity_delivery", "load_ledger_current", "raw_equity_ohlc_current"] {
        assert!(tables.iter().any(|table| table == name), "{name} is in {tables:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn two_processes_may_migrate_at_once() {
    let Some(world) = World::start().await else { return };
    let topology = Topology { database: world.database.parse().expect("a name"), cluster: None };
    let other = Migrator::new(Warehouse::new(&config(&world.url), topology).expect("a URL"), noon);
    let (one, two) = tokio::join!(world.migrator.migrate(deadline(60)), other.migrate(deadline(60)));
    assert_eq!(one.expect("migrated").version, two.expect("migrated").version);
    let versions: Vec<u32> = world.rows("SELECT version FROM {db}.schema_migrations FINAL ORDER BY version").await;
    assert_eq!(versions, [1, 2, 3, 4, 5, 6]);
    world.stop().await;
}

#[tokio::test]
async fn a_schema_from_another_text_is_refused() {
    let Some(world) = World::start().await else { return };
    world.migrator.migrate(deadline(60)).await.expect("migrated");
    world.execute("INSERT INTO {db}.schema_migrations VALUES (2, '0002_other', 'other', now64(3) + 60)").await;
    let error = world.migrator.migrate(deadline(60)).await.expect_err("changed");
    assert!(matches!(error, MigrationError::Changed { name: "0002_corporate_actions", .. }), "{error}");
    world.stop().await;
}

#[tokio::test]
async fn a_warehouse_replaced_by_an_empty_one_is_migrated_and_loaded_anew() {
    let Some(world) = World::start().await else { return };
    let table = champion_market_data::Table::EquityDelivery;
    let day = date("2025-02-24");
    let artifact = world.curate(table, day, 1, &rows(table, day, 0..5, 3)).await;
    world.load(std::slice::from_ref(&artifact)).await.expect("loaded");
    world.execute("DROP DATABASE {db}").await;
    let receipts = world.load(&[artifact]).await.expect("loaded anew");
    assert!(!receipts[0].already_loaded);
    world.stop().await;
}
