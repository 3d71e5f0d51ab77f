//! Every fault does what its name says, over real sockets.

use std::io::{Cursor, Read};
use std::time::{Duration, Instant};

use crate::harness::{ACTIONS, FULL, Running, SITE, UDIFF, start};
use champion_exchange_mirror::config::WithoutSession;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn mirror() -> Running {
    start(|config| config.behaviour.without_session = WithoutSession::Off).await
}

/// Starts a mirror with one fault for one path and fetches the path.
async fn spoilt(path: &str, mut rule: Value) -> (u16, Vec<u8>) {
    let mirror = mirror().await;
    rule["path"] = path[1..].split('?').next().into();
    mirror.fault(rule).await;
    let spoilt = mirror.fetch(path).await;
    let (status, _) = mirror.fetch(path).await;
    assert_eq!(status, 200, "one answer is spoilt and the next is not");
    spoilt
}

fn text(archive: &[u8]) -> String {
    let mut zip = zip::ZipArchive::new(Cursor::new(archive)).expect("an archive");
    let mut text = String::new();
    zip.by_index(0).expect("a member").read_to_string(&mut text).expect("UTF-8");
    text
}

async fn udiff(rule: Value) -> String {
    let (status, body) = spoilt(UDIFF, rule).await;
    assert_eq!(status, 200);
    text(&body)
}

/// Sends a request on a bare socket and returns what comes until the connection ends.
async fn raw(mirror: &Running, path: &str) -> (Vec<u8>, Option<std::io::Error>) {
    let mut socket = tokio::net::TcpStream::connect(&mirror.base["http://".len()..]).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut received = Vec::new();
    let error = socket.read_to_end(&mut received).await.err();
    (received, error)
}

#[tokio::test]
async fn answers_in_place_of_a_file() {
    let cases = [
        (json!({"kind": "html_200"}), 200, "<!DOCTYPE html>"),
        (json!({"kind": "not_found"}), 404, "404 - Page not found"),
        (json!({"kind": "forbidden_edgesuite"}), 403, "Reference #18."),
        (json!({"kind": "rate_block_403"}), 403, "permissible threshold"),
        (json!({"kind": "unauthorized_401"}), 401, "Unauthorized"),
        (json!({"kind": "status_5xx"}), 503, "503"),
        (json!({"kind": "status_5xx", "status": 408}), 408, "408"),
        (json!({"kind": "empty_body"}), 200, ""),
    ];
    for (rule, status, part) in cases {
        let (seen, body) = spoilt(FULL, rule.clone()).await;
        assert_eq!(seen, status, "{rule}");
        assert!(String::from_utf8_lossy(&body).contains(part), "{rule}");
    }
    assert_eq!(spoilt(ACTIONS, json!({"kind": "error_500_body"})).await, (500, b"Error".to_vec()));
    assert_eq!(spoilt(ACTIONS, json!({"kind": "empty_json"})).await, (200, b"{}".to_vec()));
}

#[tokio::test]
async fn a_throttled_client_is_told_when_to_return_and_a_redirected_one_where_to_go() {
    let mirror = mirror().await;
    mirror
        .fault(json!([
            {"path": "full", "kind": "throttled_429", "retry_after": 7},
            {"path": "full", "kind": "throttled_429", "retry_after": "Mon, 24 Feb 2025 12:05:00 GMT"},
            {"path": "full", "kind": "redirect", "to": "http://169.254.169.254/"},
        ]))
        .await;
    for (status, name, value) in [
        (429, "retry-after", "7"),
        (429, "retry-after", "Mon, 24 Feb 2025 12:05:00 GMT"),
        (302, "location", "http://169.254.169.254/"),
    ] {
        let response = mirror.get(FULL).await.expect("an answer");
        assert_eq!((response.status().as_u16(), response.headers()[name].to_str().ok()), (status, Some(value)));
    }
}

#[tokio::test]
async fn a_401_ends_the_session() {
    let mirror = start(|_| {}).await;
    mirror.fetch(&format!("{SITE}/option-chain")).await;
    assert_eq!(mirror.fetch(ACTIONS).await.0, 200);
    mirror.fault(json!({"path": "corporateActions", "kind": "unauthorized_401"})).await;
    let statuses = [mirror.fetch(ACTIONS).await.0, mirror.fetch(ACTIONS).await.0];
    assert_eq!(statuses, [401, 401]);
    mirror.fetch(&format!("{SITE}/option-chain")).await;
    assert_eq!(mirror.fetch(ACTIONS).await.0, 200);
}

#[tokio::test]
async fn a_reset_ends_the_connection_without_a_byte() {
    let mirror = mirror().await;
    mirror.fault(json!({"path": "full", "kind": "reset"})).await;
    let (received, error) = raw(&mirror, FULL).await;
    assert!(received.is_empty());
    assert_eq!(error.map(|error| error.kind()), Some(std::io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_stall_never_answers_and_a_drip_sends_byte_by_byte() {
    let mirror = mirror().await;
    mirror
        .fault(json!([
            {"path": "full", "kind": "stall"},
            {"path": "full", "kind": "drip", "interval_ms": 20},
        ]))
        .await;
    assert!(tokio::time::timeout(Duration::from_millis(200), mirror.get(FULL)).await.is_err(), "no answer");
    let begun = Instant::now();
    let mut response = mirror.get(FULL).await.expect("an answer");
    let length: usize = response.headers()["content-length"].to_str().expect("text").parse().expect("a length");
    let mut received = 0;
    while received < 5 {
        received += response.chunk().await.expect("more").expect("more").len();
    }
    // Four pauses lie between five bytes, however late they are read.
    assert!(begun.elapsed() >= Duration::from_millis(80) && received < length, "{received} of {length}");
}

#[tokio::test]
async fn a_truncated_body_and_a_bad_chunk_are_errors_of_the_transfer() {
    let mirror = mirror().await;
    mirror.fault(json!([{"path": "full", "kind": "truncated_body"}, {"path": "full", "kind": "bad_chunk"}])).await;
    for _ in 0..2 {
        let response = mirror.get(FULL).await.expect("a head");
        assert_eq!(response.status(), 200);
        assert!(response.bytes().await.is_err());
    }
    assert!(mirror.fetch(FULL).await.1.starts_with(b"SYMBOL, SERIES"));
}

#[tokio::test]
async fn archives_that_are_wrong() {
    let open = |bytes: &[u8]| zip::ZipArchive::new(Cursor::new(bytes.to_vec()));
    let (_, half) = spoilt(UDIFF, json!({"kind": "truncated_zip"})).await;
    assert!(half.starts_with(b"PK\x03\x04") && open(&half).is_err());
    let (_, none) = spoilt(UDIFF, json!({"kind": "not_a_zip"})).await;
    assert!(!none.starts_with(b"PK") && !none.starts_with(b"<"));

    let (_, bad) = spoilt(UDIFF, json!({"kind": "bad_crc"})).await;
    let mut bad = open(&bad).expect("the directory is whole");
    let read = bad.by_index(0).expect("a member").read_to_end(&mut Vec::new());
    assert!(read.expect_err("the checksum is wrong").to_string().to_lowercase().contains("checksum"));

    let (_, bomb) = spoilt(UDIFF, json!({"kind": "zip_bomb", "bytes": 8_000_000})).await;
    let mut unpacked = open(&bomb).expect("an archive");
    let member = unpacked.by_index(0).expect("a member");
    assert_eq!(member.size(), 8_000_000);
    assert!(bomb.len() < 80_000, "more than a hundred to one");

    let (_, lying) = spoilt(UDIFF, json!({"kind": "lying_size"})).await;
    let size = open(&lying).expect("an archive").by_index(0).expect("a member").size();
    assert!(size < 100_000, "{size}");

    let (_, nested) = spoilt(UDIFF, json!({"kind": "nested_zip"})).await;
    let mut nested = open(&nested).expect("an archive");
    assert!(nested.by_index(0).expect("a member").name().expect("a name").ends_with(".csv.zip"));
    let (_, climbing) = spoilt(UDIFF, json!({"kind": "traversal_member"})).await;
    let mut climbing = open(&climbing).expect("an archive");
    assert!(climbing.by_index(0).expect("a member").name().expect("a name").starts_with("../../"));
    let (_, crowded) = spoilt(UDIFF, json!({"kind": "many_members", "rows": 20})).await;
    assert_eq!(open(&crowded).expect("an archive").len(), 21);
}

#[tokio::test]
async fn another_days_file_and_a_copied_session() {
    let wrong = udiff(json!({"kind": "wrong_day"})).await;
    assert!(wrong.lines().skip(1).all(|line| line.starts_with("2025-02-21,")), "the session before");
    let chosen = udiff(json!({"kind": "wrong_day", "date": "2025-02-03"})).await;
    assert!(chosen.lines().skip(1).all(|line| line.starts_with("2025-02-03,")));
    let copied = udiff(json!({"kind": "copied_session"})).await;
    assert_eq!(copied, wrong.replace("2025-02-21", "2025-02-24"));
    let (_, full) = spoilt(FULL, json!({"kind": "copied_session"})).await;
    assert!(String::from_utf8(full).expect("UTF-8").lines().skip(1).all(|line| line.contains(", 24-Feb-2025, ")));
}

#[tokio::test]
async fn tables_that_are_wrong() {
    let header = |text: &str| text.lines().next().expect("a header").to_owned();
    let good = text(&mirror().await.fetch(UDIFF).await.1);
    assert!(!header(&udiff(json!({"kind": "missing_column"})).await).contains("ClsPric"));
    let without_isin = udiff(json!({"kind": "missing_column", "column": "ISIN"})).await;
    assert!(!header(&without_isin).contains("ISIN"));
    assert!(header(&udiff(json!({"kind": "extra_column"})).await).ends_with(",NewColumn"));
    assert!(header(&udiff(json!({"kind": "reordered"})).await).starts_with("Rsvd4,Rsvd3"));
    assert_eq!(udiff(json!({"kind": "crlf"})).await, good.replace('\n', "\r\n"));
    assert_eq!(udiff(json!({"kind": "bom"})).await, format!("\u{feff}{good}"));

    let differing = |bad: &str| bad.lines().zip(good.lines()).filter(|(one, other)| one != other).count();
    assert_eq!(differing(&udiff(json!({"kind": "high_below_low"})).await), 1);
    assert_eq!(differing(&udiff(json!({"kind": "poisoned_rows", "rows": 5})).await), 5);
    assert_eq!(differing(&udiff(json!({"kind": "unknown_series", "rows": 3})).await), 3);
    assert_eq!(udiff(json!({"kind": "duplicate_row"})).await.lines().count(), good.lines().count() + 1);
}

#[tokio::test]
async fn a_corrected_file_has_another_tag_and_a_later_date() {
    let mirror = mirror().await;
    let first = mirror.get(UDIFF).await.expect("an answer");
    mirror.fault(json!({"path": "/cm/", "kind": "corrected", "count": "forever"})).await;
    let request =
        mirror.client.get(format!("{}{UDIFF}", mirror.base)).header("if-none-match", &first.headers()["etag"]);
    let corrected = request.send().await.expect("an answer");
    assert_eq!(corrected.status(), 200, "not 304: the content differs");
    assert_eq!(corrected.headers()["last-modified"], "Tue, 25 Feb 2025 12:05:00 GMT");
    assert_ne!(corrected.headers()["etag"], first.headers()["etag"]);
    let again = mirror.get(UDIFF).await.expect("an answer");
    assert_eq!(again.headers()["etag"], corrected.headers()["etag"], "the correction is stable");
    let request =
        mirror.client.get(format!("{}{UDIFF}", mirror.base)).header("if-none-match", &corrected.headers()["etag"]);
    assert_eq!(request.send().await.expect("an answer").status(), 304, "and who has it is told so");
}

#[tokio::test]
async fn filings_can_be_wrong_too() {
    let list = |body: Vec<u8>| -> Vec<Value> { serde_json::from_slice(&body).expect("JSON") };
    let (_, body) = spoilt(ACTIONS, json!({"kind": "missing_column"})).await;
    assert!(list(body).iter().all(|filing| filing.get("subject").is_none()));
    let (_, body) = spoilt(ACTIONS, json!({"kind": "corrected"})).await;
    assert!(list(body)[0]["subject"].as_str().expect("text").ends_with("(Purpose Revised)"));
    let (_, body) = spoilt(ACTIONS, json!({"kind": "truncated_zip"})).await;
    assert!(serde_json::from_slice::<Value>(&body).is_err());
}

#[tokio::test]
async fn a_delay_holds_the_answer_back() {
    let mirror = mirror().await;
    mirror.fault(json!({"path": "full", "kind": "slow", "delay_ms": 120})).await;
    let begun = Instant::now();
    assert_eq!(mirror.fetch(FULL).await.0, 200);
    assert!(begun.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn rules_are_listed_cleared_refused_and_read_from_a_file() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), r#"[{"path":"full","kind":"not_found","count":"forever"}]"#).expect("written");
    let path = file.path().to_owned();
    let mirror = start(move |config| config.faults.file = Some(path)).await;
    assert_eq!(mirror.fetch(FULL).await.0, 404);
    let rules: Value = serde_json::from_slice(&mirror.fetch("/__fault").await.1).expect("JSON");
    assert_eq!((&rules["rules"][0]["kind"], &rules["rules"][0]["hits"]), (&json!("not_found"), &json!(1)));
    mirror.client.delete(format!("{}/__fault", mirror.base)).send().await.expect("an answer");
    assert_eq!(mirror.fetch(FULL).await.0, 200);
    let bad = mirror.client.post(format!("{}/__fault", mirror.base)).body(r#"{"path":"x","kind":"melt"}"#);
    assert_eq!(bad.send().await.expect("an answer").status(), 400);
}

#[tokio::test]
async fn a_fault_that_does_not_fit_its_file_says_so() {
    let mirror = mirror().await;
    mirror.fault(json!({"path": "full", "kind": "zip_bomb"})).await;
    let (status, reason) = mirror.fetch(FULL).await;
    assert_eq!(status, 501);
    assert!(String::from_utf8_lossy(&reason).contains("zip_bomb does not apply"));
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_has_asked_all_the_same() {
    let mirror = mirror().await;
    mirror.fault(json!({"path": "*", "kind": "slow", "delay_ms": 60_000})).await;
    let asked = mirror.client.get(format!("{}{UDIFF}", mirror.base)).timeout(Duration::from_millis(200)).send().await;
    assert!(asked.is_err_and(|error| error.is_timeout()), "the answer came too early");
    assert_eq!(mirror.requests().await["total"], 1);
}
