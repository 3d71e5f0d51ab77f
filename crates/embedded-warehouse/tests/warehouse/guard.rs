//! What a statement may not reach, and that the walls stand where the engine's own grammar puts them.

use crate::support::Warehouse;

/// Statements that would leave the process, each by another way that the engine has.
const OUTWARD: [&str; 46] = [
    "SELECT file('/etc/hostname')",
    "SELECT `file`('/etc/hostname')",
    "SELECT `fi\\x6ce`('/etc/hostname')",
    "SELECT file/**/('/etc/hostname')",
    "SELECT file\u{a0}('/etc/hostname')",
    "SELECT arrayMap(file, ['/etc/hostname'])",
    "SELECT arrayMap(x -> file(x), ['/etc/hostname'])",
    "SELECT * APPLY(file) FROM (SELECT '/etc/hostname')",
    "SELECT * APPLY file FROM (SELECT '/etc/hostname')",
    "WITH file AS f SELECT arrayMap(f, ['/etc/hostname'])",
    "SELECT 'a' /* ' */ , file('/etc/hostname') -- '",
    "SELECT ‘'’, file('/etc/hostname'), ‘'’",
    "SELECT $a$ ' $a$, file('/etc/hostname'), $a$ ' $a$",
    "INSERT INTO t VALUES (file('/etc/hostname'))",
    "INSERT INTO t VALUES ('a'), (concat('file', `file`('/etc/hostname')))",
    "CREATE FUNCTION leak AS x -> file(x)",
    "CREATE VIEW leak AS SELECT file('/etc/hostname')",
    "SELECT * FROM file('/etc/hostname', LineAsString)",
    "SELECT * FROM `/etc/hostname`",
    "SELECT * FROM default.`/etc/hostname`",
    "SELECT 'x' IN (`/etc/hostname`)",
    "DESCRIBE `/etc/hostname`",
    "SELECT * FROM url('http://127.0.0.1:1/x', LineAsString)",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', LineAsString)",
    "SELECT * FROM remote('127.0.0.1:1', system.one)",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM executable('id', TSV, 'a String')",
    "SELECT * FROM sqlite('/tmp/x', 'y')",
    "SELECT * FROM filesystem('/etc')",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM merge(REGEXP('.*'), 'x') UNION ALL SELECT * FROM hdfs('hdfs://127.0.0.1:1/x')",
    "INSERT INTO FUNCTION file('leak.csv', CSV, 'a String') SELECT 'x'",
    "INSERT INTO FUNCTION url('http://127.0.0.1:1', CSV, 'a String') VALUES ('x')",
    "SELECT 1 INTO OUTFILE 'leak.csv'",
    "INSERT INTO t FROM INFILE '/etc/hostname' FORMAT LineAsString",
    "CREATE TABLE leak (a String) ENGINE = File(CSV, '/etc/hostname')",
    "CREATE TABLE leak (a String) ENGINE = URL('http://127.0.0.1:1', CSV)",
    "CREATE TABLE leak (a String) ENGINE = Executable('id', TSV)",
    "CREATE DATABASE leak ENGINE = Filesystem('/etc')",
    "CREATE DATABASE leak ENGINE = MySQL('127.0.0.1:1', 'a', 'b', 'c')",
    "CREATE TABLE leak (a String) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '/tmp/leak/')",
    "CREATE DICTIONARY leak (a UInt64, b String) PRIMARY KEY a SOURCE(EXECUTABLE(command 'id' format TSV)) LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE TABLE leak (a UInt8) ENGINE = EmbeddedRocksDB(0, '/tmp/leak') PRIMARY KEY a",
    "ATTACH TABLE leak FROM '/tmp/leak' (a String) ENGINE = MergeTree ORDER BY a",
    "BACKUP DATABASE default TO File('/tmp/leak')",
    "SYSTEM SHUTDOWN",
];

#[tokio::test]
async fn nothing_leaves_the_process() {
    let Some(warehouse) = Warehouse::start().await else { return };
    warehouse.query("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a").await;
    for sql in OUTWARD {
        let response = warehouse.post(&[], sql).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        assert_eq!((status, text.contains("ACCESS_DENIED")), (403, true), "{sql}: {text}");
    }
    for (setting, value) in [
        ("additional_result_filter", "a = file('/etc/hostname')"),
        ("additional_table_filters", "{'t':'1'}"),
        ("dialect", "kusto"),
        ("format_schema", "/etc/x:y"),
        ("format_template_row", "/etc/hostname"),
        ("format_avro_schema_registry_url", "http://127.0.0.1:1"),
        ("output_format_schema", "/tmp/leak"),
        ("input_format_record_errors_file_path", "/tmp/leak"),
        ("allow_experimental_eval_table_function", "1"),
    ] {
        let (_, text) = warehouse.error(&[(setting, value)], "SELECT 1").await;
        assert!(text.contains("SETTING_CONSTRAINT_VIOLATION"), "{setting}: {text}");
    }
    let by_name = "SELECT arrayMap({f:Identifier}, ['/etc/hostname'])";
    for (value, sql) in [("file", by_name), ("/etc/hostname", "SELECT * FROM {f:Identifier}")] {
        let (_, text) = warehouse.error(&[("param_f", value)], sql).await;
        assert!(text.contains("ACCESS_DENIED"), "{sql}: {text}");
    }
    assert_eq!(warehouse.query("SELECT count() FROM t").await, "0\n");
    assert_eq!(warehouse.query("SELECT count() FROM system.tables WHERE name = 'leak'").await, "0\n");
    assert!(warehouse.metric(r#"champion_warehouse_queries_total{kind="SELECT",status="refused"}"#).await >= 20.0);
}

/// What stays inside works: the guard and the rights are not so narrow that a warehouse could not be built with them.
#[tokio::test]
async fn what_stays_inside_works() {
    let Some(warehouse) = Warehouse::start().await else { return };
    for sql in [
        "CREATE DATABASE d",
        "CREATE TABLE d.t (d Date, s LowCardinality(String), p Decimal(18, 4) CODEC(ZSTD), v UInt64, x UInt8) \
         ENGINE = ReplacingMergeTree(v, x) PARTITION BY toYYYYMM(d) ORDER BY (s, d)",
        "CREATE TABLE d.staging AS d.t",
        "INSERT INTO d.staging VALUES ('2024-07-08', 'A', 135.5226, 1, 0), ('2024-07-08', 'B', 1.5, 1, 0)",
        "ALTER TABLE d.t REPLACE PARTITION 202407 FROM d.staging",
        "ALTER TABLE d.t ATTACH PARTITION 202407 FROM d.staging",
        "CREATE VIEW d.t_current AS SELECT * FROM d.t FINAL WHERE x = 0",
        "CREATE MATERIALIZED VIEW d.m ENGINE = SummingMergeTree ORDER BY s AS SELECT s, count() AS n FROM d.t GROUP BY s",
        "EXCHANGE TABLES d.t AND d.staging",
        "ALTER TABLE d.t ADD COLUMN y String DEFAULT 'a', UPDATE y = 'b' WHERE s = 'A' SETTINGS mutations_sync = 2",
        "DELETE FROM d.t WHERE s = 'B'",
        "OPTIMIZE TABLE d.t FINAL",
        "RENAME TABLE d.staging TO d.old",
        "TRUNCATE TABLE d.old",
        "DROP TABLE d.old SYNC",
        "CREATE FUNCTION twice AS x -> x * 2",
        "SYSTEM FLUSH LOGS",
        "EXPLAIN SELECT * FROM d.t",
        "CHECK TABLE d.t",
        "SHOW CREATE TABLE d.t",
        "CREATE TABLE d.names (`Events.Timestamp` Array(DateTime64(9)), url String, remote UInt8) ENGINE = MergeTree ORDER BY url",
    ] {
        warehouse.query(sql).await;
    }
    assert_eq!(warehouse.query("SELECT s, p FROM d.t_current").await, "A\t135.5226\n");
    assert_eq!(warehouse.query("SELECT twice(url = '') FROM (SELECT '' AS url)").await, "2\n");
    assert_eq!(
        warehouse
            .query("SELECT count() FROM numbers(3) AS a, values('a Int8', 1, 2) AS b, generateSeries(1, 2) AS c")
            .await,
        "12\n"
    );
}

/// The borders of tokens are the engine's: where this process sees a comment or a quote, so does the engine.
#[tokio::test]
async fn tokens_end_where_the_engine_ends_them() {
    let Some(warehouse) = Warehouse::start().await else { return };
    for (sql, answer) in [
        ("SELECT 1 /* /* */ , 2 */", "1\n"),
        ("SELECT 1 // , 2", "1\n"),
        ("SELECT 1 # , 2", "1\n"),
        ("SELECT 1 #! , 2", "1\n"),
        ("SELECT 1 -- , 2", "1\n"),
        ("SELECT ‘a''’", "a\\'\\'\n"),
        ("SELECT $x$ ' $x$", " \\' \n"),
        ("SELECT 'a\\'b', 'c''d'", "a\\'b\tc\\'d\n"),
        ("SELECT `a``b`, \"c\\\"d\" FROM (SELECT 1 AS `a\\`b`, 2 AS `c\"d`)", "1\t2\n"),
        ("SELECT\u{a0}1\u{3000}", "1\n"),
    ] {
        assert_eq!(warehouse.query(sql).await, answer, "{sql}");
    }
    for sql in ["SELECT 1 /* /* */", "SELECT 'a", "SELECT 1 #x"] {
        assert_eq!(warehouse.error(&[], sql).await.0, 400, "{sql}");
    }
}

#[tokio::test]
async fn external_access_opens_the_walls() {
    let Some(warehouse) = Warehouse::with(&[("ACCESS__EXTERNAL", "true")]).await else { return };
    let path = warehouse.data.join("rows.csv");
    std::fs::write(&path, "1\n2\n").unwrap();
    let sql = format!("SELECT sum(c1) FROM file('{}', CSV)", path.display());
    assert_eq!(warehouse.query(&sql).await, "3\n");
}
