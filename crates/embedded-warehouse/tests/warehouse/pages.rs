//! What a web page that a person looks at may make the browser ask: nothing that changes, and nothing it could read.

use std::io::{Read, Write};
use std::net::TcpStream;

use reqwest::Method;

use crate::support::{Warehouse, refused_start};

/// The rows of the table that every attack is after, and a part of it.
const STANDING: &str = "SELECT count(), sum(a), (SELECT count() FROM system.tables WHERE database = 'default') FROM t";
const STANDS: &str = "3\t6\t1\n";

async fn with_table() -> Option<Warehouse> {
    let warehouse = Warehouse::start().await?;
    warehouse.query("CREATE TABLE t (a Int64) ENGINE = MergeTree ORDER BY a").await;
    warehouse.query("INSERT INTO t VALUES (1), (2), (3)").await;
    Some(warehouse)
}

/// Statements that change something, each as itself or hidden.
const WRITES: [&str; 16] = [
    "DROP TABLE t SYNC",
    "drop table t",
    "/* SELECT */ DROP TABLE t",
    "DROP TABLE t SETTINGS readonly = 0",
    "DROP TABLE t SETTINGS readonly = DEFAULT",
    "INSERT INTO t SELECT 4",
    "INSERT INTO t SETTINGS readonly = DEFAULT SELECT 4",
    "INSERT INTO t SETTINGS readonly == default SELECT 4",
    "INSERT INTO t VALUES (4)",
    "WITH 4 AS x INSERT INTO t SELECT x SETTINGS readonly = DEFAULT",
    "CREATE TABLE leak ENGINE = Memory AS SELECT 1 SETTINGS readonly = DEFAULT",
    "TRUNCATE TABLE t SETTINGS readonly = 0",
    "ALTER TABLE t DELETE WHERE 1 SETTINGS mutations_sync = 2, readonly = 0",
    "SET readonly = 0 PARALLEL WITH DROP TABLE t",
    "USE default PARALLEL WITH DROP TABLE t",
    "SET max_threads = 1 PARALLEL WITH SET readonly = DEFAULT PARALLEL WITH DROP TABLE t",
];

/// What a URL may say to lift that a GET only reads.
const LIFTS: [&[(&str, &str)]; 13] = [
    &[],
    &[("readonly", "0")],
    &[("readonly", "1")],
    &[("readonly", "2"), ("readonly", "0")],
    &[("readonly", "0"), ("readonly", "2")],
    &[("READONLY", "0")],
    &[("param_readonly", "0")],
    &[("profile", "default")],
    &[("allow_ddl", "1"), ("readonly", "0")],
    &[("session_id", "page")],
    &[("session_id", "page"), ("readonly", "0")],
    &[("session_id", "page"), ("session_timeout", "3600"), ("profile", "default")],
    &[("compatibility", "21.1"), ("readonly", "0")],
];

#[tokio::test]
async fn promise_33_get_and_head_only_read_whatever_the_url_the_body_the_session_or_the_statement_says() {
    let Some(warehouse) = with_table().await else { return };
    for method in [Method::GET, Method::HEAD] {
        for lift in LIFTS {
            for sql in WRITES {
                let request = || warehouse.client.request(method.clone(), &warehouse.url).query(lift);
                for request in [
                    request().query(&[("query", sql)]),
                    request().body(sql),
                    request().query(&[("query", &sql[..5]), ("query", &sql[5..])]),
                ] {
                    let answer = request.header("x-clickhouse-readonly", "0").send().await.unwrap();
                    assert!(!answer.status().is_success(), "{method} {lift:?} {sql}: {answer:?}");
                }
            }
        }
    }
    // A session that somebody else has opened is no way either, nor a form, nor a setting that went before.
    let opened = warehouse.post(&[("session_id", "page"), ("readonly", "0")], "SET max_threads = 2").await;
    assert!(opened.status().is_success());
    for sql in WRITES {
        let get =
            |sql: &str| warehouse.client.get(&warehouse.url).query(&[("session_id", "page"), ("query", sql)]).send();
        let _ = get("SET readonly = 0").await.unwrap();
        assert!(!get(sql).await.unwrap().status().is_success(), "{sql}");
        let form = format!("--x\r\ncontent-disposition: form-data; name=\"query\"\r\n\r\n{sql}\r\n--x--\r\n");
        let form =
            warehouse.client.get(&warehouse.url).header("content-type", "multipart/form-data; boundary=x").body(form);
        assert!(!form.send().await.unwrap().status().is_success(), "{sql}");
    }
    assert_eq!(warehouse.query(STANDING).await, STANDS);
    // Reading goes on, with settings of the client's choice, as in ClickHouse.
    let read = |more: &[(&str, &str)]| {
        let request = warehouse.client.get(&warehouse.url).query(more);
        async {
            request
                .query(&[("query", "SELECT sum(a), getSetting('max_threads') FROM t")])
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap()
        }
    };
    assert_eq!(read(&[("max_threads", "3")]).await, "6\t3\n");
    assert_eq!(read(&[("session_id", "page")]).await, "6\t2\n");
    assert_eq!(read(&[("readonly", "2"), ("max_threads", "3")]).await, "6\t3\n");
    // And a POST may bind itself, for good.
    let (_, text) = warehouse.error(&[("readonly", "1")], "DROP TABLE t").await;
    assert!(text.contains("READONLY"), "{text}");
    let (_, text) = warehouse.error(&[("readonly", "2")], "DROP TABLE t SETTINGS readonly = DEFAULT").await;
    assert!(text.contains("READONLY"), "{text}");
}

#[tokio::test]
async fn promise_33_requests_of_foreign_pages_and_for_foreign_names_are_refused_before_they_are_read() {
    let Some(warehouse) = with_table().await else { return };
    let port = warehouse.url.rsplit_once(':').unwrap().1.to_owned();
    let own = format!("127.0.0.1:{port}");
    for (headers, status) in [
        (vec![("host", "evil.example")], 421),
        (vec![("host", "localhost.evil.example"), ("sec-fetch-site", "same-origin")], 421),
        (vec![("host", "127.0.0.1@evil.example")], 421),
        (vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")], 403),
        (vec![("sec-fetch-site", "same-site")], 403),
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("origin", "http://localhost:3000")], 200),
        (vec![("host", "localhost")], 200),
        (vec![("host", own.as_str()), ("sec-fetch-site", "none")], 200),
        (vec![("sec-fetch-site", "same-origin")], 200),
    ] {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT] {
            for path in ["/", "/ping", "/replicas_status"] {
                let mut request = warehouse.client.request(method.clone(), format!("{}{path}", warehouse.url));
                for (name, value) in &headers {
                    request = request.header(*name, *value);
                }
                if method == Method::POST && path == "/" {
                    let sql = if status == 200 { "SELECT 1" } else { "DROP TABLE t SYNC" };
                    request = request.body(sql);
                }
                let got = request.send().await.unwrap().status().as_u16();
                let expected = match (status, &method, path) {
                    (200, _, "/") if method == Method::PUT => 400, // no statement
                    (200, _, "/") | (200, &Method::GET | &Method::HEAD, _) => 200,
                    (200, ..) => 405,
                    (refused, ..) => refused,
                };
                assert_eq!(got, expected, "{method} {path} {headers:?}");
            }
        }
    }
    for method in [Method::OPTIONS, Method::DELETE, Method::PATCH, Method::TRACE] {
        let answer = warehouse
            .client
            .request(method.clone(), &warehouse.url)
            .query(&[("query", "DROP TABLE t")])
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 405, "{method}");
        assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control-allow")), "{answer:?}");
    }
    // As the image of a page sends it, and in the forms only a hand-written client can send.
    for head in [
        format!("GET /?query=DROP+TABLE+t+SYNC&readonly=0 HTTP/1.1\r\nHost: {own}\r\nSec-Fetch-Site: cross-site\r\n"),
        format!("GET http://evil.example/?query=SELECT+1 HTTP/1.1\r\nHost: {own}\r\n"),
        format!("GET /?query=SELECT+1 HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\n"),
        "GET /?query=SELECT+1 HTTP/1.0\r\n".to_owned(),
    ] {
        let answer = raw(&own, &head);
        assert!(
            ["403", "421", "400"].iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status}"))
                || answer.starts_with(&format!("HTTP/1.0 {status}"))),
            "{head}: {answer}"
        );
    }
    assert_eq!(warehouse.query(STANDING).await, STANDS);
    let refused = r#"champion_warehouse_queries_total{kind="OTHER",status="refused"}"#;
    assert!(warehouse.metric(refused).await >= 30.0);
}

fn raw(address: &str, head: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn promise_33_a_name_of_the_server_is_one_that_is_configured() {
    let Some(warehouse) = Warehouse::with(&[("SERVER__HOST_NAMES", "warehouse.internal")]).await else { return };
    for (host, status) in [("Warehouse.Internal:8123", 200), ("other.internal", 421)] {
        let request = warehouse.client.post(&warehouse.url).header("host", host).body("SELECT 1");
        assert_eq!(request.send().await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn promise_33_a_password_is_no_way_around_the_checks_of_pages() {
    let Some(warehouse) = Warehouse::with(&[("AUTH__PASSWORD", "secret")]).await else { return };
    for (name, value, status) in [
        ("sec-fetch-site", "cross-site", 403),
        ("origin", "https://evil.example", 403),
        ("host", "evil.example", 421),
        ("host", "localhost", 200),
    ] {
        let request = warehouse.client.post(&warehouse.url).basic_auth("default", Some("secret")).body("SELECT 1");
        assert_eq!(request.header(name, value).send().await.unwrap().status(), status, "{name}: {value}");
    }
}

#[test]
fn promise_33_other_machines_never_reach_it_without_a_password() {
    for settings in [
        &[("SERVER__ALLOW_REMOTE", "true"), ("SERVER__HTTP_LISTEN", "0.0.0.0:0")][..],
        &[("SERVER__ALLOW_REMOTE", "true")],
    ] {
        let Some(said) = refused_start(settings) else { return };
        assert!(said.contains("server.allow_remote") && said.contains("auth.password"), "{said}");
    }
    let Some(said) = refused_start(&[("SERVER__HTTP_LISTEN", "0.0.0.0:0"), ("AUTH__PASSWORD", "x")]) else { return };
    assert!(said.contains("server.allow_remote"), "{said}");
}
