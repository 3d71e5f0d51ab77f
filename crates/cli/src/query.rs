//! `champion query`: asks the warehouse and shows an aligned table, or passes any of ClickHouse's formats through.

use std::io::Write;

use anyhow::Context;
use serde::Deserialize;

use crate::render::{harmless, table};

/// An answer in the format JSONCompact: names and types, then rows.
#[derive(Debug, Deserialize)]
struct Compact {
    meta: Vec<Meta>,
    data: Vec<Vec<serde_json::Value>>,
}

#[derive(Debug, Deserialize)]
struct Meta {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Most rows that are drawn; the rest is counted.
const MOST_ROWS: usize = 1_000;

/// Runs a statement and writes its answer to standard output.
///
/// # Errors
/// Fails when the warehouse cannot be reached or refuses the statement.
pub(crate) async fn run(
    warehouse: &clickhouse::Client,
    sql: &str,
    format: Option<&str>,
    json: bool,
) -> anyhow::Result<()> {
    let chosen = format.unwrap_or(if json { "JSON" } else { "JSONCompact" });
    let client = warehouse
        .clone()
        .with_setting("output_format_json_quote_64bit_integers", "0")
        // Decimals as text keep every digit on their way to the screen.
        .with_setting("output_format_json_quote_decimals", if format.is_none() && !json { "1" } else { "0" })
        .with_setting("output_format_decimal_trailing_zeros", "1");
    let mut cursor = client.query_raw(sql).fetch_bytes(chosen)?;
    let mut out = std::io::stdout().lock();
    if format.is_some() || json {
        while let Some(bytes) = cursor.next().await? {
            out.write_all(&bytes)?;
        }
        return Ok(());
    }
    let bytes = cursor.collect().await?;
    if bytes.is_empty() {
        writeln!(out, "done")?;
        return Ok(());
    }
    let answer: Compact = serde_json::from_slice(&bytes).context("the warehouse answered in another format")?;
    writeln!(out, "{}", draw(&answer))?;
    Ok(())
}

fn draw(answer: &Compact) -> String {
    let headers: Vec<&str> = answer.meta.iter().map(|column| column.name.as_str()).collect();
    let numeric = |kind: &str| ["Int", "UInt", "Decimal", "Float"].iter().any(|number| kind.contains(number));
    let right: Vec<&str> =
        answer.meta.iter().filter(|column| numeric(&column.kind)).map(|column| column.name.as_str()).collect();
    let rows = answer.data.iter().take(MOST_ROWS).map(|row| row.iter().map(text).collect()).collect();
    let more = answer.data.len().saturating_sub(MOST_ROWS);
    let tail = if more == 0 { String::new() } else { format!(", {more} more not shown") };
    format!("{}\n{} rows{tail}", table(&headers, &right, rows), answer.data.len())
}

fn text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "–".to_owned(),
        serde_json::Value::String(text) => harmless(text),
        other => harmless(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_nulls_are_dashes_and_decimals_keep_their_digits() {
        let answer: Compact = serde_json::from_str(
            r#"{"meta":[{"name":"symbol","type":"String"},{"name":"close","type":"Decimal(18, 4)"},
                {"name":"qty","type":"Nullable(Int64)"}],"data":[["ABC","10.5000",null],["D","9.0000",1234]]}"#,
        )
        .expect("an answer");
        let text = draw(&answer);
        assert!(text.contains("10.5000") && text.contains(" 9.0000") && text.contains('–'), "{text}");
        assert!(text.ends_with("2 rows"));
    }
}
