//! `champion reconcile`: compares lake and warehouse, and loads again what differs.

use std::collections::BTreeSet;

use champion_market_data::{Dataset, Table, TradeDate};
use champion_proto::loader::v1::{Finding, ReconcileRequest, ReconcileResponse};
use clap::Args;
use serde_json::json;

use crate::args::Place;
use crate::exit::Exit;
use crate::render::{complain, count, harmless, say, say_json, table};
use crate::replay;
use crate::run::Mode;

/// Options of `champion reconcile`.
#[derive(Debug, Args)]
pub struct ReconcileArguments {
    /// Only sessions from this trade date
    #[arg(long)]
    from: Option<TradeDate>,
    /// Only sessions to this trade date, included
    #[arg(long)]
    to: Option<TradeDate>,
    /// Only this table, such as equity_delivery
    #[arg(long)]
    table: Option<Table>,
    /// Load again what is missing or different
    #[arg(long)]
    repair: bool,
    /// URL of the loader; by default the one of the stack
    #[arg(long, env = "CHAMPION_LOADER_URL", value_name = "URL")]
    loader: Option<String>,
}

/// Compares, prints the findings and returns how it ended.
///
/// # Errors
/// Fails when the loader cannot be reached or cannot compare.
pub(crate) async fn run(place: &Place, arguments: ReconcileArguments) -> anyhow::Result<Exit> {
    let ReconcileArguments { from, to, table, repair, loader } = arguments;
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        complain(format!("champion: --from {from} is after --to {to}"));
        return Ok(Exit::Usage);
    }
    let text = |date: Option<TradeDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let request = ReconcileRequest {
        run_id: "reconcile".to_owned(),
        table: table.map(|table| table.to_string()).unwrap_or_default(),
        exchange: String::new(),
        from_date: text(from),
        to_date: text(to),
        repair,
    };
    let mut answer = place.patient_loader(loader.clone())?.reconcile(request.clone()).await?.into_inner();
    let replays = if repair { replays(&answer.findings) } else { BTreeSet::new() };
    if !replays.is_empty() {
        // Where the lake publishes less than was known, the raw bytes say what is so; then lake and warehouse are looked at
        // once more, and that decides.
        replay::all(place, &replays, &[Mode::Replay]).await;
        let again = ReconcileRequest { repair: true, ..request };
        answer = after_replays(answer, place.patient_loader(loader)?.reconcile(again).await?.into_inner());
    }
    if place.json {
        say_json(json(&answer));
    } else {
        say(words(&answer));
    }
    Ok(exit(&answer))
}

/// Returns the sessions that a run has to make again. What another version of the loader names and this one does not know
/// is left to that one.
fn replays(findings: &[Finding]) -> BTreeSet<(Dataset, TradeDate)> {
    let named = findings.iter().filter(|finding| !finding.repaired && finding.remedy == "replay");
    named.filter_map(|finding| Some((finding.dataset.parse().ok()?, finding.trade_date.parse().ok()?))).collect()
}

/// Joins what was found before the runs and what remains after them.
fn after_replays(before: ReconcileResponse, after: ReconcileResponse) -> ReconcileResponse {
    let remaining: Vec<Finding> = after.findings.into_iter().filter(|finding| !finding.repaired).collect();
    let is_same = |one: &Finding, other: &Finding| {
        (&one.table, &one.exchange, &one.trade_date) == (&other.table, &other.exchange, &other.trade_date)
    };
    let gone = before.findings.into_iter().filter(|found| !remaining.iter().any(|left| is_same(left, found)));
    let mut findings: Vec<Finding> = gone.map(|found| Finding { repaired: true, ..found }).collect();
    findings.extend(remaining);
    findings.sort_by(|one, other| (&one.table, &one.trade_date).cmp(&(&other.table, &other.trade_date)));
    let findings_total = before.findings_total.max(findings.len() as u64);
    ReconcileResponse { sessions: after.sessions, findings, findings_total, unrepaired: after.unrepaired }
}

/// Equal or repaired is done; differences that remain are not.
const fn exit(answer: &ReconcileResponse) -> Exit {
    if answer.unrepaired == 0 { Exit::Done } else { Exit::Incomplete }
}

fn json(answer: &ReconcileResponse) -> serde_json::Value {
    let finding = |found: &Finding| {
        let Finding { table, exchange, trade_date, kind, detail, repaired, remedy, dataset } = found;
        json!({
            "table": table, "exchange": exchange, "trade_date": trade_date, "kind": kind, "detail": detail,
            "repaired": repaired, "remedy": remedy, "dataset": dataset,
        })
    };
    json!({
        "sessions": answer.sessions,
        "findings": answer.findings.iter().map(finding).collect::<Vec<_>>(),
        "findings_total": answer.findings_total,
        "unrepaired": answer.unrepaired,
    })
}

fn words(answer: &ReconcileResponse) -> String {
    let sessions = count(answer.sessions);
    if answer.findings_total == 0 {
        return format!("{sessions} sessions compared: lake and warehouse are equal");
    }
    let row = |found: &Finding| {
        let state = match (found.repaired, found.remedy.as_str()) {
            (true, _) => "repaired",
            (false, "replay") => "remains: run it again",
            (false, "verify") => "remains: champion verify --repair",
            (false, _) => "remains",
        };
        let cells = [&found.table, &found.exchange, &found.trade_date, &found.kind].map(|text| harmless(text));
        cells.into_iter().chain([harmless(&found.detail), state.to_owned()]).collect()
    };
    let drawn = table(
        &["table", "exchange", "trade date", "finding", "detail", "state"],
        &[],
        answer.findings.iter().map(row).collect(),
    );
    let more = answer.findings_total.saturating_sub(answer.findings.len() as u64);
    let more = if more == 0 { String::new() } else { format!(" ({} more not shown)", count(more)) };
    let (total, remain) = (count(answer.findings_total), count(answer.unrepaired));
    let can_repair = answer.findings.iter().any(|found| matches!(found.remedy.as_str(), "load" | "replay"));
    let hint = if can_repair && answer.findings.iter().all(|found| !found.repaired) {
        "; --repair loads what the lake publishes again"
    } else {
        ""
    };
    format!("{drawn}\n{sessions} sessions compared: {total} differ{more}, {remain} remain{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(repaired: bool) -> ReconcileResponse {
        let finding = Finding {
            table: "equity_delivery".to_owned(),
            exchange: "nse".to_owned(),
            trade_date: "2025-02-24".to_owned(),
            kind: "differs".to_owned(),
            detail: "49 rows in place of 50\u{1b}[2J".to_owned(),
            repaired,
            remedy: "load".to_owned(),
            dataset: "full_bhavcopy".to_owned(),
        };
        let unrepaired = u64::from(!repaired);
        ReconcileResponse { sessions: 1_250, findings: vec![finding], findings_total: 1, unrepaired }
    }

    #[test]
    fn what_remains_is_named_and_ends_with_its_own_code() {
        let text = words(&answer(false));
        assert!(text.contains("49 rows in place of 50") && !text.contains('\u{1b}'), "{text}");
        assert!(
            text.ends_with("1,250 sessions compared: 1 differ, 1 remain; --repair loads what the lake publishes again")
        );
        assert_eq!(exit(&answer(false)).code(), 3);
        assert_eq!(json(&answer(false))["findings"][0]["kind"], "differs");
    }

    #[test]
    fn promise_42_what_a_run_was_to_put_right_is_repaired_only_where_the_look_after_it_finds_nothing() {
        let mut before = answer(false);
        before.findings[0].remedy = "replay".to_owned();
        assert_eq!(replays(&before.findings).len(), 1);
        assert!(words(&before).contains("remains: run it again"));
        let equal = ReconcileResponse { sessions: 1_250, ..ReconcileResponse::default() };
        let healed = after_replays(before.clone(), equal);
        assert_eq!((exit(&healed), healed.findings[0].repaired, healed.findings_total), (Exit::Done, true, 1));
        let still = after_replays(before.clone(), before);
        assert_eq!((exit(&still), still.findings.len(), still.unrepaired), (Exit::Incomplete, 1, 1));
    }

    #[test]
    fn equal_and_repaired_end_well() {
        let equal = ReconcileResponse { sessions: 4, ..ReconcileResponse::default() };
        assert_eq!(words(&equal), "4 sessions compared: lake and warehouse are equal");
        assert_eq!((exit(&equal), exit(&answer(true))), (Exit::Done, Exit::Done));
        assert!(words(&answer(true)).ends_with("1 differ, 0 remain"));
    }
}
