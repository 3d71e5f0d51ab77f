//! What the kills were, as a table.

#![expect(clippy::print_stdout, reason = "the table is the answer")]

use std::time::Duration;

use crate::fleet::KILLABLE;

/// The stages a kill can fall into.
const STAGES: [&str; 5] = ["fetch", "parse", "write", "load", "after the end"];

/// What happened in one run.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// Who died, and which stage had work to do then.
    pub kills: Vec<(&'static str, &'static str)>,
    /// Downloads beyond those of the undisturbed run.
    pub extra: u64,
    /// Journals that were gone when their orchestrator was started again.
    pub journals_lost: u64,
    /// How often an orchestrator was followed by another one.
    pub takeovers: u64,
    /// How often a client asked again after the orchestrator had died.
    pub attached: u64,
    /// Whether the exchange was asked for one file at a time.
    pub one_at_a_time: bool,
    /// From the start of the processes to the end of the comparison.
    pub took: Duration,
}

/// Prints kills by service and stage, and the sums.
pub fn print(reports: &[RunReport]) {
    let kills: Vec<_> = reports.iter().flat_map(|report| &report.kills).collect();
    let count = |service: &str, stage: &str| {
        let of =
            |kill: &&&(&str, &str)| (service.is_empty() || kill.0 == service) && (stage.is_empty() || kill.1 == stage);
        kills.iter().filter(of).count()
    };
    println!("\n{:20} {} {:>7}", "killed during", STAGES.map(|stage| format!("{stage:>13}")).join(" "), "all");
    for service in KILLABLE.into_iter().chain([""]) {
        let cells = STAGES.map(|stage| format!("{:>13}", count(service, stage))).join(" ");
        let name = if service.is_empty() { "all" } else { service };
        println!("{name:20} {cells} {:>7}", count(service, ""));
    }
    for (one_at_a_time, name) in [(true, "one file at a time"), (false, "eight files at a time")] {
        let of = || reports.iter().filter(|report| report.one_at_a_time == one_at_a_time);
        let (runs, kills) = (of().count(), of().map(|report| report.kills.len()).sum::<usize>());
        let extra: u64 = of().map(|report| report.extra).sum();
        println!("{name}: {runs} runs, {kills} kills, {extra} extra downloads");
    }
    let seconds: f64 = reports.iter().map(|report| report.took.as_secs_f64()).sum();
    let attached: u64 = reports.iter().map(|report| report.attached).sum();
    let mean = seconds / reports.len().max(1) as f64;
    println!("clients attached again {attached} times; {seconds:.0} s in all, {mean:.1} s a run");
    let journals: u64 = reports.iter().map(|report| report.journals_lost).sum();
    let takeovers: u64 = reports.iter().map(|report| report.takeovers).sum();
    println!("journals lost {journals}, orchestrators taken over {takeovers}");
    println!("every run: status, gaps and gauges equal to the undisturbed run, whatever was lost");
    println!("every run: content equal to the undisturbed run, no key twice, no row lost");
}
