//! Kills at random points: services die by `kill -9` in the midst of their work and are started again, until the run has
//! ended. What lies there then has to be what an undisturbed run leaves.

mod plan;
mod report;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::content::files_below;
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
/// A day's file does not come at once, so that there is a time at which the exchange is being asked.
const EXCHANGE_DELAY_MS: u64 = 60;

/// The undisturbed run of a range.
#[derive(Debug, Clone)]
pub struct Undisturbed {
    /// What it leaves.
    pub content: Content,
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
            let fleet = Fleet::builder().start();
            for dataset in DATASETS {
                let _ = fleet.champion(&backfill(dataset, range)).expect_code(0);
            }
            let Progress { facts, staged, manifests } = progress(&fleet);
            Undisturbed {
                content: fleet.content(),
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
    let fleet = Fleet::builder().variable("CHAMPION_SCRAPER__LIMITS__CONCURRENT_REQUESTS", at_once).start();
    let slow = json!({"path": "*", "kind": "slow", "delay_ms": EXCHANGE_DELAY_MS, "count": "forever"});
    fleet.post_to_mirror("/__fault", &slow);
    let orchestrator_kills = AtomicU64::new(0);
    let deadline = began + RUN_DEADLINE;
    let (mut kills, mut attached) = (Vec::new(), 0);
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
            fleet.kill(kill.service);
            kills.push((kill.service, stage));
            std::thread::sleep(kill.down);
            fleet.start(kill.service);
        }
        attached = clients.into_iter().map(|client| client.join().expect("a run that fails has said so")).sum();
    });
    let (total, most) = requests(&fleet);
    let extra = total.saturating_sub(undisturbed.requests);
    let report = RunReport { kills, extra, attached, one_at_a_time: plan.one_at_a_time, took: began.elapsed() };
    fleet.content().expect_equal(&undisturbed.content, &fleet, &what);
    let count = report.kills.len() as u64;
    assert!(total >= undisturbed.requests, "{what}: {total} requests are too few");
    assert!(most - 1 <= count, "{what}: one report was downloaded {most} times with {count} kills");
    if plan.one_at_a_time {
        assert!(extra <= count, "{what}: {extra} extra downloads with {count} kills");
    }
    report
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
