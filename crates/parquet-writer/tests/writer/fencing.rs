//! A call for an orchestrator that leads no longer.

use champion_lake::testing::lead_times;
use champion_market_data::Table;
use champion_parquet_writer::Run;
use champion_service::ErrorKind;

use crate::harness::{date, observe, rows, run, stage, world};

#[tokio::test]
async fn promise_47_for_a_superseded_orchestrator_nothing_is_published() {
    let world = world();
    let day = date("2025-02-24");
    let staged = stage(&world.lake, Table::EquityDelivery, day, &rows(Table::EquityDelivery, day, 10, 1)).await;
    observe(&world.lake, &staged).await;
    let key = staged.artifact.key.parse().expect("a staged key");
    lead_times(&world.lake, 2).await.expect("two led");
    let of = |fencing_token| Run { fencing_token, ..run("r1") };
    let error = world.publisher.write_keys(&[key], &of(1)).await.expect_err("it does not lead");
    assert_eq!(error.kind(), ErrorKind::Precondition);
    assert!(error.to_string().starts_with("superseded by orchestrator epoch 2"), "{error}");
    // Also where the call had begun before the other one led.
    let error = world.publisher.write(&staged, &of(1)).await.expect_err("it does not lead");
    assert_eq!(error.kind(), ErrorKind::Precondition);
    assert!(world.lake.list("curated").await.expect("listed").is_empty());
    world.publisher.write_keys(&[key], &of(2)).await.expect("it leads");
    assert_eq!(world.lake.list("curated").await.expect("listed").len(), 2, "file and manifest");
}
