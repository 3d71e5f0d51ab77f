//! Kills at random points: services die by `kill -9` in the midst of their work and are started again, until the run has
//! ended. What lies there then has to be what an undisturbed run leaves.

mod plan;
mod report;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::content::files_below;
use crate::fleet::STANDBY;
use crate::told::{Instants, told};
use crate::{Content, Fleet};
pub use plan::{Kill, Plan, plan};
pub use report::{RunReport, print};

/// What every run asks for.
const DATASETS: [&str; 2] = ["bhavcopy", "full_bhavcopy"];
/// The ranges of the runs: a few sessions each; the second lies over two months, the others have closed days within.
const RANGES: [(&str, &str); 4] = [
    ("2024-07-05", "2024-07-10"),
    ("2024-07-30", "2024-08-01"),
    ("2024-12-24", "2024-12-27"),
    ("2025-02-27", "2025-03-03"),
];
/// Longest time of one run with all its kills.
const RUN_DEADLINE: Duration = Duration::from_secs(180);
/// Longest time until the gauges say what is in.
const TOLD_DEADLINE: Duration = Duration::from_secs(20);
/// The gaps are counted every second.
const GAUGES_EVERY: (&str, &str) = ("CHAMPION_ORCHESTRATOR__WATCH__POLL_SECONDS", "1");
/// A day's file does not come at once, so that there is a time at which the exchange is being asked.
const EXCHANGE_DELAY_MS: u64 = 60;

/// The undisturbed run of a range.
#[derive(Debug, Clone)]
pub struct Undisturbed {
    /// What it leaves.
    pub content: Content,
    /// What its orchestrator tells of the days.
    pub told: Value,
    /// Requests it made.
    pub requests: u64,
    /// Artifacts in the lake at its end.
    pub artifacts: usize,
}

/// Undisturbed runs by range, each made when it is first needed.
#[derive(Debug, Default)]
pub struct Undisturbeds(BTreeMap<usize, Undisturbed>);

impl Undisturbeds {
    /// Returns the undisturbed run of a range.
    ///
    /// # Panics
    /// When it fails.
    pub fn of(&mut self, range: usize) -> &Undisturbed {
        self.0.entry(range).or_insert_with(|| {
            let fleet = Fleet::builder().variable(GAUGES_EVERY.0, GAUGES_EVERY.1).start();
            for dataset in DATASETS {
                let _ = fleet.champion(&backfill(dataset, range)).expect_code(0);
            }
            let Progress { facts, staged, manifests } = progress(&fleet);
            // Longer than between two counts of the gaps.
            std::thread::sleep(Duration::from_secs(2));
            Undisturbed {
                content: fleet.content(),
                told: told(&fleet, "orchestrator", RANGES[range], Instants::LeftOut),
                requests: requests(&fleet).0,
                artifacts: facts + staged + manifests,
            }
        })
    }
}

/// Does one run of a plan and checks what it leaves.
///
/// # Panics
/// When the content is not that of the undisturbed run, when a report was asked more often than the kills explain, or
/// when a run fails.
pub fn run(plan: &Plan, undisturbed: &Undisturbed) -> RunReport {
    let began = Instant::now();
    let what = format!("run {} of seed {}", plan.number, plan.seed);
    let at_once = if plan.one_at_a_time { "1" } else { "8" };
    let fleet = Fleet::builder()
        .variable("CHAMPION_SCRAPER__LIMITS__CONCURRENT_REQUESTS", at_once)
        .variable(GAUGES_EVERY.0, GAUGES_EVERY.1);
    let fleet = if plan.standby { fleet.standby().start() } else { fleet.start() };
    let slow = json!({"path": "*", "kind": "slow", "delay_ms": EXCHANGE_DELAY_MS, "count": "forever"});
    fleet.post_to_mirror("/__fault", &slow);
    let orchestrator_kills = AtomicU64::new(0);
    let deadline = began + RUN_DEADLINE;
    let (mut kills, mut attached, mut journals_lost) = (Vec::new(), 0, 0);
    std::thread::scope(|scope| {
        let clients: Vec<_> = DATASETS
            .into_iter()
            .map(|dataset| {
                let (fleet, kills, what) = (&fleet, &orchestrator_kills, &what);
                scope.spawn(move || follow(fleet, &backfill(dataset, plan.range), kills, deadline, what))
            })
            .collect();
        let over = || clients.iter().all(std::thread::ScopedJoinHandle::is_finished);
        for kill in &plan.kills {
            let due = kill.after * undisturbed.artifacts / plan::WHOLE;
            while !over() && progress(&fleet).artifacts() < due && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            std::thread::sleep(kill.delay);
            let stage = if over() { "after the end" } else { progress(&fleet).stage(undisturbed.artifacts) };
            if kill.service == "orchestrator" {
                orchestrator_kills.fetch_add(1, Ordering::SeqCst);
            }
            let service = if kill.service == "orchestrator" { leading(&fleet) } else { kill.service };
            fleet.kill(service);
            kills.push((kill.service, stage));
            std::thread::sleep(kill.down);
            if kill.service == "orchestrator" && kill.journal_lost {
                fleet.lose_journal(service);
                journals_lost += 1;
            }
            fleet.start(service);
        }
        attached = clients.into_iter().map(|client| client.join().expect("a run that fails has said so")).sum();
    });
    let (total, most) = requests(&fleet);
    let extra = total.saturating_sub(undisturbed.requests);
    let one_at_a_time = plan.one_at_a_time;
    let (takeovers, took) = (takeovers(&fleet), began.elapsed());
    let report = RunReport { kills, extra, journals_lost, takeovers, attached, one_at_a_time, took };
    expect_told(&fleet, RANGES[plan.range], &undisturbed.told, &what);
    fleet.content().expect_equal(&undisturbed.content, &fleet, &what);
    let count = report.kills.len() as u64;
    assert!(total >= undisturbed.requests, "{what}: {total} requests are too few");
    assert!(most - 1 <= count, "{what}: one report was downloaded {most} times with {count} kills");
    if plan.one_at_a_time {
        assert!(extra <= count, "{what}: {extra} extra downloads with {count} kills");
    }
    report
}

/// Waits until the gauges are counted and everything is told as by the undisturbed run.
fn expect_told(fleet: &Fleet, range: (&str, &str), wanted: &Value, what: &str) {
    let deadline = Instant::now() + TOLD_DEADLINE;
    loop {
        let now = told(fleet, "orchestrator", range, Instants::LeftOut);
        if now == *wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: told {now:#}\nundisturbed {wanted:#}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Returns where the orchestrators of a lake led, one after the other, as far as that is kept.
fn leaders(fleet: &Fleet) -> Vec<String> {
    let read = |key: &String| {
        let epoch: Value = serde_json::from_slice(&std::fs::read(fleet.lake().join(key)).ok()?).ok()?;
        epoch["address"].as_str().map(str::to_owned)
    };
    files_below(fleet.lake(), "state/orchestrator/epochs").iter().filter_map(read).collect()
}

fn takeovers(fleet: &Fleet) -> u64 {
    leaders(fleet).windows(2).filter(|pair| pair[0] != pair[1]).count() as u64
}

/// Returns the orchestrator that leads.
fn leading(fleet: &Fleet) -> &'static str {
    let own = format!("http://{}", fleet.address("orchestrator", "grpc"));
    if leaders(fleet).last().is_none_or(|leader| *leader == own) { "orchestrator" } else { STANDBY }
}

fn backfill(dataset: &'static str, range: usize) -> [&'static str; 7] {
    let (from, to) = RANGES[range];
    ["backfill", dataset, "--from", from, "--to", to, "--json"]
}

/// Asks for a run until it has ended, again whenever the orchestrator was killed; returns how often it was asked again.
fn follow(fleet: &Fleet, arguments: &[&str], kills: &AtomicU64, deadline: Instant, what: &str) -> u64 {
    let mut again = 0;
    loop {
        let before = kills.load(Ordering::SeqCst);
        let answer = fleet.champion(arguments);
        if answer.code == 0 {
            return again;
        }
        // A run that has an end has to have a good one, whoever was killed meanwhile.
        let mut events = answer.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        if let Some(end) = events.rfind(|event| event["event"] == "finished") {
            panic!("{what}: {arguments:?} ended with {end}\n{}\n{}", answer.stdout, answer.stderr);
        }
        let was_killed = kills.load(Ordering::SeqCst) > before || answer.code == 4 && before > 0;
        assert!(was_killed, "{what}: {arguments:?} broke off:\n{}\n{}", answer.stdout, answer.stderr);
        assert!(Instant::now() < deadline, "{what}: no end of {arguments:?}: {}", answer.stderr);
        again += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How far the lake has come.
#[derive(Debug, Clone, Copy)]
struct Progress {
    facts: usize,
    staged: usize,
    manifests: usize,
}

impl Progress {
    const fn artifacts(self) -> usize {
        self.facts + self.staged + self.manifests
    }

    /// Names the stage that has work to do; a session has two files and three tables.
    fn stage(self, whole: usize) -> &'static str {
        let sessions = whole / 8;
        if self.facts < 2 * sessions {
            "fetch"
        } else if self.staged < 3 * sessions {
            "parse"
        } else if self.manifests < 3 * sessions {
            "write"
        } else {
            "load"
        }
    }
}

fn progress(fleet: &Fleet) -> Progress {
    let count = |zone: &str, end: &str| files_below(fleet.lake(), zone).iter().filter(|key| key.ends_with(end)).count();
    let (facts, staged) = (count("raw", ".facts.json"), count("staged", ".arrow"));
    Progress { facts, staged, manifests: count("curated", ".manifest.json") }
}

/// Requests to the exchange, and the most of one report.
fn requests(fleet: &Fleet) -> (u64, u64) {
    let log = fleet.get_from_mirror("/__requests?path=nsearchives");
    let counts = log["counts"].as_object().cloned().unwrap_or_default();
    (log["total"].as_u64().expect("a count"), counts.values().filter_map(Value::as_u64).max().unwrap_or(1))
}
