//! The staged zone: artifacts against the parser's reports. What is damaged is made again by the next parse.

use champion_market_data::{ArtifactRef, Dataset, Exchange, TradeDate};
use serde::Deserialize;

use super::keys;
use super::{Finding, Pass, Problem, Repair, Zone};
use crate::WriteError;

/// The part of a parser's report that names what was written.
#[derive(Debug, Deserialize)]
struct Report {
    dataset: Dataset,
    exchange: Exchange,
    trade_date: TradeDate,
    staged: Vec<Named>,
    quarantine: Option<ArtifactRef>,
}

#[derive(Debug, Deserialize)]
struct Named {
    artifact: ArtifactRef,
}

pub(super) async fn verify(pass: &mut Pass<'_>) -> Result<(), WriteError> {
    let listed = pass.lake().list(Zone::Staged.as_str()).await?;
    let in_range = |key: &String| keys::staged_date(key).is_some_and(|date| pass.sweep.covers(date));
    let reports: Vec<String> = listed.into_iter().filter(|key| key.ends_with(".json")).filter(in_range).collect();
    let total = reports.len() as u64;
    for (key, done) in reports.iter().zip(1..) {
        let outcome = report(pass, key).await;
        pass.go_on(outcome, Zone::Staged, key, None).await?;
        pass.progress(Zone::Staged, done, total).await?;
    }
    Ok(())
}

async fn report(pass: &mut Pass<'_>, key: &str) -> Result<(), WriteError> {
    let Some(json) = pass.read(key).await? else { return Ok(()) };
    let Ok(report) = serde_json::from_slice::<Report>(&json.bytes) else {
        let moved_to = if pass.sweep.repair { pass.lake().set_aside(key).await? } else { None };
        let detail = "no report can be read from it".to_owned();
        return pass.found(finding(pass, Problem::UnreadableManifest, key, detail, moved_to, None)).await;
    };
    let session = Some((report.dataset, report.exchange, report.trade_date));
    let named: Vec<ArtifactRef> =
        report.staged.into_iter().map(|staged| staged.artifact).chain(report.quarantine).collect();
    for artifact in named {
        // One that was collected is not missing.
        let Some(read) = pass.read(&artifact.key).await? else { continue };
        if read.sha256 != artifact.sha256 {
            let moved_to = if pass.sweep.repair { pass.lake().set_aside(&artifact.key).await? } else { None };
            let problem = Problem::of_length(read.bytes.len() as u64, Some(artifact.bytes));
            let detail = format!("{} bytes with sha256 {}", read.bytes.len(), read.sha256);
            pass.found(finding(pass, problem, &artifact.key, detail, moved_to, session)).await?;
        }
    }
    Ok(())
}

fn finding(
    pass: &Pass<'_>,
    problem: Problem,
    key: &str,
    detail: String,
    moved_to: Option<String>,
    session: Option<(Dataset, Exchange, TradeDate)>,
) -> Finding {
    let repair = if pass.sweep.repair { Repair::NeedsReplay } else { Repair::None };
    Finding { zone: Zone::Staged, problem, key: key.to_owned(), detail, repair, moved_to, session, remains: true }
}
