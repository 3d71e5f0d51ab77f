//! Starting, stopping, being killed, being too busy, and clients that go away.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::{Body, StatusCode};

use crate::support::Warehouse;

const RUNNING: &str =
    "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'";
const ENDLESS: &str = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)";

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused() {
    let Some(warehouse) = Warehouse::start().await else { return };
    let (code, output) = warehouse.second();
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("belongs to a running process (process "), "{output}");
    assert_eq!(warehouse.query("SELECT 1").await, "1\n");
}

#[tokio::test]
async fn committed_rows_survive_kill_9_and_a_torn_insert_leaves_whole_blocks() {
    let Some(warehouse) = Warehouse::start().await else { return };
    for table in ["kept", "torn"] {
        warehouse.query(&format!("CREATE TABLE {table} (a UInt64) ENGINE = MergeTree ORDER BY a")).await;
    }
    warehouse.query("INSERT INTO kept SELECT number FROM numbers(1000)").await;
    let url = format!("{}/?query=INSERT+INTO+torn+FORMAT+RowBinary", warehouse.url);
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let body = Body::wrap_stream(futures::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    }));
    let insert = tokio::spawn(warehouse.client.post(url).body(body).send());
    let piece: Vec<u8> = (0..100_000_u64).flat_map(u64::to_le_bytes).collect();
    for _ in 0..20 {
        sender.send(Ok(piece.clone())).await.unwrap();
    }
    let warehouse = warehouse.kill_and_restart().await;
    assert!(insert.await.unwrap().is_err());
    assert_eq!(warehouse.query("SELECT count(), sum(a) FROM kept").await, "1000\t499500\n");
    let torn: u64 = warehouse.query("SELECT count() FROM torn").await.trim().parse().unwrap();
    assert!(torn <= 2_000_000, "{torn}");
    warehouse.query("INSERT INTO torn SELECT 1").await;
    assert_eq!(warehouse.query("SELECT count() FROM torn").await, format!("{}\n", torn + 1));
}

#[tokio::test]
async fn a_million_rows_arrive_whole() {
    let Some(warehouse) = Warehouse::start().await else { return };
    warehouse.query("CREATE TABLE t (a UInt64, b String, c Decimal(18, 4)) ENGINE = MergeTree ORDER BY a").await;
    let rows = "SELECT number AS a, toString(number) AS b, toDecimal64(number, 4) / 100 AS c FROM numbers(1000000)";
    let sums = "SELECT count(), sum(a), sum(length(b)), sum(c)";
    let expected = warehouse.query(&format!("{sums} FROM ({rows})")).await;
    for format in ["Parquet", "ArrowStream", "RowBinary"] {
        let data = warehouse.post(&[], format!("{rows} FORMAT {format}")).await.bytes().await.unwrap();
        let statement = format!("INSERT INTO t SETTINGS input_format_parquet_preserve_order = 1 FORMAT {format}");
        let response = warehouse.post(&[("query", statement.as_str())], data).await;
        assert_eq!(response.status(), StatusCode::OK, "{format}: {}", response.text().await.unwrap());
        assert_eq!(warehouse.query(&format!("{sums} FROM t")).await, expected, "{format}");
        warehouse.query("TRUNCATE TABLE t").await;
    }
}

#[tokio::test]
async fn statements_run_side_by_side_and_do_not_see_each_others_settings() {
    let Some(warehouse) = Warehouse::start().await else { return };
    warehouse.query("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n").await;
    let requests = (0..60).map(|n| {
        let warehouse = &warehouse;
        async move {
            let value = (n % 7 + 1).to_string();
            let answer =
                warehouse.post(&[("max_threads", value.as_str())], "SELECT getSetting('max_threads')::String").await;
            assert_eq!(answer.text().await.unwrap(), format!("{value}\n"));
            warehouse.query(&format!("INSERT INTO t VALUES ({n})")).await;
        }
    });
    join_all(requests).await;
    assert_eq!(warehouse.query("SELECT count(), sum(n) FROM t").await, "60\t1770\n");
}

#[tokio::test]
async fn a_full_queue_refuses_and_recovers() {
    let settings = [("ENGINE__CONNECTIONS", "1"), ("ENGINE__QUEUE", "1")];
    let Some(warehouse) = Warehouse::with(&settings).await else { return };
    let requests =
        (0..6).map(|_| warehouse.post(&[("max_execution_time", "2"), ("timeout_overflow_mode", "break")], ENDLESS));
    let statuses: Vec<_> = join_all(requests).await.iter().map(reqwest::Response::status).collect();
    assert!(statuses.contains(&StatusCode::SERVICE_UNAVAILABLE), "{statuses:?}");
    assert!(statuses.contains(&StatusCode::OK), "{statuses:?}");
    assert_eq!(warehouse.query("SELECT 1").await, "1\n");
}

#[tokio::test]
async fn a_statement_stops_when_its_client_goes_away() {
    let Some(warehouse) = Warehouse::start().await else { return };
    for sql in [ENDLESS.to_owned(), "SELECT sipHash64(number) FROM numbers(1000000000000) FORMAT TSV".to_owned()] {
        let request = warehouse.client.post(&warehouse.url).body(sql).timeout(Duration::from_secs(1)).send();
        // A streamed answer begins; its body is dropped here, unread.
        drop(request.await);
        warehouse.wait_for(RUNNING, "0\n").await;
    }
    let cancelled = r#"champion_warehouse_queries_total{kind="SELECT",status="cancelled"}"#;
    assert!((warehouse.metric(cancelled).await - 2.0).abs() < 0.1);
}

#[tokio::test]
async fn an_insert_whose_client_goes_away_commits_nothing() {
    let Some(warehouse) = Warehouse::start().await else { return };
    warehouse.query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").await;
    let piece: Vec<u8> = (0..100_000_u64).flat_map(u64::to_le_bytes).collect();
    let pieces = [Ok(piece), Err(std::io::Error::other("the client breaks down"))];
    let body = Body::wrap_stream(futures::stream::iter(pieces));
    let request = warehouse.client.post(&warehouse.url).query(&[("query", "INSERT INTO t FORMAT RowBinary")]);
    assert!(request.body(body).send().await.is_err());
    let failed = r#"champion_warehouse_queries_total{kind="INSERT",status="failed"}"#;
    let cancelled = r#"champion_warehouse_queries_total{kind="INSERT",status="cancelled"}"#;
    let deadline = Instant::now() + Duration::from_secs(20);
    while warehouse.metric(failed).await + warehouse.metric(cancelled).await < 1.0 {
        assert!(Instant::now() < deadline, "the insert goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(warehouse.query("SELECT count() FROM t").await, "0\n");
}

#[tokio::test]
async fn a_stop_waits_for_short_statements_and_cancels_long_ones() {
    let Some(mut warehouse) = Warehouse::with(&[("SERVER__SHUTDOWN_GRACE_SECONDS", "3")]).await else { return };
    let (url, client) = (warehouse.url.clone(), warehouse.client.clone());
    let run = |sql: &'static str| tokio::spawn(client.post(url.clone()).body(sql).send());
    let short = run("SELECT sleep(1)");
    let long = run(ENDLESS);
    warehouse.wait_for(RUNNING, "1\n").await;
    warehouse.wait_for("SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleep%'", "1\n").await;
    let asked = Instant::now();
    warehouse.terminate();
    assert_eq!(short.await.unwrap().unwrap().text().await.unwrap(), "0\n");
    let status = warehouse.ended().await;
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < Duration::from_secs(12), "{:?}", asked.elapsed());
    let long = long.await.unwrap();
    assert!(long.is_err() || long.is_ok_and(|response| !response.status().is_success()));
    assert!(warehouse.log().contains("\"stopped\""));
}

#[tokio::test]
async fn a_password_is_asked_for_in_every_usual_way() {
    let settings = [("AUTH__USER", "analyst"), ("AUTH__PASSWORD", "secret")];
    let Some(warehouse) = Warehouse::with(&settings).await else { return };
    let request = || warehouse.client.post(&warehouse.url).body("SELECT 1");
    let none = request().send().await.unwrap();
    assert_eq!((none.status(), none.headers().contains_key("www-authenticate")), (StatusCode::UNAUTHORIZED, true));
    for (user, password, status) in
        [("analyst", "secret", 200), ("analyst", "wrong", 403), ("default", "secret", 403), ("", "secret", 403)]
    {
        let headers = request().header("x-clickhouse-user", user).header("x-clickhouse-key", password);
        assert_eq!(headers.send().await.unwrap().status(), status, "{user}:{password}");
        let basic = request().basic_auth(user, Some(password));
        assert_eq!(basic.send().await.unwrap().status(), status, "{user}:{password}");
        let query = request().query(&[("user", user), ("password", password)]);
        assert_eq!(query.send().await.unwrap().status(), status, "{user}:{password}");
    }
    let ping = warehouse.client.get(format!("{}/ping", warehouse.url)).send().await.unwrap();
    assert_eq!(ping.status(), StatusCode::OK);
    assert!(!warehouse.log().contains("secret"));
}

#[tokio::test]
async fn bodies_and_texts_have_bounds() {
    let settings = [
        ("LIMITS__QUERY_BYTES", "1000"),
        ("LIMITS__BODY_BYTES", "2000000"),
        ("LIMITS__DECODED_BYTES", "4000000"),
        ("LIMITS__PARAMETERS", "3"),
        ("LIMITS__IDLE_SECONDS", "1"),
    ];
    let Some(warehouse) = Warehouse::with(&settings).await else { return };
    warehouse.query("CREATE TABLE t (a String) ENGINE = Memory").await;
    let (status, text) = warehouse.error(&[], format!("SELECT '{}'", "x".repeat(1000))).await;
    assert_eq!((status, text.contains("limits.query_bytes")), (413, true), "{text}");
    let insert = |rows: usize| format!("INSERT INTO t FORMAT LineAsString\n{}", "x\n".repeat(rows));
    assert_eq!(warehouse.post(&[], insert(500_000)).await.status(), StatusCode::OK);
    let (_, text) = warehouse.error(&[], insert(1_500_000)).await;
    assert!(text.contains("limits.body_bytes"), "{text}");
    let bomb = zstd::bulk::compress(insert(5_000_000).as_bytes(), 1).unwrap();
    let request = warehouse.client.post(&warehouse.url).header("content-encoding", "zstd").body(bomb);
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(text.contains("limits.decoded_bytes"), "{text}");
    let many = [("max_threads", "1"), ("max_block_size", "1"), ("priority", "1"), ("log_queries", "1")];
    assert!(warehouse.error(&many, "SELECT 1").await.1.contains("limits.parameters"));
    let stalled = Body::wrap_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    assert!(warehouse.error(&[], stalled).await.1.contains("limits.idle_seconds"));
    let same = [("query_id", "one")];
    let first = warehouse.post(&same, "SELECT sleep(2)");
    let second = async {
        warehouse.wait_for("SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleep%'", "1\n").await;
        warehouse.error(&same, "SELECT 1").await
    };
    let (_, (_, text)) = tokio::join!(first, second);
    assert!(text.contains("QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING"), "{text}");
}

#[tokio::test]
async fn the_log_of_a_statement_carries_the_callers_trace() {
    let Some(warehouse) = Warehouse::start().await else { return };
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = warehouse.client.post(&warehouse.url).body("SELECT * FROM nowhere");
    let response = request.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let log = warehouse.log();
    let line = log.lines().find(|line| line.contains("statement failed")).unwrap_or_else(|| panic!("{log}"));
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["trace_id"], trace, "{line}");
}
