//! Files that the scraper set aside whole: it reads them out of the lake whenever it is asked.

use champion_market_data::Dataset;
use champion_proto::scraper::v1::{ListSetAsideRequest, SetAsideFile};
use serde_json::{Value, json};

use super::{RefusedFile, SHORT_HASH};
use crate::args::Place;

/// Asks the scraper for the files it set aside, newest session first.
///
/// # Errors
/// Fails when the scraper cannot be reached.
pub(super) async fn ask(
    place: &Place,
    dataset: Option<Dataset>,
    sha256_prefix: &str,
    limit: u32,
) -> anyhow::Result<Vec<SetAsideFile>> {
    let request = ListSetAsideRequest {
        dataset: dataset.map(|dataset| dataset.to_string()).unwrap_or_default(),
        sha256_prefix: sha256_prefix.to_owned(),
        limit,
    };
    Ok(place.set_aside()?.list_set_aside(request).await?.into_inner().files)
}

/// Returns a file as the list has it.
pub(super) fn listed(file: SetAsideFile) -> RefusedFile {
    let published = if file.superseded { "another file" } else { "nothing" };
    RefusedFile {
        dataset: file.dataset.clone(),
        exchange: file.exchange.clone(),
        trade_date: file.trade_date.clone(),
        source_sha256: file.sha256.clone(),
        rows: 0,
        published: published.to_owned(),
        codes: vec![file.class.clone()],
        reason: why(&file),
        lake_key: file.key.clone(),
        set_aside: Some(file),
    }
}

/// The reason, and what is wrong with the record of it.
fn why(file: &SetAsideFile) -> String {
    if file.problem.is_empty() { file.reason.clone() } else { format!("{}; {}", file.problem, file.reason) }
}

/// Returns the lines that tell a person about one file.
pub(super) fn lines(file: &SetAsideFile) -> Vec<String> {
    let SetAsideFile { class, url, observed_at, bytes, rows, .. } = file;
    let mut lines = vec![format!("the whole file is set aside ({class}): {}", why(file))];
    if !url.is_empty() {
        lines.push(format!("it came from {url} at {observed_at}: {bytes} bytes, {rows} rows"));
    }
    if file.superseded {
        lines.push("another file of the session came since and is published".to_owned());
    }
    let short = file.sha256.get(..SHORT_HASH).unwrap_or(&file.sha256);
    lines.push(format!("ask the exchange again: champion quarantine replay {short}"));
    lines
}

/// Returns a file as `--json` has it.
pub(super) fn as_json(file: &SetAsideFile) -> Value {
    json!({
        "class": file.class, "reason": file.reason, "problem": file.problem, "url": file.url,
        "observed_at": file.observed_at, "bytes": file.bytes, "rows": file.rows, "superseded": file.superseded,
    })
}
