//! `champion status` and `champion runs`.

use champion_market_data::{Dataset, ist_now};
use champion_proto::artifact::v1::RowCounts;
use champion_proto::orchestrator::v1::orchestrator_service_client::OrchestratorServiceClient;
use champion_proto::orchestrator::v1::{
    CancelRequest, DatasetStatus, GetRunRequest, GetRunResponse, GetStatusRequest, ListRunsRequest, OrchestratorRole,
    RunSummary,
};
use champion_proto::scraper::v1::SourceState;
use champion_service::channel::ServiceChannel;
use serde_json::{Value, json};

use crate::args::Place;
use crate::export::print_csv;
use crate::render::{Cell, count, harmless, plain, say, say_json, shown, table};
use crate::{sources, wire_json};

const DATASET_COLUMNS: [&str; 10] = [
    "dataset",
    "newest session",
    "present",
    "missing",
    "failed",
    "rows in",
    "published",
    "quarantined",
    "filtered",
    "running",
];

const RUN_COLUMNS: [&str; 11] =
    ["run", "dataset", "from", "to", "status", "present", "closed", "missing", "failed", "started", "error"];

/// Shows what is in for each dataset.
///
/// # Errors
/// Fails when the orchestrator cannot be reached.
pub(crate) async fn status(place: &Place, csv: bool) -> anyhow::Result<()> {
    let status = place.orchestrator()?.get_status(GetStatusRequest {}).await?.into_inner();
    if csv {
        return print_csv(&DATASET_COLUMNS, plain(status.datasets.iter().map(status_row)));
    }
    // A scraper that cannot be reached is worth a line, not a failure: the days that are in stay in.
    let sources = sources::ask(place, None).await;
    if place.json {
        let mut json = wire_json::status(&status);
        json["sources"] = sources.map_or(Value::Null, |found| found.iter().map(sources::to_json).collect());
        say_json(&json);
        return Ok(());
    }
    say(format!("today in IST: {} ({})", status.today, status.today_kind));
    let rows = shown(status.datasets.iter().map(status_row));
    say(table(&DATASET_COLUMNS, &DATASET_COLUMNS[2..], rows));
    for dataset in status.datasets.iter().filter(|dataset| !dataset.last_problem.is_empty()) {
        say(format!("{}: {}", dataset.dataset, harmless(&dataset.last_problem)));
    }
    for dataset in status.datasets.iter().filter(|dataset| !dataset.pending.is_empty()) {
        say(pending_line(dataset));
    }

    if let Some(role) = &status.orchestrator {
        say(role_line(role));
    }
    for finding in &status.findings {
        say(format!("cannot be read: {}: {}", harmless(&finding.key), harmless(&finding.reason)));
    }
    for line in troubles(sources) {
        say(&line);
    }
    Ok(())
}

/// Says what the orchestrator that was asked is to the others on its lake.
fn role_line(role: &OrchestratorRole) -> String {
    let address = harmless(&role.active_address);
    match (role.role.as_str(), role.epoch) {
        ("active", epoch) => format!("orchestrator: active (epoch {epoch})"),
        (_, 0) => format!("orchestrator: stands by, and nobody is active: {}", harmless(&role.reason)),
        (_, epoch) => format!("orchestrator: stands by, the active one is at {address} (epoch {epoch})"),
    }
}

/// Sessions of a dataset that are named in one line.
const PENDING_NAMED: usize = 5;

/// Says which files are waited for and until when, oldest first.
fn pending_line(dataset: &DatasetStatus) -> String {
    let until = |text: &str| match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(at) => ist_now(at.to_utc()).format("%d %b %H:%M IST").to_string(),
        Err(_) => harmless(text),
    };
    let named = dataset.pending.iter().take(PENDING_NAMED);
    let named: Vec<String> =
        named.map(|day| format!("{} (a gap from {})", day.trade_date, until(&day.give_up_at))).collect();
    let more = dataset.pending.len().saturating_sub(PENDING_NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}: pending {}{more}", dataset.dataset, named.join(", "))
}

/// Says what is wrong with the hosts that are asked; nothing while all is well.
fn troubles(sources: anyhow::Result<Vec<SourceState>>) -> Vec<String> {
    let lines: Vec<String> = match sources {
        Ok(sources) => sources.iter().flat_map(sources::explained).collect(),
        Err(error) => vec![format!("the scraper does not answer: {}", harmless(&format!("{error:#}")))],
    };
    if lines.is_empty() { lines } else { std::iter::once("sources:".to_owned()).chain(lines).collect() }
}

fn status_row(status: &DatasetStatus) -> Vec<Cell> {
    let RowCounts { rows_in, published, quarantined, filtered } = status.counts.unwrap_or_default();
    let newest = if status.last_trade_date.is_empty() { "–" } else { &status.last_trade_date };
    let mut row = vec![Cell::from(status.dataset.as_str()), newest.into()];
    let sessions = [status.sessions_present, status.sessions_missing, status.sessions_failed].map(u64::from);
    row.extend(sessions.into_iter().chain([rows_in, published, quarantined, filtered]).map(Cell::from));
    row.push(u64::from(status.runs_in_progress).into());
    row
}

/// Shows the newest runs.
///
/// # Errors
/// Fails when the orchestrator cannot be reached.
pub(crate) async fn runs(place: &Place, dataset: Option<Dataset>, limit: u32, csv: bool) -> anyhow::Result<()> {
    let request = ListRunsRequest { dataset: dataset.map(|name| name.to_string()).unwrap_or_default(), limit };
    let runs = place.orchestrator()?.list_runs(request).await?.into_inner().runs;
    if csv {
        return print_csv(&RUN_COLUMNS, plain(runs.iter().map(run_row)));
    }
    if place.json {
        say_json(json!({"runs": runs.iter().map(wire_json::run).collect::<Vec<_>>()}));
        return Ok(());
    }
    say(table(&RUN_COLUMNS, &RUN_COLUMNS[5..9], shown(runs.iter().map(run_row))));
    Ok(())
}

fn run_row(run: &RunSummary) -> Vec<Cell> {
    let totals = run.totals.unwrap_or_default();
    let texts = [&run.run_id, &run.dataset, &run.from_date, &run.to_date, &run.status];
    let mut row: Vec<Cell> = texts.map(|text| text.as_str().into()).to_vec();
    row.extend([totals.present, totals.closed, totals.missing, totals.failed].map(|number| u64::from(number).into()));
    row.push(run.started_at.as_str().into());
    row.push(harmless(&run.error).chars().take(80).collect::<String>().into());
    row
}

/// Ends a run that is going on.
///
/// # Errors
/// Fails when the orchestrator cannot be reached, does not know the run or has ended it before.
pub(crate) async fn cancel(place: &Place, run_id: &str) -> anyhow::Result<()> {
    let request = CancelRequest { run_id: run_id.to_owned() };
    let ask = async |mut client: OrchestratorServiceClient<ServiceChannel>| client.cancel(request.clone()).await;
    let run = place.ask_the_active(ask).await?.into_inner().run.unwrap_or_default();
    if place.json {
        say_json(wire_json::run(&run));
    } else {
        let totals = run.totals.unwrap_or_default();
        say(format!(
            "run {} {}: {} days were in and stay in",
            run.run_id,
            run.status,
            count(u64::from(totals.present))
        ));
    }
    Ok(())
}

/// Returns one run with its days and steps.
///
/// # Errors
/// Fails when the orchestrator cannot be reached or does not know the run.
pub(crate) async fn run(place: &Place, run_id: &str) -> anyhow::Result<GetRunResponse> {
    let request = GetRunRequest { run_id: run_id.to_owned() };
    Ok(place.orchestrator()?.get_run(request).await?.into_inner())
}

#[cfg(test)]
mod tests {
    use champion_proto::orchestrator::v1::PendingSession;

    use super::*;

    #[test]
    fn a_pending_session_says_in_ist_until_when_it_is_waited_for() {
        let day = |date: &str| PendingSession {
            trade_date: date.to_owned(),
            give_up_at: "2025-03-04T16:30:00.000Z".to_owned(),
            reason: String::new(),
        };
        let pending = vec![day("2025-02-24"); 7];
        let line =
            pending_line(&DatasetStatus { dataset: "full_bhavcopy".to_owned(), pending, ..DatasetStatus::default() });
        assert!(line.starts_with("full_bhavcopy: pending 2025-02-24 (a gap from 04 Mar 22:00 IST), "), "{line}");
        assert!(line.ends_with(" and 2 more"), "{line}");
    }
}
