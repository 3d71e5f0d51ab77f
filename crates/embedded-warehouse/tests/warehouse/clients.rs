//! The official Rust client, as the loader and the CLI use it.

use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};

use crate::support::Warehouse;

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Price {
    symbol: String,
    trades: i64,
    close: i64,
    note: Option<String>,
}

fn client(warehouse: &Warehouse) -> Client {
    Client::default().with_url(&warehouse.url)
}

async fn table(client: &Client) {
    let ddl = "CREATE TABLE prices (symbol String, trades Int64, close Int64, note Nullable(String)) \
               ENGINE = MergeTree ORDER BY symbol";
    client.query(ddl).execute().await.unwrap();
}

fn prices(count: i64) -> Vec<Price> {
    (0..count)
        .map(|n| Price {
            symbol: format!("S{n:06}"),
            trades: n,
            close: n * 10_000,
            note: (n % 3 == 0).then(|| format!("\n\n; '{n}'")),
        })
        .collect()
}

#[tokio::test]
async fn typed_rows_are_inserted_with_validation_and_selected_in_both_compressions() {
    let Some(warehouse) = Warehouse::start().await else { return };
    for compression in [Compression::None, Compression::Lz4] {
        let client = client(&warehouse).with_compression(compression);
        table(&client).await;
        let rows = prices(20_000);
        let mut insert = client.insert::<Price>("prices").await.unwrap();
        for row in &rows {
            insert.write(row).await.unwrap();
        }
        insert.end().await.unwrap();
        let back = client.query("SELECT ?fields FROM prices ORDER BY symbol").fetch_all::<Price>().await.unwrap();
        assert!(back == rows, "{compression:?}");
        client.query("DROP TABLE prices SYNC").execute().await.unwrap();
    }
}

#[tokio::test]
async fn parameters_are_bound_and_not_pasted() {
    let Some(warehouse) = Warehouse::start().await else { return };
    let client = client(&warehouse);
    table(&client).await;
    for attack in ["'; DROP TABLE prices; --", "\\", "\t\n", "a'b\"c`d", "日本"] {
        let query = client.query("SELECT {x:String} AS x, {n:Int64} AS n").param("x", attack).param("n", -5);
        let (text, number) = query.fetch_one::<(String, i64)>().await.unwrap();
        assert_eq!((text.as_str(), number), (attack, -5));
    }
    let bound =
        client.query("SELECT count() FROM prices WHERE symbol = ?").bind("x' OR 1 = 1").fetch_one::<u64>().await;
    assert_eq!(bound.unwrap(), 0);
}

#[tokio::test]
async fn formatted_data_is_inserted_as_it_is() {
    let Some(warehouse) = Warehouse::start().await else { return };
    for compression in [Compression::None, Compression::Lz4] {
        let client = client(&warehouse).with_compression(compression);
        table(&client).await;
        let rows = "SELECT toString(number) AS symbol, number::Int64 AS trades, 7::Int64 AS close, NULL::Nullable(String) AS note \
                    FROM numbers(100000)";
        for format in ["Parquet", "ArrowStream"] {
            let file = warehouse.post(&[], format!("{rows} FORMAT {format}")).await.bytes().await.unwrap();
            let statement = format!("INSERT INTO prices FORMAT {format}");
            let mut insert = client.insert_formatted_with(statement);
            for piece in file.chunks(100_000) {
                insert.send(piece.to_vec().into()).await.unwrap();
            }
            insert.end().await.unwrap();
        }
        let (count, sum) =
            client.query("SELECT count(), sum(trades) FROM prices").fetch_one::<(u64, i64)>().await.unwrap();
        assert_eq!((count, sum), (200_000, 9_999_900_000));
        client.query("DROP TABLE prices SYNC").execute().await.unwrap();
    }
}

#[tokio::test]
async fn the_client_sees_errors_before_and_in_mid_stream() {
    let Some(warehouse) = Warehouse::start().await else { return };
    let client = client(&warehouse);
    let error = client.query("SELECT * FROM nowhere").fetch_all::<u64>().await.unwrap_err().to_string();
    assert!(error.contains("Code: 60.") && error.contains("UNKNOWN_TABLE"), "{error}");
    let sql = "SELECT number + throwIf(number = 5000000) AS n FROM numbers(10000000)";
    let mut cursor = client.query(sql).fetch::<u64>().unwrap();
    let mut rows = 0_u64;
    let error = loop {
        match cursor.next().await {
            Ok(Some(_)) => rows += 1,
            Ok(None) => panic!("the answer looks complete after {rows} rows"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(rows > 0 && error.contains("FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"), "after {rows} rows: {error}");
    let mut insert = client.insert_formatted_with("INSERT INTO nowhere FORMAT CSV");
    let sent = insert.send("1\n".into()).await;
    let error = sent.and(insert.end().await).unwrap_err().to_string();
    assert!(error.contains("UNKNOWN_TABLE"), "{error}");
}

#[tokio::test]
async fn settings_and_the_database_of_the_client_apply() {
    let Some(warehouse) = Warehouse::start().await else { return };
    let client = client(&warehouse);
    client.query("CREATE DATABASE d").execute().await.unwrap();
    let client = client.with_database("d").with_setting("max_threads", "3");
    let sql = "SELECT currentDatabase(), toString(getSetting('max_threads'))";
    let got = client.query(sql).fetch_one::<(String, String)>().await.unwrap();
    assert_eq!(got, ("d".to_owned(), "3".to_owned()));
}
