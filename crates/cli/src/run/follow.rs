//! Following the events of a run.

use std::collections::HashSet;

use champion_proto::orchestrator::v1::run_event::Event;
use champion_proto::orchestrator::v1::{DayFinished, Finished, RunEvent, StepFinished};
use tonic::Streaming;

use super::progress::Progress;
use crate::exit::Exit;
use crate::render::{complain, harmless, say_json};
use crate::wire_json;

/// What a run did, as its events told.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) run_id: String,
    pub(crate) trace_id: String,
    pub(crate) steps: Vec<StepFinished>,
    pub(crate) days: Vec<DayFinished>,
    pub(crate) finished: Option<Finished>,
}

impl Outcome {
    /// Returns how the command ends; `strict` makes a missing session an incomplete end.
    pub(crate) fn exit(&self, strict: bool) -> Exit {
        let missing = self.days.iter().any(|day| matches!(day.state.as_str(), "pending" | "gap" | "unknown"));
        match &self.finished {
            Some(finished) if finished.status != "succeeded" => Exit::Failed,
            Some(_) if strict && missing => Exit::Incomplete,
            Some(_) => Exit::Done,
            None => Exit::Failed,
        }
    }

    /// Tells whether the run found all its work done.
    pub(crate) fn nothing_done(&self) -> bool {
        let totals = self.finished.as_ref().and_then(|finished| finished.totals.as_ref());
        totals.is_some_and(|totals| totals.downloaded + totals.written + totals.loaded == 0)
    }
}

/// Reads events until the run has finished; prints them as JSON lines or shows progress.
pub(super) async fn follow(mut stream: Streaming<RunEvent>, json: bool, bar: bool) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut progress = (bar && !json).then(Progress::new);
    let mut told = HashSet::new();
    while let Some(event) = stream.message().await? {
        if json {
            print_line(&event);
        }
        if let Some(progress) = &mut progress {
            progress.see(&event);
        }
        outcome.run_id = event.run_id;
        outcome.trace_id = event.trace_id;
        match event.event {
            Some(Event::Step(step)) => outcome.steps.push(step),
            Some(Event::Day(day)) => outcome.days.push(day),
            Some(Event::Finished(finished)) => outcome.finished = Some(finished),
            // A person is told once for each reason; with `--json` the event itself tells it.
            Some(Event::Waiting(waiting)) => {
                let line = format!("waiting to {}: {}", waiting.stage, harmless(&waiting.reason));
                if !json && told.insert(line.clone()) {
                    match &progress {
                        Some(progress) => progress.line(&line),
                        None => complain(&line),
                    }
                }
            }
            Some(Event::Started(_)) | None => {}
        }
    }
    if let Some(progress) = progress {
        progress.done();
    }
    anyhow::ensure!(
        outcome.finished.is_some(),
        "the stream of run {} broke off; the run goes on: see `champion runs`",
        outcome.run_id
    );
    Ok(outcome)
}

fn print_line(event: &RunEvent) {
    say_json(wire_json::event(event));
}

#[cfg(test)]
mod tests {
    use champion_proto::orchestrator::v1::RunTotals;

    use super::*;

    fn outcome(status: &str, state: &str) -> Outcome {
        let finished =
            Finished { status: status.to_owned(), totals: Some(RunTotals::default()), ..Finished::default() };
        let day = DayFinished { state: state.to_owned(), ..DayFinished::default() };
        Outcome { days: vec![day], finished: Some(finished), ..Outcome::default() }
    }

    #[test]
    fn a_missing_session_is_incomplete_only_where_it_matters() {
        assert_eq!(outcome("succeeded", "gap").exit(true), Exit::Incomplete);
        assert_eq!(outcome("succeeded", "gap").exit(false), Exit::Done);
        assert_eq!(outcome("succeeded", "closed").exit(true), Exit::Done);
        assert_eq!(outcome("failed", "refused").exit(false), Exit::Failed);
        assert_eq!(Outcome::default().exit(false), Exit::Failed);
    }
}
