//! `champion compact`: one file a month.

use champion_proto::writer::v1::{CompactFinding, CompactRequest, CompactResponse, CompactedMonth};
use serde_json::json;

use crate::args::{CompactArguments, Place};
use crate::exit::Exit;
use crate::render::{count, harmless, say, say_json, short_key, size, table};

/// Compacts the months of a range. A month that cannot be compacted is named and ends with its own code.
///
/// # Errors
/// Fails when the writer cannot be reached.
pub(crate) async fn run(place: &Place, options: CompactArguments) -> anyhow::Result<Exit> {
    let CompactArguments { table: of, exchange, from, to, writer } = options;
    let request = CompactRequest {
        run_id: String::new(),
        table: of.to_string(),
        exchange: exchange.to_string(),
        from_month: from.clone(),
        to_month: to.unwrap_or(from),
    };
    let CompactResponse { months, findings } = place.writer(writer)?.compact(request).await?.into_inner();
    let end = if findings.is_empty() { Exit::Done } else { Exit::Incomplete };
    if place.json {
        let months = months.iter().map(as_json).collect::<Vec<_>>();
        let finding = |CompactFinding { month, key, detail }: &CompactFinding| json!({"month": month, "key": key, "detail": detail});
        let findings = findings.iter().map(finding).collect::<Vec<_>>();
        say_json(json!({"table": of.as_str(), "months": months, "findings": findings}));
        return Ok(end);
    }
    let headers = ["month", "sessions", "rows", "bytes", "state", "key"];
    say(table(&headers, &headers[1..4], months.iter().map(row).collect()));
    if !findings.is_empty() {
        let row = |CompactFinding { month, key, detail }: &CompactFinding| {
            vec![harmless(month), short_key(key), harmless(detail)]
        };
        say(table(&["month not compacted", "key", "why"], &[], findings.iter().map(row).collect()));
        say(format!("{} in the way; champion verify --repair", count(findings.len() as u64)));
    }
    Ok(end)
}

fn as_json(done: &CompactedMonth) -> serde_json::Value {
    let artifact = done.artifact.clone().unwrap_or_default();
    json!({
        "month": done.month, "sessions": done.sessions, "unchanged": done.unchanged, "key": artifact.key,
        "sha256": artifact.sha256, "bytes": artifact.bytes, "rows": artifact.rows,
    })
}

fn row(done: &CompactedMonth) -> Vec<String> {
    let artifact = done.artifact.clone().unwrap_or_default();
    let state = if done.unchanged { "unchanged" } else { "compacted" };
    vec![
        done.month.clone(),
        count(u64::from(done.sessions)),
        count(artifact.rows),
        size(artifact.bytes),
        state.to_owned(),
        short_key(&artifact.key),
    ]
}
