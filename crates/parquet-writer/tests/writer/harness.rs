//! What the tests of the writer share: a world, rows of any table, staged artifacts.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, StringArray};
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use champion_lake::Lake;
use champion_market_data::artifact::keys;
use champion_market_data::columnar::ColumnKind;
use champion_market_data::{ArtifactRef, Exchange, RowCounts, Sha256, StagedArtifact, Table, TradeDate, ist_instant};
use champion_parquet_writer::{Encoding, Manifest, Metrics, Publisher, Run};
use chrono::{DateTime, Utc};
use prometheus::Registry;
use serde_json::{Value, json};

/// A publisher on a lake in a temporary folder.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) lake: Lake,
    pub(crate) registry: Registry,
    pub(crate) publisher: Publisher,
}

pub(crate) fn noon() -> DateTime<Utc> {
    "2025-02-24T12:00:00Z".parse().expect("an instant")
}

pub(crate) fn world() -> World {
    world_in(tempfile::tempdir().expect("a temporary folder"))
}

/// A publisher on the lake of a folder that is there already.
pub(crate) fn world_in(folder: tempfile::TempDir) -> World {
    let lake = Lake::open_folder(folder.path()).expect("a lake");
    let registry = Registry::new();
    let publisher = publisher(lake.clone(), &registry);
    World { folder, lake, registry, publisher }
}

/// A publisher on any lake, as another process would have it.
pub(crate) fn publisher(lake: Lake, registry: &Registry) -> Publisher {
    let metrics = Metrics::register(registry).expect("free names");
    let encoding = Encoding::new(1, 131_072).expect("valid settings");
    Publisher::new(lake, encoding, metrics, 4, noon)
}

pub(crate) fn run(id: &str) -> Run {
    let trace_id = Some("0af7651916cd43dd8448eb211c80319c".to_owned());
    Run { run_id: id.to_owned(), trace_id, ..Run::default() }
}

pub(crate) fn date(text: &str) -> TradeDate {
    text.parse().expect("a date")
}

/// Rows of any table: distinct keys, values that depend on `seed`, every fifth optional value null.
pub(crate) fn rows(table: Table, day: TradeDate, count: i64, seed: i64) -> RecordBatch {
    let columns: Vec<ArrayRef> = table
        .spec()
        .columns
        .iter()
        .map(|column| {
            let value = |row: i64| (!column.nullable || row % 5 != 0).then_some(row * 7 + seed);
            let scale = column.kind.scale().map(|scale| i8::try_from(scale).expect("small"));
            match column.kind {
                _ if column.name == table.spec().date_column => {
                    Arc::new(Date32Array::from_value(day.days_since_epoch(), count as usize)) as ArrayRef
                }
                _ if column.name == table.spec().key[0] => {
                    Arc::new(StringArray::from_iter_values((0..count).map(|_| Exchange::Nse.code())))
                }
                ColumnKind::Text if table.spec().key.contains(&column.name) => {
                    Arc::new(StringArray::from_iter_values((0..count).map(|row| format!("K{row:05}"))))
                }
                ColumnKind::Text => {
                    Arc::new((0..count).map(|row| value(row).map(|v| v.to_string())).collect::<StringArray>())
                }
                ColumnKind::Date => {
                    Arc::new((0..count).map(|row| value(row).map(|v| v as i32)).collect::<Date32Array>())
                }
                ColumnKind::Int64 => Arc::new((0..count).map(value).collect::<Int64Array>()),
                ColumnKind::Bool => {
                    Arc::new((0..count).map(|row| value(row).map(|v| v % 2 == 0)).collect::<BooleanArray>())
                }
                ColumnKind::Price | ColumnKind::Money | ColumnKind::Amount => Arc::new(
                    (0..count)
                        .map(|row| value(row).map(i128::from))
                        .collect::<Decimal128Array>()
                        .with_precision_and_scale(18, scale.expect("decimals have a scale"))
                        .expect("values are small"),
                ),
            }
        })
        .collect();
    RecordBatch::try_new(table.schema(), columns).expect("the columns are the table's")
}

pub(crate) fn ipc(batch: &RecordBatch) -> Bytes {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).expect("a writer");
    writer.write(batch).expect("written");
    Bytes::from(writer.into_inner().expect("finished"))
}

pub(crate) async fn stage(lake: &Lake, table: Table, day: TradeDate, batch: &RecordBatch) -> StagedArtifact {
    let bytes = ipc(batch);
    let sha256 = Sha256::of(&bytes);
    let key = keys::staged(table, Exchange::Nse, day, &sha256, 1);
    let rows = batch.num_rows() as u64;
    let artifact = ArtifactRef { key, sha256, bytes: bytes.len() as u64, rows };
    lake.publish(&artifact.key, bytes).await.expect("staged");
    StagedArtifact {
        artifact,
        table,
        exchange: Exchange::Nse,
        trade_date: day,
        source_sha256: sha256,
        counts: RowCounts { rows_in: rows, published: rows, ..RowCounts::default() },
        observed_at: ist_instant(day, 16, 0),
    }
}

/// Puts what the scraper and the parser leave beside a staged table into the lake: raw facts and report.
pub(crate) async fn observe(lake: &Lake, staged: &StagedArtifact) {
    let StagedArtifact { table, exchange, trade_date, source_sha256, counts, observed_at, .. } = staged;
    let dataset = table.dataset();
    let raw = keys::raw(*exchange, dataset, *trade_date, source_sha256, "csv");
    let of = |more: Value| {
        let mut all = json!({"dataset": dataset, "exchange": exchange, "trade_date": trade_date});
        let members = more.as_object().expect("members").clone();
        all.as_object_mut().expect("members").extend(members);
        Bytes::from(all.to_string())
    };
    let artifact = json!({"key": raw, "sha256": source_sha256, "bytes": 1, "rows": 0});
    let facts = of(json!({"artifact": artifact, "observed_at": observed_at}));
    let mut written = staged.clone();
    written.observed_at = DateTime::UNIX_EPOCH;
    let report = of(json!({
        "source_sha256": source_sha256, "decoder_version": 1, "counts": counts, "staged": [written], "quarantine": null,
    }));
    let facts_key = keys::raw_facts(*exchange, dataset, *trade_date, source_sha256);
    lake.publish(&facts_key, facts).await.expect("kept");
    lake.publish(&keys::parse_report(dataset, *exchange, *trade_date, source_sha256, 1), report).await.expect("staged");
}

pub(crate) fn metric(world: &World, name: &str, table: Table) -> f64 {
    let families = world.registry.gather();
    let family = families.iter().find(|family| family.name() == name).expect("the family exists");
    let of_table = |metric: &&prometheus::proto::Metric| metric.get_label()[0].value() == table.as_str();
    family.get_metric().iter().find(of_table).expect("every table is there").get_counter().get_value()
}

pub(crate) const SUCCESS: &str = "nse_pipeline_parquet_write_success_total";
pub(crate) const FAILED: &str = "nse_pipeline_parquet_write_failed_total";

/// Returns every object of the zones with its bytes.
pub(crate) async fn contents(lake: &Lake, zones: &[&str]) -> BTreeMap<String, Bytes> {
    let mut contents = BTreeMap::new();
    for zone in zones {
        for key in lake.list(zone).await.expect("listed") {
            let bytes = lake.get(&key).await.expect("readable").expect("there");
            contents.insert(key, bytes);
        }
    }
    contents
}

/// Asserts that every manifest names bytes that are there, whole, as they were published.
pub(crate) async fn assert_manifests_hold(lake: &Lake) {
    for key in lake.list("curated").await.expect("listed") {
        if !key.ends_with(".manifest.json") {
            continue;
        }
        let json = lake.get(&key).await.expect("readable").expect("there");
        let manifest = Manifest::from_json(&json).expect("a whole manifest");
        let Manifest { table, exchange, trade_date, version, sha256, .. } = manifest;
        let named = manifest.curated().artifact;
        let stands = lake.get(&named.key).await.expect("readable").expect("the manifest names a file that is there");
        if let Some(next) = manifest.replaced_by {
            let history = keys::history(table, exchange, trade_date, version, &sha256);
            lake.get_verified(&ArtifactRef { key: history, ..named }).await.expect("the replaced version is kept");
            assert!([sha256, next.sha256].contains(&Sha256::of(&stands)), "{key}: neither version stands there");
        } else {
            lake.get_verified(&named).await.expect("the manifest names whole bytes");
        }
    }
}
