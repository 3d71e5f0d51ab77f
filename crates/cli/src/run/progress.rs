//! The progress of a backfill: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;

use champion_proto::orchestrator::v1::RunEvent;
use champion_proto::orchestrator::v1::run_event::Event;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::render::{complain, count};

/// Days a plain line is printed after.
const LINE_EVERY: u64 = 25;

/// The progress of a backfill.
pub(super) struct Progress {
    bar: ProgressBar,
    terminal: bool,
    days: u64,
    all: u64,
    rows: u64,
}

impl Progress {
    pub(super) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = "{bar:32} {pos}/{len} days · {msg} · {per_sec} · {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("a fixed template"));
        Self { bar, terminal, days: 0, all: 0, rows: 0 }
    }

    pub(super) fn see(&mut self, event: &RunEvent) {
        match &event.event {
            Some(Event::Started(started)) => {
                self.all = u64::from(started.days_in_range);
                self.bar.set_length(self.all);
            }
            Some(Event::Day(day)) => {
                self.days += 1;
                self.rows += day.counts.as_ref().map_or(0, |counts| counts.published);
                self.bar.set_message(format!("{} rows", count(self.rows)));
                self.bar.set_position(self.days);
                if matches!(day.state.as_str(), "failed" | "refused" | "gap") {
                    let line = format!("{} {}: {}", day.trade_date, day.state, crate::render::harmless(&day.reason));
                    self.line(&line);
                }
                if !self.terminal && self.days.is_multiple_of(LINE_EVERY) {
                    self.line(&format!("{}/{} days, {} rows", self.days, self.all, count(self.rows)));
                }
            }
            Some(Event::Step(_) | Event::Waiting(_) | Event::Finished(_)) | None => {}
        }
    }

    pub(super) fn line(&self, text: &str) {
        if self.terminal {
            self.bar.println(text);
        } else {
            complain(text);
        }
    }

    pub(super) fn done(self) {
        self.bar.finish_and_clear();
    }
}
