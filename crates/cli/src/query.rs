//! `champion query`: asks the warehouse and shows an aligned table, or passes any of ClickHouse's formats through.

use std::io::{Read, Write};

use anyhow::Context;
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::export::{self, Sheet};
use crate::render::{say, table};

/// In which form the answer is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// An aligned table.
    Table,
    /// CSV for spreadsheets: with names, nulls empty, no cell a formula.
    Csv,
    /// A format of ClickHouse. Those that spreadsheets open have no cell that is a formula either.
    Format(String),
}

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
/// Pieces of an answer that may wait to be written.
const PIECES_AHEAD: usize = 4;

/// Runs a statement and writes its answer to standard output.
///
/// # Errors
/// Fails when the warehouse cannot be reached or refuses the statement.
pub(crate) async fn run(warehouse: &clickhouse::Client, sql: &str, form: Form) -> anyhow::Result<()> {
    let chosen = match &form {
        Form::Table => "JSONCompact",
        Form::Csv => "CSVWithNames",
        Form::Format(format) => format,
    };
    let mut client = warehouse
        .clone()
        .with_setting("output_format_json_quote_64bit_integers", "0")
        // Decimals as text keep every digit on their way to the screen.
        .with_setting("output_format_json_quote_decimals", if form == Form::Table { "1" } else { "0" })
        .with_setting("output_format_decimal_trailing_zeros", "1")
        // What colours the warehouse would add cannot be told from those that a row adds.
        .with_setting("output_format_pretty_color", "0");
    if form == Form::Csv {
        client = client.with_setting("format_csv_null_representation", "");
    }
    let mut cursor = client.query_raw(sql).fetch_bytes(chosen)?;
    if form != Form::Table {
        let (pieces, waiting) = mpsc::channel(PIECES_AHEAD);
        let sheet = Sheet::of(chosen);
        let writing = tokio::task::spawn_blocking(move || write(Pieces::new(waiting), sheet));
        while let Some(bytes) = cursor.next().await? {
            if pieces.send(bytes).await.is_err() {
                break; // nobody writes any more, and why is what the writing says
            }
        }
        drop(pieces);
        return writing.await?;
    }
    let bytes = cursor.collect().await?;
    if bytes.is_empty() {
        say("done");
        return Ok(());
    }
    let answer: Compact = serde_json::from_slice(&bytes).context("the warehouse answered in another format")?;
    say(draw(&answer));
    Ok(())
}

fn write(mut pieces: Pieces, sheet: Option<Sheet>) -> anyhow::Result<()> {
    let mut out = export::output();
    match sheet {
        Some(sheet) => sheet.copy(pieces, out),
        None => {
            std::io::copy(&mut pieces, &mut out)?;
            Ok(out.flush()?)
        }
    }
}

/// An answer as it comes, read by a thread of its own.
struct Pieces {
    waiting: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

impl Pieces {
    const fn new(waiting: mpsc::Receiver<Bytes>) -> Self {
        Self { waiting, rest: Bytes::new() }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            match self.waiting.blocking_recv() {
                Some(piece) => self.rest = piece,
                None => return Ok(0),
            }
        }
        let length = self.rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
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
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
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
