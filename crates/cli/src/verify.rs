//! `champion verify`: what is stored, read and hashed again.

use std::collections::BTreeSet;
use std::io::IsTerminal;

use champion_market_data::{Dataset, TradeDate};
use champion_proto::writer::v1::verify_response::Event;
use champion_proto::writer::v1::{Finding, VerifyProgress, VerifyRequest, VerifySummary};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::args::{Place, VerifyArguments};
use crate::exit::Exit;
use crate::render::{count, harmless, short_key, size, table};
use crate::run::{self, Mode};

/// Findings a person takes in at once; `--json` has them all.
const MOST_SHOWN: usize = 100;

/// Sweeps the lake and shows what is not as it should be.
///
/// # Errors
/// Fails when the writer cannot be reached or the lake cannot be read.
pub(crate) async fn run(place: &Place, options: VerifyArguments) -> anyhow::Result<Exit> {
    let VerifyArguments { from, to, zone, repair, writer } = options;
    let date = |date: Option<TradeDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let zones = zone.iter().map(|zone| zone.as_str().to_owned()).collect();
    let request = VerifyRequest { from_date: date(from), to_date: date(to), zones, repair };
    let mut events = place.writer(writer)?.verify(request).await?.into_inner();
    let (progress, mut findings, mut summary) = (Progress::new(), Vec::new(), None);
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Progress(seen)) => progress.see(&seen),
            Some(Event::Finding(finding)) => findings.push(finding),
            Some(Event::Summary(last)) => summary = Some(last),
            None => {}
        }
    }
    progress.0.finish_and_clear();
    let summary = summary.ok_or_else(|| anyhow::anyhow!("the sweep ended without a summary"))?;
    if place.json {
        as_json(&findings, &summary);
    } else {
        as_table(&findings, &summary, repair);
    }
    let replays = replays(&findings)?;
    let others =
        findings.iter().filter(|finding| !matches!(finding.repair.as_str(), "restored" | "needs_replay")).count();
    if !repair || others > 0 || replays.is_empty() {
        return Ok(exit(&summary));
    }
    // What cannot be restored from what is stored is made again from the exchange on.
    let mut end = Exit::Done;
    for (dataset, date) in replays {
        let exit = run::day(place, dataset, date, Mode::Replay).await?;
        end = if end == Exit::Done { exit } else { end };
    }
    Ok(end)
}

/// Returns the sessions that a run has to make again.
fn replays(findings: &[Finding]) -> anyhow::Result<BTreeSet<(Dataset, TradeDate)>> {
    let named = findings.iter().filter(|finding| finding.repair == "needs_replay" && !finding.dataset.is_empty());
    named.map(|finding| Ok((finding.dataset.parse()?, finding.trade_date.parse()?))).collect()
}

fn exit(summary: &VerifySummary) -> Exit {
    if summary.findings == summary.restored { Exit::Done } else { Exit::Incomplete }
}

/// A bar on a terminal, nothing elsewhere.
struct Progress(ProgressBar);

impl Progress {
    fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = "{bar:32} {pos}/{len} {msg} · {per_sec} · {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("a fixed template"));
        Self(bar)
    }

    fn see(&self, progress: &VerifyProgress) {
        self.0.set_length(progress.objects_total);
        self.0.set_position(progress.objects_done);
        self.0.set_message(harmless(&progress.zone));
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn as_json(findings: &[Finding], summary: &VerifySummary) {
    let findings: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "zone": finding.zone, "problem": finding.problem, "key": finding.key, "detail": finding.detail,
                "repair": finding.repair, "moved_to": finding.moved_to, "dataset": finding.dataset,
                "exchange": finding.exchange, "trade_date": finding.trade_date,
            })
        })
        .collect();
    let VerifySummary { objects, bytes, restored, .. } = summary;
    println!("{}", json!({"objects": objects, "bytes": bytes, "restored": restored, "findings": findings}));
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn as_table(findings: &[Finding], summary: &VerifySummary, repair: bool) {
    if !findings.is_empty() {
        let row = |finding: &Finding| {
            let Finding { problem, key, detail, repair, .. } = finding;
            vec![harmless(problem), short_key(key), harmless(repair), short_key(detail)]
        };
        let rows = findings.iter().take(MOST_SHOWN).map(row).collect();
        println!("{}", table(&["problem", "key", "repair", "detail"], &[], rows));
    }
    if findings.len() > MOST_SHOWN {
        println!("and {} more; --json has them all", count((findings.len() - MOST_SHOWN) as u64));
    }
    let VerifySummary { objects, bytes, findings, restored } = *summary;
    let (objects, bytes) = (count(objects), size(bytes));
    match findings - restored {
        0 if findings == 0 => println!("{objects} objects, {bytes}: all as they should be"),
        0 => println!("{objects} objects, {bytes}: {} found, all restored", count(findings)),
        left if repair => {
            println!("{objects} objects, {bytes}: {} found, {} for a run to make again", count(findings), count(left))
        }
        left => println!("{objects} objects, {bytes}: {} found; --repair restores what can be restored", count(left)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_that_remain_are_an_exit_code_of_their_own() {
        let summary = |findings, restored| VerifySummary { objects: 9, bytes: 9, findings, restored };
        assert_eq!(exit(&summary(0, 0)), Exit::Done);
        assert_eq!(exit(&summary(2, 2)), Exit::Done);
        assert_eq!(exit(&summary(2, 1)), Exit::Incomplete);
    }
}
