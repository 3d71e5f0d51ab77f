//! `make chaos`: kills services at random points and cuts the warehouse off, and compares what is left with an undisturbed
//! run. The seed is printed; `CHAOS_SEED=… make chaos` repeats its schedule.
//!
//! `CHAOS_RUNS` (50), `CHAOS_KILLS` a run (5), `CHAOS_FIRST` (0, the number of the first run), `CHAOS_SESSIONS` (250) and
//! `CHAOS_AWAY_SECONDS` (60) make it shorter.

#![expect(clippy::print_stdout, reason = "the figures are the program's answer")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use champion_e2e::chaos::{self, Undisturbeds};
use champion_e2e::cut_off::cut_off;

fn main() -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let (seed, runs) = (number("CHAOS_SEED", now)?, number("CHAOS_RUNS", 50)?);
    let (kills, first) = (number("CHAOS_KILLS", 5)?, number("CHAOS_FIRST", 0)?);
    println!("chaos: seed {seed}, {runs} runs with {kills} kills each; repeat with CHAOS_SEED={seed} make chaos");
    let mut undisturbed = Undisturbeds::default();
    let mut reports = Vec::new();
    for number in first..first + runs {
        let plan = chaos::plan(seed, number, usize::try_from(kills)?);
        let report = chaos::run(&plan, undisturbed.of(plan.range));
        let died: Vec<String> = report.kills.iter().map(|(service, stage)| format!("{service} ({stage})")).collect();
        let (extra, seconds) = (report.extra, report.took.as_secs_f64());
        println!("run {number:3}: {seconds:5.1} s, {extra} extra downloads; killed: {}", died.join(", "));
        reports.push(report);
    }
    if !reports.is_empty() {
        chaos::print(&reports);
    }
    let (sessions, away) = (number("CHAOS_SESSIONS", 250)?, Duration::from_secs(number("CHAOS_AWAY_SECONDS", 60)?));
    if sessions > 0 {
        println!("\nwarehouse cut off for {away:?} during a backfill of {sessions} sessions");
        let found = cut_off(usize::try_from(sessions)?, away);
        let peaks: Vec<String> = found.peaks.iter().map(|(name, mib)| format!("{name} {mib}")).collect();
        println!("  {:.1} s in all; content equal; peak memory (MiB): {}", found.took.as_secs_f64(), peaks.join(", "));
    }
    Ok(())
}

fn number(name: &str, default: u64) -> anyhow::Result<u64> {
    std::env::var(name).map_or(Ok(default), |text| text.parse().with_context(|| format!("{name}={text}")))
}
