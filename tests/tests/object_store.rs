//! The lake in a bucket: on a real server process, first by itself, then below the services.

use std::path::Path;

use champion_e2e::content::files_below;
use champion_e2e::object_store_server::{BUCKET, SECRET};
use champion_e2e::{Content, Fleet, ObjectStoreServer};
use champion_lake::{Change, Lake, LakeError, LakeErrorKind, PutOutcome};
use champion_market_data::{ArtifactRef, Sha256};
use serde_json::json;

const DAY: &str = "2025-02-24";

fn open(server: &ObjectStoreServer, prefix: &str) -> Lake {
    let place = format!("s3://{BUCKET}/{prefix}");
    Lake::open_given(Path::new(&place), &server.variables()).expect("a lake")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_creates_once_replaces_lists_verifies_and_deletes_below_its_prefix() {
    let server = ObjectStoreServer::start();
    let (lake, other) = (open(&server, "one/lake"), open(&server, "one/lake/"));
    let key = "raw/nse/bhavcopy/2025-02-24/a.csv";
    assert_eq!(lake.put_if_absent(key, "one".into()).await.expect("created"), PutOutcome::Created);
    assert_eq!(other.put_if_absent(key, "one".into()).await.expect("same"), PutOutcome::AlreadyThere);
    let error = other.put_if_absent(key, "two".into()).await.expect_err("never rewritten");
    assert!(matches!(error, LakeError::Conflict { .. }), "{error}");

    let curated = "curated/t/exchange=nse/year=2025/a.parquet";
    lake.publish(curated, "old".into()).await.expect("published");
    other.publish(curated, "newer".into()).await.expect("replaced");
    let reference = |text: &str| ArtifactRef {
        key: curated.to_owned(),
        sha256: Sha256::of(text.as_bytes()),
        bytes: text.len() as u64,
        rows: 0,
    };
    assert_eq!(&lake.get_verified(&reference("newer")).await.expect("verified")[..], b"newer");
    let error = lake.get_verified(&reference("old")).await.expect_err("other bytes");
    assert_eq!(error.kind(), LakeErrorKind::Corrupt);

    assert_eq!(lake.list("raw").await.expect("listed"), [key]);
    assert_eq!(lake.list_entries("curated").await.expect("listed")[0].bytes, 5);
    assert!(open(&server, "two").list("raw").await.expect("listed").is_empty(), "another prefix is another lake");
    assert_eq!(open(&server, "").list("one").await.expect("listed").len(), 2, "no prefix is the whole bucket");

    lake.delete(key).await.expect("deleted");
    assert!(lake.get(key).await.expect("an answer").is_none());
    assert_eq!(lake.size(key).await.expect("an answer"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_of_a_bucket_lose_no_change_and_take_turns() {
    let server = ObjectStoreServer::start();
    let lakes = [open(&server, "lake"), open(&server, "lake")];
    let count_up = |lake: Lake| async move {
        let next = |held: Option<&[u8]>| -> u64 {
            held.map_or(0, |bytes| std::str::from_utf8(bytes).expect("digits").parse().expect("a number")) + 1
        };
        let mut seen = Vec::new();
        for _ in 0..10 {
            let counted = lake.update("state/x", |held| {
                let next = next(held.map(|bytes| &bytes[..]));
                Change::Write(next.to_string().into(), next)
            });
            seen.push(counted.await.expect("counted"));
        }
        seen
    };
    let (one, two) = tokio::join!(tokio::spawn(count_up(lakes[0].clone())), tokio::spawn(count_up(lakes[1].clone())));
    let mut seen = [one.expect("no panic"), two.expect("no panic")].concat();
    seen.sort_unstable();
    assert_eq!(seen, (1..=20).collect::<Vec<u64>>());

    let [lake, other] = lakes;
    let turn = lake.turn("session").await.expect("a turn");
    let waiting = tokio::spawn(async move { other.turn("session").await.expect("a turn").end().await });
    let (held, seen) = lake.get_seen("curated/m.json").await.expect("an answer");
    assert!(held.is_none());
    let after = lake.replace(&turn, "curated/m.json", &seen, "1".into()).await.expect("the key was free");
    let error = lake.replace(&turn, "curated/m.json", &seen, "2".into()).await.expect_err("overtaken");
    assert!(matches!(error, LakeError::Raced { .. }), "{error}");
    lake.replace(&turn, "curated/m.json", &after, "2".into()).await.expect("as it was seen");
    assert!(!waiting.is_finished(), "the turn is taken");
    turn.end().await;
    waiting.await.expect("the other has its turn");
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_error_without_keys() {
    let server = ObjectStoreServer::start();
    let lake = Lake::open_given(Path::new("s3://absent/lake"), &server.variables()).expect("nothing is asked yet");
    let error = lake.publish("raw/a", "x".into()).await.expect_err("no such bucket");
    let told = format!("{error} {error:?} {lake:?}");
    assert!(!told.contains(SECRET), "{told}");
    assert!(error.to_string().contains("raw/a") && !error.to_string().contains('<'), "{error}");
}

/// A day comes in, is asked for again, and is corrected.
fn day_and_correction(fleet: &Fleet) {
    let recheck = || fleet.champion(&["run", "bhavcopy", "--date", DAY, "--recheck"]).expect_code(0);
    let rows = || -> u64 {
        let sql = format!("SELECT count() FROM normalized_equity_ohlc_current WHERE trade_date = '{DAY}'");
        fleet.value(&sql).parse().expect("a count")
    };
    recheck();
    let first = rows();
    assert!(first > 100, "{first} rows");
    assert!(recheck().stdout.contains("nothing to do"), "an identical file changes nothing");
    fleet
        .post_to_mirror("/__fault", &json!({"path": "*20250224*", "kind": "corrected", "rows": 3, "count": "forever"}));
    recheck();
    assert_eq!(rows(), first - 3, "the correction replaces the day");
    fleet.champion(&["verify"]).expect_code(0);
    fleet.champion(&["reconcile"]).expect_code(0);
}

/// Copies a lake into a folder.
async fn copy(lake: &Lake, folder: &Path) {
    for zone in ["raw", "quarantine", "curated", "history"] {
        for key in lake.list(zone).await.expect("listed") {
            let path = folder.join(&key);
            std::fs::create_dir_all(path.parent().expect("a key lies in a zone")).expect("ours");
            std::fs::write(path, lake.get(&key).await.expect("readable").expect("listed")).expect("ours");
        }
    }
}

#[test]
fn promise_21_the_services_bring_a_day_and_its_correction_into_a_bucket_as_into_a_folder() {
    let folder = Fleet::builder().start();
    day_and_correction(&folder);
    let wanted = folder.content();
    drop(folder);

    let server = ObjectStoreServer::start();
    let place = format!("s3://{BUCKET}/champion");
    let mut fleet = Fleet::builder().lake(Path::new(&place));
    for (name, value) in server.variables() {
        fleet = fleet.variable(name, &value);
    }
    let fleet = fleet.start();
    day_and_correction(&fleet);

    let copied = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(copy(&open(&server, "champion"), copied.path()));
    assert!(!files_below(copied.path(), "raw").is_empty());
    Content::of(copied.path(), &fleet).expect_equal(&wanted, &fleet, "the lake in a bucket");
    assert!(!Path::new("s3:").exists() && !fleet.folder().join("lake").exists(), "nothing beside the bucket");
    for service in ["scraper", "parser", "parquet-writer", "clickhouse-loader"] {
        assert!(!fleet.log(service).contains(SECRET), "{service} logs the key");
    }
}
