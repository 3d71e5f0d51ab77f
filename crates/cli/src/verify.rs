//! `champion verify`: what is stored, read and hashed again.

use std::collections::BTreeSet;

use champion_market_data::{Dataset, TradeDate};
use champion_proto::writer::v1::verify_response::Event;
use champion_proto::writer::v1::{Finding, VerifyProgress, VerifyRequest, VerifySummary};
use serde_json::json;

use crate::args::{Place, VerifyArguments};
use crate::bar::Bar;
use crate::exit::Exit;
use crate::render::{count, harmless, say, say_json, short_key, size, table};
use crate::replay;
use crate::run::Mode;

/// Findings a person takes in at once; `--json` has them all.
const MOST_SHOWN: usize = 100;

/// Sweeps the lake and shows what is not as it should be; after a repair, what the last look found.
///
/// # Errors
/// Fails when the writer cannot be reached or the lake cannot be read.
pub(crate) async fn run(place: &Place, options: VerifyArguments) -> anyhow::Result<Exit> {
    let VerifyArguments { from, to, zone, repair, writer } = options;
    let date = |date: Option<TradeDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let zones = zone.iter().map(|zone| zone.as_str().to_owned()).collect();
    let request = VerifyRequest { from_date: date(from), to_date: date(to), zones, repair };
    let (mut findings, mut summary) = sweep(place, writer.clone(), request.clone()).await?;
    let (received, derived) = if repair { replays(&findings) } else { Default::default() };
    if !(received.is_empty() && derived.is_empty()) {
        // What cannot be restored from what is stored is made again: bytes as received by the exchange, the rest from them.
        replay::all(place, &received, &[Mode::Recheck]).await;
        replay::all(place, &derived, &[Mode::Replay]).await;
        let last = sweep(place, writer, VerifyRequest { repair: false, ..request }).await?;
        (findings, summary) = after_replays((findings, summary), last);
    }
    if place.json {
        as_json(&findings, &summary);
    } else {
        as_table(&findings, &summary, repair);
    }
    Ok(exit(&summary))
}

async fn sweep(
    place: &Place,
    writer: Option<String>,
    request: VerifyRequest,
) -> anyhow::Result<(Vec<Finding>, VerifySummary)> {
    let mut events = place.writer(writer)?.verify(request).await?.into_inner();
    let (bar, mut findings, mut summary) = (Bar::new(), Vec::new(), None);
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Progress(VerifyProgress { zone, objects_done, objects_total })) => {
                bar.see(&zone, objects_done, objects_total);
            }
            Some(Event::Finding(finding)) => findings.push(finding),
            Some(Event::Summary(last)) => summary = Some(last),
            None => {}
        }
    }
    bar.done();
    Ok((findings, summary.ok_or_else(|| anyhow::anyhow!("the sweep ended without a summary"))?))
}

/// A session that a run has to make again.
type Sessions = BTreeSet<(Dataset, TradeDate)>;

/// Returns the sessions whose bytes the exchange has to send again, and those that are made of what is there. What a later
/// version of the writer names and this one does not know is left to that one.
fn replays(findings: &[Finding]) -> (Sessions, Sessions) {
    let (mut received, mut derived) = (Sessions::new(), Sessions::new());
    for finding in findings.iter().filter(|finding| finding.remains && finding.repair == "needs_replay") {
        if let (Ok(dataset), Ok(date)) = (finding.dataset.parse(), finding.trade_date.parse()) {
            let sessions = if finding.zone == "raw" { &mut received } else { &mut derived };
            sessions.insert((dataset, date));
        }
    }
    (received, derived)
}

/// Joins what was found before the runs and what the last look found.
fn after_replays(
    (before, summary): (Vec<Finding>, VerifySummary),
    (last, now): (Vec<Finding>, VerifySummary),
) -> (Vec<Finding>, VerifySummary) {
    let mut findings: Vec<Finding> = Vec::with_capacity(before.len());
    for mut finding in before {
        if last.iter().any(|left| (&left.zone, &left.key) == (&finding.zone, &finding.key)) {
            continue;
        }
        if finding.remains {
            (finding.remains, finding.repair) = (false, "made_again".to_owned());
        }
        findings.push(finding);
    }
    findings.extend(last);
    let remaining = now.remaining;
    let summary = VerifySummary {
        findings: findings.len() as u64,
        restored: findings.len() as u64 - remaining,
        remaining,
        ..summary
    };
    (findings, summary)
}

/// What the last look found decides.
const fn exit(summary: &VerifySummary) -> Exit {
    if summary.remaining == 0 { Exit::Done } else { Exit::Incomplete }
}

fn as_json(findings: &[Finding], summary: &VerifySummary) {
    let findings: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "zone": finding.zone, "problem": finding.problem, "key": finding.key, "detail": finding.detail,
                "repair": finding.repair, "moved_to": finding.moved_to, "dataset": finding.dataset,
                "exchange": finding.exchange, "trade_date": finding.trade_date, "remains": finding.remains,
            })
        })
        .collect();
    let VerifySummary { objects, bytes, restored, remaining, .. } = summary;
    let answer = json!({
        "objects": objects, "bytes": bytes, "restored": restored, "remaining": remaining, "findings": findings,
    });
    say_json(answer);
}

fn as_table(findings: &[Finding], summary: &VerifySummary, repair: bool) {
    if !findings.is_empty() {
        let row = |finding: &Finding| {
            let Finding { problem, key, detail, repair, .. } = finding;
            let state = if finding.remains { "remains" } else { "well" };
            vec![harmless(problem), short_key(key), harmless(repair), state.to_owned(), short_key(detail)]
        };
        let rows = findings.iter().take(MOST_SHOWN).map(row).collect();
        say(table(&["problem", "key", "repair", "state", "detail"], &[], rows));
    }
    if findings.len() > MOST_SHOWN {
        say(format!("and {} more; --json has them all", count((findings.len() - MOST_SHOWN) as u64)));
    }
    say(last_line(summary, repair));
}

fn last_line(summary: &VerifySummary, repair: bool) -> String {
    let VerifySummary { objects, bytes, findings, remaining, .. } = *summary;
    let (objects, bytes) = (count(objects), size(bytes));
    match remaining {
        0 if findings == 0 => format!("{objects} objects, {bytes}: all as they should be"),
        0 => format!("{objects} objects, {bytes}: {} found, 0 remain", count(findings)),
        left if repair => format!("{objects} objects, {bytes}: {} found, {} remain", count(findings), count(left)),
        left => format!("{objects} objects, {bytes}: {} found; --repair restores what can be restored", count(left)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(key: &str, zone: &str, remains: bool) -> Finding {
        Finding {
            zone: zone.to_owned(),
            key: key.to_owned(),
            repair: if remains { "needs_replay" } else { "restored" }.to_owned(),
            dataset: "bhavcopy".to_owned(),
            trade_date: "2025-02-24".to_owned(),
            remains,
            ..Finding::default()
        }
    }

    fn summary(findings: u64, remaining: u64) -> VerifySummary {
        VerifySummary { objects: 9, bytes: 9, findings, restored: findings - remaining, remaining }
    }

    #[test]
    fn promise_42_the_last_look_decides_what_is_said_and_the_exit_code() {
        assert_eq!(exit(&summary(0, 0)), Exit::Done);
        assert_eq!(exit(&summary(2, 0)), Exit::Done);
        assert_eq!(exit(&summary(2, 1)), Exit::Incomplete);
        assert!(last_line(&summary(2, 0), true).ends_with("2 found, 0 remain"));
        assert!(last_line(&summary(2, 1), true).ends_with("2 found, 1 remain"));
        let before = vec![finding("a", "curated", false), finding("b", "raw", true), finding("c", "history", true)];
        let (received, derived) = replays(&before);
        assert_eq!((received.len(), derived.len()), (1, 1));
        let last = (vec![finding("c", "history", true), finding("d", "raw", true)], summary(2, 2));
        let (findings, summary) = after_replays((before, summary(3, 2)), last);
        let states: Vec<_> = findings.iter().map(|found| (found.key.as_str(), found.repair.as_str())).collect();
        let expected = [("a", "restored"), ("b", "made_again"), ("c", "needs_replay"), ("d", "needs_replay")];
        assert_eq!(states, expected);
        assert_eq!((exit(&summary), summary.findings, summary.remaining), (Exit::Incomplete, 4, 2));
    }
}
