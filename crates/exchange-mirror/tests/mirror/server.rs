//! The mirror behaves as the exchanges do.

use std::time::Duration;

use crate::harness::{ACTIONS, ARCHIVE, FULL, SITE, UDIFF, start};
use champion_exchange_mirror::config::{AgentRefusal, WithoutSession};
use reqwest::header::{COOKIE, ETAG, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, USER_AGENT};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_file_comes_with_its_headers_by_path_and_by_host_header() {
    let mirror = start(|_| {}).await;
    let response = mirror.get(UDIFF).await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/zip");
    assert_eq!(response.headers()[LAST_MODIFIED], "Mon, 24 Feb 2025 12:05:00 GMT");
    assert!(response.headers().contains_key(ETAG));
    let length: usize = response.headers()["content-length"].to_str().expect("text").parse().expect("a length");
    let body = response.bytes().await.expect("a body");
    assert_eq!(body.len(), length);
    let request = mirror.client.get(format!("{}{}", mirror.base, &UDIFF[ARCHIVE.len()..]));
    let same = request.header(HOST, &ARCHIVE[1..]).send().await.expect("an answer");
    assert_eq!(same.bytes().await.expect("a body"), body);
    let (status, _) = mirror.fetch("/content/cm/x.zip").await;
    assert_eq!(status, 421, "no host is named");
}

#[tokio::test]
async fn a_copy_that_has_not_changed_is_304_by_tag_and_by_date() {
    let mirror = start(|_| {}).await;
    let first = mirror.get(FULL).await.expect("an answer");
    let (tag, date) = (first.headers()[ETAG].clone(), first.headers()[LAST_MODIFIED].clone());
    for (name, value) in [(IF_NONE_MATCH, tag), (IF_MODIFIED_SINCE, date)] {
        let request = mirror.client.get(format!("{}{FULL}", mirror.base)).header(name, value);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 304);
        assert!(response.bytes().await.expect("a body").is_empty());
    }
}

#[tokio::test]
async fn a_missing_file_is_404_at_nse_and_a_page_with_200_at_bse() {
    let mirror = start(|_| {}).await;
    let (status, page) = mirror.fetch(&format!("{ARCHIVE}/content/cm/none.zip")).await;
    assert_eq!((status, page.len()), (404, 3_412));
    assert!(page.starts_with(b"<!DOCTYPE html>"));
    let bse = "/www.bseindia.com/download/BhavCopy/Equity/BhavCopy_BSE_CM_0_0_0_20250224_F_0000.CSV";
    let (status, page) = mirror.fetch(bse).await;
    assert_eq!((status, page.len()), (200, 14_287));
}

#[tokio::test]
async fn tools_are_refused_by_their_user_agent() {
    let mirror = start(|_| {}).await;
    let request = |agent: &str| mirror.client.get(format!("{}{FULL}", mirror.base)).header(USER_AGENT, agent).send();
    assert!(request("curl/8.5.0").await.is_err(), "the connection is reset");
    assert!(request("python-requests/2.32").await.is_err());
    assert!(request("").await.is_err());
    assert_eq!(request("Mozilla/5.0").await.expect("an answer").status(), 200);
    assert_eq!(mirror.requests().await["requests"][0]["outcome"], "agent_refused");

    let mirror = start(|config| config.behaviour.agent_refusal = AgentRefusal::Forbidden).await;
    let response = mirror.client.get(format!("{}{FULL}", mirror.base)).header(USER_AGENT, "Wget/1.21").send().await;
    let response = response.expect("an answer");
    assert_eq!(response.status(), 403);
    assert!(response.text().await.expect("a page").contains("Reference #18."));
}

#[tokio::test]
async fn the_api_wants_the_cookie_that_a_page_sets() {
    let mirror = start(|_| {}).await;
    assert_eq!(mirror.fetch(ACTIONS).await.0, 401);
    assert_eq!(mirror.fetch(&format!("{SITE}/")).await.0, 200);
    let (status, body) = mirror.fetch(ACTIONS).await;
    assert_eq!(status, 200);
    let filings: Vec<Value> = serde_json::from_slice(&body).expect("JSON");
    assert!(!filings.is_empty() && filings.iter().all(|filing| filing["exDate"] == "08-Aug-2025"));

    let forgotten = mirror.client.delete(format!("{}/__sessions", mirror.base)).send().await;
    assert_eq!(forgotten.expect("an answer").status(), 200);
    assert_eq!(mirror.fetch(ACTIONS).await.0, 401);
    assert_eq!(mirror.fetch(&format!("{SITE}/companies-listing/corporate-filings-actions")).await.0, 200);
    assert_eq!(mirror.fetch(ACTIONS).await.0, 200);
    let made_up = mirror.client.get(format!("{}{ACTIONS}", mirror.base)).header(COOKIE, "session=1");
    assert_eq!(made_up.send().await.expect("an answer").status(), 401);

    let mirror = start(|config| config.behaviour.without_session = WithoutSession::Error).await;
    assert_eq!(mirror.fetch(ACTIONS).await, (500, b"Error".to_vec()));
}

#[tokio::test]
async fn filings_come_as_csv_too_and_the_holiday_master_lists_the_year() {
    let mirror = start(|config| config.behaviour.without_session = WithoutSession::Off).await;
    let (_, csv) = mirror.fetch(&format!("{ACTIONS}&csv=true")).await;
    let csv = String::from_utf8(csv).expect("UTF-8");
    assert!(csv.starts_with("\u{feff}\"SYMBOL\",\"COMPANY NAME\",\"SERIES\""));
    let (_, json) = mirror.fetch(ACTIONS).await;
    let filings: Vec<Value> = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(csv.lines().count(), filings.len() + 1);
    let weekend = ACTIONS.replace("08-08-2025", "09-08-2025");
    assert_eq!(mirror.fetch(&weekend).await.1, b"[]");
    let (_, holidays) = mirror.fetch(&format!("{SITE}/api/holiday-master?type=trading&year=2025")).await;
    let holidays: Value = serde_json::from_slice(&holidays).expect("JSON");
    assert_eq!(holidays["CM"][0]["tradingDate"], "26-Feb-2025");
}

#[tokio::test]
async fn the_log_counts_every_request_and_none_of_the_control() {
    let mirror = start(|_| {}).await;
    assert_eq!(mirror.requests().await["total"], 0);
    mirror.fetch(FULL).await;
    mirror.fetch(FULL).await;
    let log = mirror.requests().await;
    assert_eq!((&log["total"], &log["counts"][&FULL[1..]]), (&2.into(), &2.into()));
    assert_eq!(log["requests"][1]["user_agent"], "Mozilla/5.0 (X11; Linux x86_64)");
    mirror.client.delete(format!("{}/__requests", mirror.base)).send().await.expect("an answer");
    assert_eq!(mirror.requests().await["total"], 0);
}

#[tokio::test]
async fn a_path_that_climbs_is_refused() {
    let mirror = start(|_| {}).await;
    for path in ["/nsearchives.nseindia.com/../../etc/passwd", "/nsearchives.nseindia.com/%2e%2e/%2e%2e/etc/passwd"] {
        let mut socket = tokio::net::TcpStream::connect(&mirror.base["http://".len()..]).await.expect("a connection");
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[tokio::test]
async fn nothing_is_published_after_the_last_date() {
    let mirror = start(|config| config.source.last_date = "2025-02-21".parse().ok()).await;
    assert_eq!(mirror.fetch(FULL).await.0, 404);
    assert_eq!(mirror.fetch(&FULL.replace("24022025", "21022025")).await.0, 200);
}

#[tokio::test]
async fn a_stop_ends_the_process_even_while_a_client_is_kept_waiting() {
    let mirror = start(|_| {}).await;
    mirror.fault(serde_json::json!({"path": "full", "kind": "stall"})).await;
    let waiting = tokio::spawn(mirror.client.get(format!("{}{FULL}", mirror.base)).send());
    while mirror.requests().await["total"] == 0 {
        tokio::task::yield_now().await;
    }
    mirror.shutdown.trigger();
    tokio::time::timeout(Duration::from_secs(4), mirror.ended).await.expect("within the grace").expect("no panic");
    assert!(waiting.await.expect("no panic").is_err());
}

#[tokio::test]
async fn metrics_stand_at_zero_from_the_start_and_count() {
    let mut config: champion_exchange_mirror::Config =
        champion_service::config::load(&champion_exchange_mirror::SPEC, None).expect("valid");
    config.server.http_listen = "127.0.0.1:0".to_owned();
    config.server.admin.listen = "127.0.0.1:0".to_owned();
    let ports = champion_exchange_mirror::Ports::bind(&config.server).await.expect("free ports");
    let (http, admin) = (ports.http_addr(), ports.admin_addr().expect("an admin port"));
    let shutdown = champion_service::Shutdown::manual();
    let running = tokio::spawn(champion_exchange_mirror::run(config, ports, prometheus::Registry::new(), shutdown));
    let get = |url: String| async move {
        let client = reqwest::Client::builder().user_agent("Mozilla/5.0").build().expect("a client");
        client.get(url).send().await.expect("an answer").text().await.expect("text")
    };
    get(format!("http://{http}{ARCHIVE}/none")).await;
    let text = get(format!("http://{admin}/metrics")).await;
    assert!(text.contains("champion_exchange_mirror_requests_total{outcome=\"missing\"} 1"), "{text}");
    assert!(text.contains("champion_exchange_mirror_faults_total{kind=\"bad_chunk\"} 0"), "{text}");
    assert_eq!(get(format!("http://{admin}/readyz")).await, "ready\n");
    running.abort();
}

#[tokio::test]
async fn promise_33_a_web_page_neither_sets_faults_nor_uses_them_up_nor_reads_what_was_asked() {
    let mirror = start(|config| config.server.host_names = vec!["mirror.internal".to_owned()]).await;
    mirror.fault(serde_json::json!({"path": "*sec_bhavdata*", "kind": "not_found", "count": 1})).await;
    let rule = r#"{"path": "*", "kind": "not_found", "count": "forever"}"#;
    for (name, value, status) in [
        ("host", "evil.example", 421),
        ("host", "nsearchives.nseindia.com.evil.example", 421),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("origin", "https://evil.example", 403),
    ] {
        for (method, path) in [
            ("POST", "/__fault"),
            ("DELETE", "/__fault"),
            ("GET", "/__requests"),
            ("DELETE", "/__sessions"),
            ("GET", FULL),
        ] {
            let method = method.parse::<reqwest::Method>().expect("a method");
            let request = mirror.client.request(method.clone(), format!("{}{path}", mirror.base)).header(name, value);
            let answer = request.body(rule).send().await.expect("an answer");
            assert_eq!(answer.status(), status, "{name}: {value}: {method} {path}");
        }
    }
    let named = mirror.client.get(format!("{}/__requests", mirror.base)).header("host", "mirror.internal:8980");
    assert_eq!(named.send().await.expect("an answer").status(), 200);
    let long = format!("[{}]", vec![rule; 30_000].join(","));
    let answer = mirror.client.post(format!("{}/__fault", mirror.base)).body(long).send().await.expect("an answer");
    assert_eq!(answer.status(), 413);
    assert_eq!(mirror.requests().await["total"], 0);
    assert_eq!((mirror.fetch(FULL).await.0, mirror.fetch(FULL).await.0), (404, 200), "the one rule that was set, once");
}
