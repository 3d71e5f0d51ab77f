//! What is left when `champion up` ends as nobody planned.

use std::time::Duration;

use champion_e2e::stack::signal;
use champion_e2e::wait::wait_until;
use champion_e2e::{Stack, programs};

/// Longest time a service may outlive the `champion up` that started it.
const DEADLINE: Duration = Duration::from_secs(10);

fn is_alive(pid: u32) -> bool {
    // A zombie has ended; its parent has not looked yet.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn promise_35_kill_9_of_up_leaves_no_child_and_the_next_start_works_and_truncates_no_log() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let mut stack = Stack::builder().data(data.path()).start();
    for round in 1..=3 {
        let day = format!("2024-07-{:02}", 7 + round);
        let _ = stack.champion(&["run", "bhavcopy", "--date", &day]).expect_code(0);
        let pids: Vec<u32> = stack.services().iter().map(|service| stack.pid(service)).collect();
        assert_eq!(pids.len(), 8);
        // In the midst of work, too.
        let mut load = stack.command(&["backfill", "bhavcopy", "--from", "2024-08-01", "--to", "2024-08-30"]);
        let mut load = load.stderr(std::process::Stdio::null()).spawn().expect("champion runs");
        std::thread::sleep(Duration::from_millis(200));
        stack.kill();
        if round != 2 {
            wait_until("every service to end", DEADLINE, || pids.iter().all(|pid| !is_alive(*pid)).then_some(()));
        }
        let _ = load.kill();
        let _ = load.wait();
        // In the second round at once: the new start waits for what the old one leaves.
        stack = Stack::builder().data(data.path()).start();
        assert!(pids.iter().all(|pid| !is_alive(*pid)), "services of the earlier start serve on");
        let days = stack.value("SELECT uniqExact(trade_date) FROM normalized_equity_ohlc_current");
        assert!(days.parse::<u32>().is_ok_and(|days| days >= round), "{days}");
    }
    for service in stack.services() {
        let log = stack.log(&service);
        let starts = log.lines().filter(|line| line.contains("\"starting\"")).count();
        assert_eq!(starts, 4, "{service}: the log of an earlier start is gone");
        for line in log.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{service}: half a line: {line}");
        }
    }
}

#[test]
fn promise_35_a_process_that_stays_is_named_with_what_to_do() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let stack = Stack::builder().data(data.path()).start();
    let start = || {
        let mut command = std::process::Command::new(programs::binary("champion"));
        command.args(["up", "--ports", "auto", "--quiet", "--data"]).arg(data.path());
        let output = command.output().expect("champion runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = start();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another stack") && said.contains(&format!("process {}", stack.up_pid())), "{said}");

    drop(stack);

    // A service of the list that has lost its lifeline, as one that hangs in the system has.
    let mut left = std::process::Command::new(programs::binary("champion-parser"))
        .env("CHAMPION_PARSER__SERVER__GRPC_LISTEN", "127.0.0.1:0")
        .env("CHAMPION_PARSER__SERVER__ADMIN__LISTEN", "127.0.0.1:0")
        .env("CHAMPION_PARSER__LAKE__FOLDER", data.path().join("lake"))
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the parser starts");
    let pid = left.id();
    let list = serde_json::json!([{"name": "parser", "pid": pid}]).to_string();
    std::fs::write(data.path().join("processes.json"), list).expect("ours");
    let (code, said) = start();
    signal("-KILL", pid);
    let _ = left.wait();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("parser (process {pid})")) && said.contains(&format!("kill -9 {pid}")), "{said}");
    let stack = Stack::builder().data(data.path()).start();
    assert_eq!(stack.value("SELECT 1"), "1");
}
