//! What the lake promises, on a real folder.

use super::*;

fn lake() -> (tempfile::TempDir, Lake) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lake = Lake::open_folder(folder.path()).expect("a lake");
    (folder, lake)
}

fn reference(key: &str, bytes: &[u8]) -> ArtifactRef {
    ArtifactRef { key: key.to_owned(), sha256: Sha256::of(bytes), bytes: bytes.len() as u64, rows: 0 }
}

#[tokio::test]
async fn raw_bytes_are_created_once_and_never_rewritten() {
    let (_folder, lake) = lake();
    let key = "raw/nse/bhavcopy/2025-02-24/a.csv";
    assert_eq!(lake.put_if_absent(key, Bytes::from("one")).await.expect("created"), PutOutcome::Created);
    assert_eq!(lake.put_if_absent(key, Bytes::from("one")).await.expect("same"), PutOutcome::AlreadyThere);
    let error = lake.put_if_absent(key, Bytes::from("two")).await.expect_err("other bytes are refused");
    assert!(matches!(error, LakeError::Conflict { .. }), "{error}");
    assert_eq!(lake.get(key).await.expect("readable").as_deref(), Some(&b"one"[..]));
}

#[tokio::test]
async fn a_flipped_bit_is_never_served() {
    let (folder, lake) = lake();
    let key = "curated/x/exchange=nse/year=2025/a.parquet";
    lake.publish(key, Bytes::from("good bytes")).await.expect("published");
    assert!(lake.get_verified(&reference(key, b"good bytes")).await.is_ok());
    std::fs::write(folder.path().join(key), b"gooe bytes").expect("the file is ours");
    let error = lake.get_verified(&reference(key, b"good bytes")).await.expect_err("a flipped bit");
    assert_eq!(error.kind(), crate::LakeErrorKind::Corrupt);
}

#[tokio::test]
async fn a_key_never_leaves_the_folder() {
    let (_folder, lake) = lake();
    assert!(lake.publish("../outside", Bytes::from("x")).await.is_err());
    assert!(lake.get("raw/../../outside").await.is_err());
}

#[tokio::test]
async fn keys_are_listed_in_order_below_their_folder_only() {
    let (_folder, lake) = lake();
    for key in ["raw/a/2", "raw/a/1", "raw/b/3"] {
        lake.publish(key, Bytes::from("x")).await.expect("published");
    }
    assert_eq!(lake.list("raw/a").await.expect("listed"), ["raw/a/1", "raw/a/2"]);
    assert!(lake.list("raw/none").await.expect("an absent folder is empty").is_empty());
}

#[tokio::test]
async fn absent_things_are_absent_and_not_errors() {
    let (_folder, lake) = lake();
    assert_eq!(lake.size("raw/none").await.expect("an answer"), None);
    assert!(lake.get("raw/none").await.expect("an answer").is_none());
    lake.delete("raw/none").await.expect("deleting nothing is fine");
    let error = lake.get_verified(&reference("raw/none", b"")).await.expect_err("nothing there");
    assert_eq!(error.kind(), crate::LakeErrorKind::NotFound);
}
