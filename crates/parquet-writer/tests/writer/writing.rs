//! What `Write` promises, on a lake in a temporary folder.

use std::sync::Arc;

use arrow::array::new_null_array;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use champion_market_data::artifact::keys;
use champion_market_data::{ArtifactRef, Exchange, Table};
use champion_parquet_writer::{Manifest, WriteError};
use champion_service::ErrorKind;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::harness::{FAILED, SUCCESS, date, metric, noon, rows, run, stage, world};

#[tokio::test]
async fn every_table_comes_back_from_parquet_as_it_was_staged() {
    let world = world();
    let day = date("2025-02-24");
    for &table in Table::ALL {
        assert_eq!(metric(&world, SUCCESS, table), 0.0);
        let batch = rows(table, day, 100, 3);
        let staged = stage(&world.lake, table, day, &batch).await;
        let written = world.publisher.write(&staged, &run("r1")).await.expect("written");
        assert_eq!((written.unchanged, written.curated.version, written.curated.artifact.rows), (false, 1, 100));
        let parquet = world.lake.get_verified(&written.curated.artifact).await.expect("published");
        let reader = ParquetRecordBatchReaderBuilder::try_new(parquet).expect("parquet");
        assert_eq!(reader.schema().fields(), table.schema().fields(), "types are exact without the Arrow schema");
        let back: Vec<RecordBatch> = reader.build().expect("a reader").collect::<Result<_, _>>().expect("readable");
        assert_eq!(back, [batch.with_schema(back[0].schema()).expect("the same fields")], "{table}");
        assert_eq!((metric(&world, SUCCESS, table), metric(&world, FAILED, table)), (1.0, 0.0));
    }
}

#[tokio::test]
async fn the_same_rows_give_the_same_bytes_in_any_lake_and_run() {
    let day = date("2025-02-24");
    for &table in Table::ALL {
        let mut hashes = Vec::new();
        for id in ["r1", "r2"] {
            let world = world();
            let staged = stage(&world.lake, table, day, &rows(table, day, 1000, 3)).await;
            hashes.push(world.publisher.write(&staged, &run(id)).await.expect("written").curated.artifact.sha256);
        }
        assert_eq!(hashes[0], hashes[1], "{table}");
    }
}

#[tokio::test]
async fn the_bytes_are_those_of_the_golden_file() {
    // A change here changes every published file: raise WRITER_VERSION with it.
    let world = world();
    let day = date("2025-02-24");
    let staged = stage(&world.lake, Table::EquityDelivery, day, &rows(Table::EquityDelivery, day, 10, 3)).await;
    let written = world.publisher.write(&staged, &run("r1")).await.expect("written");
    assert_eq!(written.curated.artifact.sha256.to_string(), GOLDEN_SHA256);
}

const GOLDEN_SHA256: &str = "5b7e1a9570130de819898222829e5fcde7e30d666a0d0f973e08a987836a13d9";

#[tokio::test]
async fn writing_the_same_artifact_twice_publishes_once() {
    let world = world();
    let day = date("2025-02-24");
    let staged = stage(&world.lake, Table::EquityDelivery, day, &rows(Table::EquityDelivery, day, 10, 3)).await;
    let first = world.publisher.write(&staged, &run("r1")).await.expect("written");
    let manifest = world.lake.get(&Manifest::key_of(&staged)).await.expect("readable");
    let second = world.publisher.write(&staged, &run("r2")).await.expect("written");
    assert!(!first.unchanged && second.unchanged);
    assert_eq!(first.curated, second.curated);
    assert_eq!(world.lake.get(&Manifest::key_of(&staged)).await.expect("readable"), manifest);
    assert_eq!(metric(&world, SUCCESS, Table::EquityDelivery), 1.0);
    assert!(world.lake.list("history").await.expect("listed").is_empty());
}

#[tokio::test]
async fn two_calls_at_once_publish_once() {
    let world = world();
    let day = date("2025-02-24");
    let staged = stage(&world.lake, Table::EquityDelivery, day, &rows(Table::EquityDelivery, day, 10, 3)).await;
    let artifacts = vec![staged.clone(), staged.clone(), staged];
    let written = world.publisher.write_all(&artifacts, &run("r1")).await.expect("written");
    assert_eq!(written.iter().filter(|written| !written.unchanged).count(), 1);
    assert_eq!(metric(&world, SUCCESS, Table::EquityDelivery), 1.0);
}

#[tokio::test]
async fn the_manifest_names_run_trace_and_books() {
    let world = world();
    let day = date("2025-02-24");
    let staged = stage(&world.lake, Table::EquityDelivery, day, &rows(Table::EquityDelivery, day, 10, 3)).await;
    let written = world.publisher.write(&staged, &run("r1")).await.expect("written");
    let json = world.lake.get(&Manifest::key_of(&staged)).await.expect("readable").expect("there");
    let manifest = Manifest::from_json(&json).expect("a manifest");
    assert_eq!(manifest.curated(), written.curated);
    assert_eq!(manifest.run_id, "r1");
    assert_eq!(manifest.trace_id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(manifest.staged_sha256, staged.artifact.sha256);
    assert_eq!(manifest.counts, staged.counts);
    assert_eq!(manifest.published_at, noon());
}

#[tokio::test]
async fn a_correction_is_the_next_version_and_the_earlier_one_stays_readable() {
    let world = world();
    let day = date("2025-02-24");
    let table = Table::EquityDelivery;
    let first = stage(&world.lake, table, day, &rows(table, day, 10, 3)).await;
    let corrected = stage(&world.lake, table, day, &rows(table, day, 9, 4)).await;
    let one = world.publisher.write(&first, &run("r1")).await.expect("written").curated;
    let two = world.publisher.write(&corrected, &run("r2")).await.expect("written").curated;
    assert_eq!((two.version, &two.artifact.key), (2, &one.artifact.key));
    world.lake.get_verified(&two.artifact).await.expect("the correction is what readers see");
    let key = keys::history(table, Exchange::Nse, day, 1, &one.artifact.sha256);
    world.lake.get_verified(&ArtifactRef { key, ..one.artifact }).await.expect("the earlier version");
}

#[tokio::test]
async fn a_crash_between_file_and_manifest_is_repaired_by_the_next_write() {
    let world = world();
    let day = date("2025-02-24");
    let table = Table::EquityDelivery;
    let first = stage(&world.lake, table, day, &rows(table, day, 10, 3)).await;
    let corrected = stage(&world.lake, table, day, &rows(table, day, 9, 4)).await;
    let one = world.publisher.write(&first, &run("r1")).await.expect("written").curated;
    let manifest_of_one = world.lake.get(&Manifest::key_of(&first)).await.expect("readable").expect("there");
    let two = world.publisher.write(&corrected, &run("r2")).await.expect("written").curated;
    // As if the process had ended before the manifest of version 2 was written.
    world.lake.publish(&Manifest::key_of(&first), manifest_of_one).await.expect("set back");
    let again = world.publisher.write(&corrected, &run("r3")).await.expect("repaired");
    assert_eq!((again.unchanged, &again.curated), (false, &two));
    let key = keys::history(table, Exchange::Nse, day, 1, &one.artifact.sha256);
    world.lake.get_verified(&ArtifactRef { key, ..one.artifact }).await.expect("the earlier version");
    assert_eq!(world.lake.list("history").await.expect("listed").len(), 2, "one version and its manifest");
}

#[tokio::test]
async fn a_lost_curated_file_comes_back_under_its_old_version() {
    let world = world();
    let day = date("2025-02-24");
    let table = Table::EquityDelivery;
    let staged = stage(&world.lake, table, day, &rows(table, day, 10, 3)).await;
    let one = world.publisher.write(&staged, &run("r1")).await.expect("written").curated;
    world.lake.delete(&one.artifact.key).await.expect("deleted");
    let again = world.publisher.write(&staged, &run("r2")).await.expect("repaired");
    assert_eq!((again.unchanged, &again.curated), (false, &one));
    world.lake.get_verified(&one.artifact).await.expect("back");
}

#[tokio::test]
async fn a_correction_never_buries_an_earlier_version_that_cannot_be_kept() {
    let world = world();
    let day = date("2025-02-24");
    let table = Table::EquityDelivery;
    let first = stage(&world.lake, table, day, &rows(table, day, 10, 3)).await;
    let corrected = stage(&world.lake, table, day, &rows(table, day, 9, 4)).await;
    let one = world.publisher.write(&first, &run("r1")).await.expect("written").curated;
    world.lake.publish(&one.artifact.key, Bytes::from("spoilt")).await.expect("spoilt");
    let error = world.publisher.write(&corrected, &run("r2")).await.expect_err("the earlier version is lost");
    assert!(matches!(error, WriteError::EarlierVersionLost { version: 1, .. }), "{error}");
}

#[tokio::test]
async fn corrupted_staged_bytes_are_refused_and_nothing_is_published() {
    let world = world();
    let day = date("2025-02-24");
    let table = Table::EquityDelivery;
    let staged = stage(&world.lake, table, day, &rows(table, day, 10, 3)).await;
    world.lake.publish(&staged.artifact.key, Bytes::from("spoilt")).await.expect("spoilt");
    let error = world.publisher.write(&staged, &run("r1")).await.expect_err("corrupt");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(world.lake.list("curated").await.expect("listed").is_empty());
    assert_eq!((metric(&world, SUCCESS, table), metric(&world, FAILED, table)), (0.0, 1.0));
}

#[tokio::test]
async fn a_staged_artifact_that_is_not_what_it_claims_is_refused() {
    let world = world();
    let day = date("2025-02-24");
    let table = Table::EquityDelivery;
    let good = rows(table, day, 10, 3);
    let twice = arrow::compute::concat_batches(&table.schema(), [&good, &good]).expect("the same schema");
    let fewer = good.project(&[0, 1, 2]).expect("a projection");
    let mut columns = good.columns().to_vec();
    columns[8] = new_null_array(&arrow::datatypes::DataType::Utf8, 10);
    let mut fields: Vec<_> = table.schema().fields().iter().cloned().collect();
    fields[8] = Arc::new(arrow::datatypes::Field::new("prev_close", arrow::datatypes::DataType::Utf8, true));
    let text = RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), columns).expect("a batch");
    let other_day = rows(table, date("2025-02-21"), 10, 3);
    let mut artifacts = Vec::new();
    for batch in [&twice, &fewer, &text, &other_day] {
        artifacts.push(stage(&world.lake, table, day, batch).await);
    }
    let mut short = stage(&world.lake, table, day, &good).await;
    short.artifact.rows = 11;
    artifacts.push(short);
    let expected = ["repeats the natural key", "columns", "prev_close", "2025-02-21", "expected 11 rows, found 10"];
    for (staged, expected) in artifacts.iter().zip(expected) {
        let error = world.publisher.write(staged, &run("r1")).await.expect_err(expected);
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(world.lake.list("curated").await.expect("listed").is_empty());
}

#[tokio::test]
async fn one_bad_artifact_does_not_keep_the_others_of_the_call_from_being_published() {
    let world = world();
    let table = Table::EquityDelivery;
    let mut artifacts = Vec::new();
    for day in ["2025-02-20", "2025-02-21", "2025-02-24"].map(date) {
        artifacts.push(stage(&world.lake, table, day, &rows(table, day, 10, 3)).await);
    }
    world.lake.publish(&artifacts[1].artifact.key, Bytes::from("spoilt")).await.expect("spoilt");
    assert!(world.publisher.write_all(&artifacts, &run("r1")).await.is_err());
    assert_eq!((metric(&world, SUCCESS, table), metric(&world, FAILED, table)), (2.0, 1.0));
}

#[tokio::test]
async fn two_contents_for_one_session_in_one_call_are_refused() {
    let world = world();
    let day = date("2025-02-24");
    let table = Table::EquityDelivery;
    let artifacts = vec![
        stage(&world.lake, table, day, &rows(table, day, 10, 3)).await,
        stage(&world.lake, table, day, &rows(table, day, 9, 4)).await,
    ];
    let error = world.publisher.write_all(&artifacts, &run("r1")).await.expect_err("ambiguous");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(world.lake.list("curated").await.expect("listed").is_empty());
}

#[tokio::test]
async fn a_session_without_a_row_is_published_too() {
    let world = world();
    let day = date("2025-02-24");
    let table = Table::CorporateActions;
    let staged = stage(&world.lake, table, day, &rows(table, day, 0, 3)).await;
    let written = world.publisher.write(&staged, &run("r1")).await.expect("written");
    assert_eq!(written.curated.artifact.rows, 0);
    let parquet = world.lake.get_verified(&written.curated.artifact).await.expect("published");
    let reader = ParquetRecordBatchReaderBuilder::try_new(parquet).expect("parquet");
    assert_eq!(reader.schema().fields(), table.schema().fields());
}
