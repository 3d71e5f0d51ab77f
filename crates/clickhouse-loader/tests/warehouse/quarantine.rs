//! Refused rows in the warehouse, against a real ClickHouse.

use bytes::Bytes;
use champion_clickhouse_loader::{LoadError, Run, SetAside};
use champion_market_data::artifact::{RawSource, keys};
use champion_market_data::{ArtifactRef, Dataset, Exchange, QuarantineArtifact, Sha256};
use champion_service::ErrorKind;

use crate::harness::{World, date, deadline};

const HIGH: &str = r#"{"line":7,"code":"high_below_low","reason":"high 9 is below low 11","raw":"BBB, \"é\"\t, 9"}"#;
const WHOLE: &str = r#"{"line":0,"code":"too_many_refused","reason":"2 of 3 rows are refused","raw":""}"#;
const BLANK: &str = r#"{"line":9,"code":"missing","reason":"symbol is blank","raw":", EQ"}"#;

async fn refuse(world: &World, source: &str, decoder: u32, lines: &[&str]) -> QuarantineArtifact {
    let (dataset, exchange, trade_date) = (Dataset::FullBhavcopy, Exchange::Nse, date("2025-02-24"));
    let source_sha256 = Sha256::of(source.as_bytes());
    let key = keys::quarantine(dataset, exchange, trade_date, &source_sha256, decoder);
    let bytes = Bytes::from(lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    let artifact = ArtifactRef { key, sha256: Sha256::of(&bytes), bytes: bytes.len() as u64, rows: lines.len() as u64 };
    world.lake.publish(&artifact.key, bytes).await.expect("published");
    world.observe(RawSource { exchange, dataset, trade_date, sha256: source_sha256 }).await;
    QuarantineArtifact { artifact, dataset, exchange, trade_date, source_sha256 }
}

async fn load(world: &World, refused: &[QuarantineArtifact]) -> Result<(), LoadError> {
    let run = Run { run_id: "r1".to_owned(), trace_id: None, ..Run::default() };
    let set_aside = |rows: &QuarantineArtifact| {
        let ArtifactRef { key, sha256, .. } = &rows.artifact;
        SetAside { key: key.parse().expect("a key of the quarantine"), sha256: *sha256 }
    };
    let refused: Vec<SetAside> = refused.iter().map(set_aside).collect();
    world.loader.load(&[], &refused, &run, deadline(60)).await.map(|receipts| assert!(receipts.is_empty()))
}

#[tokio::test]
async fn promise_20_every_refused_row_is_in_the_table_once_with_its_reason_and_source() {
    let Some(world) = World::start().await else { return };
    let one = refuse(&world, "one", 1, &[HIGH, WHOLE]).await;
    let two = refuse(&world, "two", 1, &[BLANK]).await;
    for _ in 0..3 {
        load(&world, &[one.clone(), two.clone(), one.clone()]).await.expect("loaded");
    }
    let physical: u64 = world.one("SELECT count() AS n FROM {db}.quarantine").await;
    assert_eq!(physical, 3, "a file that comes again adds nothing");
    let found: Vec<(u64, String, String, String, String, String)> = world
        .rows(
            "SELECT line_no, toString(code) AS c, reason, raw, lake_key, run_id FROM {db}.quarantine_current \
             WHERE source_sha256 = '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed' ORDER BY line_no",
        )
        .await;
    let key = one.artifact.key.clone();
    let text = |text: &str| text.to_owned();
    let expected = [
        (0, text("too_many_refused"), text("2 of 3 rows are refused"), text(""), key.clone(), text("r1")),
        (7, text("high_below_low"), text("high 9 is below low 11"), text("BBB, \"é\"\t, 9"), key, text("r1")),
    ];
    assert_eq!(found, expected);
    // Rows that someone deleted come back, although the token of the insert is remembered.
    world.execute("TRUNCATE TABLE {db}.quarantine").await;
    load(&world, &[one]).await.expect("loaded again");
    assert_eq!(world.one::<u64>("SELECT count() AS n FROM {db}.quarantine").await, 2);
    world.stop().await;
}

#[tokio::test]
async fn a_newer_decoders_word_on_a_file_takes_the_place_of_the_older_ones() {
    let Some(world) = World::start().await else { return };
    let old = refuse(&world, "one", 1, &[HIGH, BLANK]).await;
    let new = refuse(&world, "one", 2, &[BLANK]).await;
    load(&world, &[new, old]).await.expect("loaded");
    let lines: Vec<u64> = world.rows("SELECT line_no FROM {db}.quarantine_current ORDER BY line_no").await;
    assert_eq!(lines, [9]);
    assert_eq!(world.one::<u64>("SELECT count() AS n FROM {db}.quarantine FINAL").await, 3, "nothing is lost");
    world.stop().await;
}

#[tokio::test]
async fn a_spoilt_file_of_refused_rows_is_an_error_with_key_and_line_and_the_others_come_in() {
    let Some(world) = World::start().await else { return };
    let bad = refuse(&world, "one", 1, &[HIGH, "{\"line\":"]).await;
    let good = refuse(&world, "two", 1, &[BLANK]).await;
    let error = load(&world, &[bad.clone(), good]).await.expect_err("the second line is no row");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().starts_with(&format!("quarantine {}: line 2: ", bad.artifact.key)), "{error}");
    assert_eq!(world.one::<u64>("SELECT count() AS n FROM {db}.quarantine").await, 1);
    world.lake.publish(&bad.artifact.key, Bytes::from("spoilt")).await.expect("spoilt");
    assert_eq!(load(&world, &[bad]).await.expect_err("another file").kind(), ErrorKind::Corrupt);
    world.stop().await;
}

#[tokio::test]
async fn refused_rows_alone_bring_the_schema_of_a_replaced_warehouse_back() {
    let Some(world) = World::start().await else { return };
    let one = refuse(&world, "one", 1, &[HIGH]).await;
    load(&world, std::slice::from_ref(&one)).await.expect("loaded");
    world.execute("DROP DATABASE {db}").await;
    load(&world, &[one]).await.expect("loaded anew");
    assert_eq!(world.one::<u64>("SELECT count() AS n FROM {db}.quarantine").await, 1);
    world.stop().await;
}
