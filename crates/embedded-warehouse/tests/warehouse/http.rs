//! ClickHouse's HTTP interface as `curl` and hand-written clients use it.

use std::io::Write;

use reqwest::StatusCode;

use crate::support::Warehouse;

fn header<'r>(response: &'r reqwest::Response, name: &str) -> &'r str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

#[tokio::test]
async fn a_statement_may_stand_in_the_url_in_the_body_or_in_both() {
    let Some(warehouse) = Warehouse::start().await else { return };
    let get = |path: &str| warehouse.client.get(format!("{}{path}", warehouse.url)).send();
    assert_eq!(get("/ping").await.unwrap().text().await.unwrap(), "Ok.\n");
    assert_eq!(get("/").await.unwrap().text().await.unwrap(), "Ok.\n");
    assert_eq!(get("/?query=SELECT%201").await.unwrap().text().await.unwrap(), "1\n");
    assert_eq!(get("/nothing").await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(warehouse.query("SELECT 2").await, "2\n");
    let both = warehouse.post(&[("query", "SELECT 1,")], "3 FORMAT CSV").await;
    assert_eq!(both.text().await.unwrap(), "1,3\n");
}

#[tokio::test]
async fn answers_carry_the_headers_of_clickhouse() {
    let Some(warehouse) = Warehouse::start().await else { return };
    let response = warehouse.post(&[("query_id", "my-id"), ("default_format", "JSONEachRow")], "SELECT 1 AS x").await;
    assert_eq!(header(&response, "x-clickhouse-query-id"), "my-id");
    assert_eq!(header(&response, "x-clickhouse-format"), "JSONEachRow");
    assert_eq!(header(&response, "content-type"), "application/x-ndjson; charset=UTF-8");
    assert_eq!(header(&response, "x-clickhouse-exception-tag").len(), 16);
    assert!(!header(&response, "x-clickhouse-timezone").is_empty());
    let summary: serde_json::Value = serde_json::from_str(header(&response, "x-clickhouse-summary")).unwrap();
    assert_eq!(summary["result_rows"], "1");
    assert_eq!(response.text().await.unwrap(), "{\"x\":1}\n");
    let named = warehouse.post(&[("default_format", "CSV")], "SELECT 1 FORMAT Parquet").await;
    assert_eq!(header(&named, "x-clickhouse-format"), "Parquet");
    assert!(named.bytes().await.unwrap().starts_with(b"PAR1"));
}

#[tokio::test]
async fn errors_have_the_status_and_the_text_of_clickhouse() {
    let Some(warehouse) = Warehouse::start().await else { return };
    for (parameters, sql, status, code) in [
        (vec![], "SELEC 1", 400, 62),
        (vec![], "SELECT * FROM nowhere", 404, 60),
        (vec![], "INSERT INTO nowhere FORMAT CSV\n1", 404, 60),
        (vec![], "SELECT nothing", 404, 47),
        (vec![], "SELECT 1 FORMAT Nothing", 404, 73),
        (vec![("max_threadz", "1")], "SELECT 1", 404, 115),
        (vec![("max_threads", "many")], "SELECT 1", 400, 27),
        (vec![("max_threads' , readonly = '1", "1")], "SELECT 1", 404, 115),
        (vec![("database", "no`where")], "SELECT 1", 404, 81),
        (vec![], "SELECT throwIf(1)", 500, 395),
        (vec![], "SELECT 1; SELECT 2", 400, 62),
        (vec![], "", 400, 62),
        (vec![], "SELECT {x:Int8}", 500, 456),
        (vec![("session_timeout", "x"), ("session_id", "s")], "SELECT 1", 500, 374),
        (vec![("session_check", "1"), ("session_id", "s")], "SELECT 1", 500, 372),
        (vec![("role", "admin")], "SELECT 1", 404, 511),
    ] {
        let (got, text) = warehouse.error(&parameters, sql).await;
        assert_eq!((got, text.starts_with(&format!("Code: {code}. "))), (status, true), "{sql}: {text}");
        assert!(text.ends_with(")\n") && text.matches("(version ").count() == 1, "{text}");
    }
    // None of them has left a connection unusable.
    assert_eq!(warehouse.query("SELECT getSetting('max_threads') > 0").await, "1\n");
}

#[tokio::test]
async fn get_only_reads() {
    let Some(warehouse) = Warehouse::start().await else { return };
    warehouse.query("CREATE TABLE t (a Int8) ENGINE = Memory").await;
    for sql in
        ["DROP TABLE t", "INSERT INTO t SELECT 1", "INSERT INTO t VALUES (1)", "WITH 1 AS x INSERT INTO t SELECT x"]
    {
        for session in ["", "s"] {
            let url = &warehouse.url;
            let request = warehouse.client.get(url).query(&[("query", sql), ("session_id", session)]);
            let text = request.send().await.unwrap().text().await.unwrap();
            assert!(text.contains("READONLY") || text.contains("SYNTAX_ERROR"), "{sql}: {text}");
        }
    }
    assert_eq!(warehouse.query("SELECT count() FROM t").await, "0\n");
}

#[tokio::test]
async fn parameters_are_values_and_never_text() {
    let Some(warehouse) = Warehouse::start().await else { return };
    warehouse.query("CREATE TABLE t (a String) ENGINE = Memory").await;
    for attack in ["'; DROP TABLE t; --", "x' OR '1'='1", "\\'", "/*", "$$", "‘", "a`b", "{x:String}", "日本"] {
        let escaped = attack.replace('\\', "\\\\");
        let response =
            warehouse.post(&[("param_x", escaped.as_str())], "SELECT {x:String} FORMAT TabSeparatedRaw").await;
        assert_eq!(response.text().await.unwrap(), format!("{attack}\n"));
        let identifier = warehouse.post(&[("param_x", escaped.as_str())], "SELECT * FROM {x:Identifier}").await;
        assert!(identifier.status().as_u16() >= 400);
    }
    let (status, text) = warehouse.error(&[("param_x", "1; SELECT 2")], "SELECT {x:Int32}").await;
    assert!(status == 400 || status == 500, "{text}");
    assert_eq!(warehouse.query("SELECT count() FROM t").await, "0\n");
}

#[tokio::test]
async fn data_of_an_insert_survives_byte_for_byte() {
    let Some(warehouse) = Warehouse::start().await else { return };
    warehouse.query("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY tuple()").await;
    let value = b"\n\n;\n\nSELECT 1;\n\nINSERT INTO t VALUES ('x')\n\n\0\xff\\'\"`$$\r\n\r\n".as_slice();
    let mut row = vec![u8::try_from(value.len()).unwrap()];
    row.extend_from_slice(value);
    // In the body after the statement, and with the statement in the URL.
    let glued = [b"INSERT INTO t FORMAT RowBinary\n".as_slice(), &row].concat();
    assert_eq!(warehouse.post(&[], glued).await.status(), StatusCode::OK);
    let response = warehouse.post(&[("query", "INSERT INTO t FORMAT RowBinary")], row.clone()).await;
    let summary: serde_json::Value = serde_json::from_str(header(&response, "x-clickhouse-summary")).unwrap();
    assert_eq!(summary["written_rows"], "1");
    let answer = warehouse.post(&[], "SELECT a FROM t FORMAT RowBinary").await.bytes().await.unwrap();
    assert!(answer == [row.clone(), row].concat());
    assert!((warehouse.metric("champion_warehouse_written_rows_total").await - 2.0).abs() < 0.1);
}

#[tokio::test]
async fn values_may_be_expressions_over_any_number_of_pieces() {
    let Some(warehouse) = Warehouse::start().await else { return };
    warehouse.query("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a").await;
    let rows: Vec<String> = (0..200_000).map(|n| format!("({n} + 0, 'row ''{n}'' (file)')")).collect();
    let sql = format!("INSERT INTO t (a, b) VALUES {}", rows.join(", "));
    assert!(sql.len() > 3 * 1024 * 1024);
    warehouse.query(&sql).await;
    assert_eq!(
        warehouse.query("SELECT count(), uniqExact(a), max(b LIKE '%(file)') FROM t").await,
        "200000\t200000\t1\n"
    );
}

#[tokio::test]
async fn every_coding_of_bodies_and_answers_works() {
    let Some(warehouse) = Warehouse::start().await else { return };
    warehouse.query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").await;
    let csv: String = (0..50_000).map(|n| format!("{n}\n")).collect();
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(csv.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let lz4 = {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(csv.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::bulk::compress(csv.as_bytes(), 1).unwrap();
    for (encoding, body) in [("gzip", gzip), ("lz4", lz4), ("zstd", zstd)] {
        let request = warehouse.client.post(&warehouse.url).query(&[("query", "INSERT INTO t FORMAT CSV")]);
        let response = request.header("content-encoding", encoding).body(body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{encoding}: {}", response.text().await.unwrap());
    }
    assert_eq!(warehouse.query("SELECT count(), sum(a) FROM t").await, "150000\t3749925000\n");
    // ClickHouse's own blocks: what one answer gives, another request takes.
    let blocks = warehouse.post(&[("compress", "1")], "SELECT a FROM t FORMAT Native").await.bytes().await.unwrap();
    let plain = warehouse.post(&[], "SELECT a FROM t FORMAT Native").await.bytes().await.unwrap();
    assert!(blocks.len() < plain.len());
    let decompress = [("decompress", "1"), ("query", "INSERT INTO t FORMAT Native")];
    assert_eq!(warehouse.post(&decompress, blocks.clone()).await.status(), StatusCode::OK);
    assert_eq!(warehouse.query("SELECT count() FROM t").await, "300000\n");
    let mut broken = blocks.to_vec();
    broken[40] ^= 1;
    let (_, text) = warehouse.error(&decompress, broken).await;
    assert!(text.contains("CHECKSUM_DOESNT_MATCH"), "{text}");
    // Content encodings of answers, when asked for.
    let request = warehouse.client.post(&warehouse.url).query(&[("enable_http_compression", "1")]);
    let answer =
        request.header("accept-encoding", "zstd").body("SELECT a FROM t ORDER BY a FORMAT CSV").send().await.unwrap();
    assert_eq!(header(&answer, "content-encoding"), "zstd");
    let text = zstd::stream::decode_all(answer.bytes().await.unwrap().as_ref()).unwrap();
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 300_000);
}

#[tokio::test]
async fn a_large_answer_is_streamed_with_one_header() {
    let Some(warehouse) = Warehouse::start().await else { return };
    let rows = 1_000_000;
    let sql = format!("SELECT number AS n, toString(number) AS s FROM numbers({rows})");
    let text = warehouse.query(&format!("{sql} FORMAT TabSeparatedWithNamesAndTypes")).await;
    assert_eq!(text.lines().count(), rows + 2);
    assert!(text.starts_with("n\ts\nUInt64\tString\n0\t0\n") && text.matches("UInt64").count() == 1);
    let binary = warehouse.post(&[], format!("{sql} FORMAT RowBinaryWithNamesAndTypes")).await;
    assert_eq!(header(&binary, "transfer-encoding"), "chunked");
    let binary = binary.bytes().await.unwrap();
    assert_eq!(memchr::memmem::find_iter(&binary, b"UInt64").count(), 1);
    let whole = warehouse.post(&[("wait_end_of_query", "1")], format!("{sql} FORMAT RowBinaryWithNamesAndTypes")).await;
    let summary: serde_json::Value = serde_json::from_str(header(&whole, "x-clickhouse-summary")).unwrap();
    assert_eq!(summary["read_rows"], rows.to_string());
    assert!(whole.bytes().await.unwrap() == binary);
}

#[tokio::test]
async fn an_error_in_mid_stream_ends_the_answer_with_its_tagged_text() {
    let Some(warehouse) = Warehouse::start().await else { return };
    let mut response =
        warehouse.post(&[], "SELECT number, throwIf(number = 5000000) FROM numbers(10000000) FORMAT TSV").await;
    assert_eq!(response.status(), StatusCode::OK);
    let tag = header(&response, "x-clickhouse-exception-tag").to_owned();
    let mut tail = Vec::new();
    let cut = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                tail.extend_from_slice(&chunk);
                let keep = tail.len().saturating_sub(4096);
                tail.drain(..keep);
            }
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    let tail = String::from_utf8(tail).unwrap();
    assert!(cut, "the answer looks complete");
    assert!(tail.ends_with(&format!(" {tag}\r\n__exception__\r\n")), "{tail}");
    assert!(tail.contains(&format!("\r\n__exception__\r\n{tag}\r\nCode: 395. DB::Exception: ")), "{tail}");
}

#[tokio::test]
async fn a_session_keeps_settings_and_temporary_tables_for_itself() {
    let Some(warehouse) = Warehouse::start().await else { return };
    let run = async |session: &str, more: &[(&str, &str)], sql: &str| {
        let parameters: Vec<_> = [("session_id", session)].into_iter().chain(more.iter().copied()).collect();
        warehouse.post(&parameters, sql.to_owned()).await.text().await.unwrap()
    };
    assert_eq!(run("a", &[], "CREATE TEMPORARY TABLE t (x Int8)").await, "");
    assert_eq!(run("a", &[], "INSERT INTO t VALUES (7)").await, "");
    assert_eq!(run("a", &[], "SELECT * FROM t").await, "7\n");
    assert!(run("b", &[], "SELECT * FROM t").await.contains("UNKNOWN_TABLE"));
    assert_eq!(run("a", &[], "SET max_threads = 3").await, "");
    let threads = "SELECT getSetting('max_threads')::String";
    assert_eq!(run("a", &[("max_threads", "2")], threads).await, "2\n");
    assert_eq!(run("a", &[], threads).await, "3\n");
    assert_eq!(run("a", &[("database", "system")], "SELECT currentDatabase()").await, "system\n");
    assert_eq!(run("a", &[], "SELECT currentDatabase()").await, "default\n");
    // One request at a time.
    let slow = run("a", &[], "SELECT sleep(3) FORMAT Null");
    let busy = async {
        warehouse.wait_for("SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleep%'", "1\n").await;
        run("a", &[], "SELECT 1").await
    };
    let (_, busy) = tokio::join!(slow, busy);
    assert!(busy.contains("SESSION_IS_LOCKED"), "{busy}");
    run("a", &[("close_session", "1")], "SELECT 1").await;
    assert!(run("a", &[("session_check", "1")], "SELECT 1").await.contains("SESSION_NOT_FOUND"));
    run("c", &[("session_timeout", "0")], "SELECT 1").await;
    assert!(run("c", &[("session_check", "1")], "SELECT 1").await.contains("SESSION_NOT_FOUND"));
}
