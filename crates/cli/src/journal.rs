//! `champion journal rebuild`: the orchestrator's journal, made anew from the lake.

use std::io::IsTerminal;

use champion_proto::orchestrator::v1::rebuild_journal_event::Event;
use champion_proto::orchestrator::v1::{LakeFinding, RebuildJournalRequest, RebuildProgress, RebuildSummary};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::args::Place;
use crate::exit::Exit;
use crate::render::{count, harmless, say, say_json};
use crate::wire_json;

/// Makes the journal anew and says what the lake holds.
///
/// Ends with [`Exit::Incomplete`] when an object of the lake cannot be read; the rest is in the journal all the same.
///
/// # Errors
/// Fails when the orchestrator cannot be reached or the lake cannot be listed.
pub(crate) async fn rebuild(place: &Place) -> anyhow::Result<Exit> {
    let mut events = place.patient_orchestrator()?.rebuild_journal(RebuildJournalRequest {}).await?.into_inner();
    let bar = bar();
    let (mut findings, mut summary) = (Vec::new(), None);
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Progress(seen)) => see(&bar, &seen),
            Some(Event::Finding(finding)) => findings.push(finding),
            Some(Event::Summary(last)) => summary = Some(last),
            None => {}
        }
    }
    bar.finish_and_clear();
    let summary = summary.ok_or_else(|| anyhow::anyhow!("the rebuild ended without a summary"))?;
    if place.json {
        say_json(as_json(&findings, &summary));
    } else {
        say(in_words(&findings, &summary));
    }
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Incomplete })
}

/// A bar on a terminal, nothing elsewhere.
fn bar() -> ProgressBar {
    let terminal = std::io::stderr().is_terminal();
    let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    let style = "{bar:32} {pos}/{len} {msg} · {per_sec} · {eta} left";
    bar.with_style(ProgressStyle::with_template(style).expect("a fixed template"))
}

fn see(bar: &ProgressBar, progress: &RebuildProgress) {
    bar.set_length(progress.objects_total);
    bar.set_position(progress.objects_done);
    bar.set_message(harmless(&progress.zone));
}

fn as_json(findings: &[LakeFinding], summary: &RebuildSummary) -> Value {
    json!({
        "sessions_present": summary.sessions_present,
        "days_absent": summary.days_absent,
        "sessions_failed": summary.sessions_failed,
        "runs": summary.runs,
        "findings": findings.iter().map(wire_json::finding).collect::<Vec<_>>(),
    })
}

fn in_words(findings: &[LakeFinding], summary: &RebuildSummary) -> String {
    let mut text = format!(
        "the journal is made anew from the lake: {} sessions in, {} days without rows, {} refused or failed, {} runs",
        count(summary.sessions_present),
        count(summary.days_absent),
        count(summary.sessions_failed),
        count(summary.runs)
    );
    for LakeFinding { key, reason } in findings {
        text.push_str(&format!("\ncannot be read: {}: {}", harmless(key), harmless(reason)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_with_its_reason() {
        let finding = LakeFinding { key: "state/days/x.json".to_owned(), reason: "expected value".to_owned() };
        let text = in_words(&[finding], &RebuildSummary { sessions_present: 1_200, ..RebuildSummary::default() });
        assert!(text.contains("1,200 sessions in"), "{text}");
        assert!(text.ends_with("cannot be read: state/days/x.json: expected value"), "{text}");
    }
}
