//! `champion audit`: the newest observation of every session, what is published and what is loaded, held against each other.

use champion_market_data::{Dataset, TradeDate};
use champion_proto::loader::v1::audit_response::Event;
use champion_proto::loader::v1::{AuditDifference, AuditRequest, AuditSummary};
use clap::Args;
use serde_json::json;

use crate::args::Place;
use crate::bar::Bar;
use crate::exit::Exit;
use crate::render::{complain, count, harmless, say, say_json, short_key, table};

/// Differences a person takes in at once; `--json` has them all.
const MOST_SHOWN: usize = 100;

/// Options of `champion audit`.
#[derive(Debug, Args)]
pub struct AuditArguments {
    /// Only sessions from this trade date
    #[arg(long)]
    from: Option<TradeDate>,
    /// Only sessions to this trade date, included
    #[arg(long)]
    to: Option<TradeDate>,
    /// Only this dataset
    #[arg(long)]
    dataset: Option<Dataset>,
    /// URL of the loader; by default the one of the stack
    #[arg(long, env = "CHAMPION_LOADER_URL", value_name = "URL")]
    loader: Option<String>,
}

/// What an audit told.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Audit {
    pub(crate) differences: Vec<AuditDifference>,
    pub(crate) summary: AuditSummary,
}

/// Audits, prints the differences and returns how it ended.
///
/// # Errors
/// Fails when the loader cannot be reached, or lake or warehouse cannot be read.
pub(crate) async fn run(place: &Place, arguments: AuditArguments) -> anyhow::Result<Exit> {
    let AuditArguments { from, to, dataset, loader } = arguments;
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        complain(format!("champion: --from {from} is after --to {to}"));
        return Ok(Exit::Usage);
    }
    let audit = look(place, loader, dataset, (from, to)).await?;
    if place.json {
        say_json(json(&audit));
    } else {
        say(words(&audit));
    }
    Ok(exit(&audit))
}

/// Asks the loader for an audit.
///
/// # Errors
/// As [`run`].
pub(crate) async fn look(
    place: &Place,
    loader: Option<String>,
    dataset: Option<Dataset>,
    (from, to): (Option<TradeDate>, Option<TradeDate>),
) -> anyhow::Result<Audit> {
    let text = |date: Option<TradeDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let dataset = dataset.map(|dataset| dataset.to_string()).unwrap_or_default();
    let request = AuditRequest { dataset, from_date: text(from), to_date: text(to) };
    let mut events = place.patient_loader(loader)?.audit(request).await?.into_inner();
    let (bar, mut differences, mut summary) = (Bar::new(), Vec::new(), None);
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Progress(seen)) => bar.see(&seen.dataset, seen.sessions_done, seen.sessions_total),
            Some(Event::Difference(found)) => differences.push(found),
            Some(Event::Summary(last)) => summary = Some(last),
            None => {}
        }
    }
    bar.done();
    let summary = summary.ok_or_else(|| anyhow::anyhow!("the audit ended without a summary"))?;
    Ok(Audit { differences, summary })
}

/// Differences that nothing explains are not how it should be.
pub(crate) const fn exit(audit: &Audit) -> Exit {
    if audit.summary.differences == 0 { Exit::Done } else { Exit::Incomplete }
}

/// Returns the audit as a machine reads it.
pub(crate) fn json(audit: &Audit) -> serde_json::Value {
    let difference = |found: &AuditDifference| {
        let AuditDifference { dataset, table, exchange, trade_date, kind, detail, explained } = found;
        json!({
            "dataset": dataset, "table": table, "exchange": exchange, "trade_date": trade_date, "kind": kind,
            "detail": detail, "explained": explained,
        })
    };
    let AuditSummary { sessions, differences, explained } = audit.summary;
    let found = audit.differences.iter().map(difference).collect::<Vec<_>>();
    json!({"sessions": sessions, "differences_total": differences, "explained": explained, "differences": found})
}

/// Returns the audit as a person reads it.
pub(crate) fn words(audit: &Audit) -> String {
    let AuditSummary { sessions, differences, explained } = audit.summary;
    let explained = if explained == 0 { String::new() } else { format!(", {} explained", count(explained)) };
    let last = match differences {
        0 => format!("{} sessions audited: what was observed last is published and loaded{explained}", count(sessions)),
        _ => format!("{} sessions audited: {} differ{explained}", count(sessions), count(differences)),
    };
    if audit.differences.is_empty() {
        return last;
    }
    let row = |found: &AuditDifference| {
        let AuditDifference { dataset, table, trade_date, kind, detail, explained, .. } = found;
        let of = if table.is_empty() { dataset } else { table };
        let state = if *explained { "explained" } else { "differs" };
        let cells = [of, trade_date, kind].map(|text| harmless(text));
        cells.into_iter().chain([short_key(detail), state.to_owned()]).collect::<Vec<_>>()
    };
    let rows = audit.differences.iter().take(MOST_SHOWN).map(row).collect();
    let drawn = table(&["table", "trade date", "difference", "detail", "state"], &[], rows);
    let more = audit.differences.len().saturating_sub(MOST_SHOWN);
    let more =
        if more == 0 { String::new() } else { format!("and {} more; --json has them all\n", count(more as u64)) };
    format!("{drawn}\n{more}{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audit(explained: bool) -> Audit {
        let difference = AuditDifference {
            dataset: "bhavcopy".to_owned(),
            table: "raw_equity_ohlc".to_owned(),
            exchange: "nse".to_owned(),
            trade_date: "2025-02-24".to_owned(),
            kind: "raw_newer".to_owned(),
            detail: "the newest observation abc\u{1b}[2J".to_owned(),
            explained,
        };
        let (differences, explained) = (u64::from(!explained), u64::from(explained));
        Audit { differences: vec![difference], summary: AuditSummary { sessions: 1_250, differences, explained } }
    }

    #[test]
    fn what_differs_is_named_and_ends_with_its_own_code_and_what_is_explained_does_not() {
        let text = words(&audit(false));
        assert!(text.contains("raw_newer") && !text.contains('\u{1b}'), "{text}");
        assert!(text.ends_with("1,250 sessions audited: 1 differ"), "{text}");
        assert_eq!((exit(&audit(false)).code(), exit(&audit(true)).code()), (3, 0));
        assert!(words(&audit(true)).ends_with("published and loaded, 1 explained"), "{}", words(&audit(true)));
        assert_eq!(json(&audit(false))["differences"][0]["kind"], "raw_newer");
    }
}
