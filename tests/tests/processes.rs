//! How the processes live: they stop in order, and the order they start in does not matter.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use champion_e2e::stack::signal;
use champion_e2e::wait::wait_until;
use champion_e2e::{Stack, programs};

/// The longest a stage may take from SIGTERM to its end: its grace (20 s), the flush (5 s) and some room.
const DEADLINE: Duration = Duration::from_secs(30);

fn is_alive(pid: u32) -> bool {
    // A zombie has ended; its parent has not looked yet.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn sigterm_under_load_drains_every_service_within_its_deadline_and_nothing_is_left_running() {
    let stack = Stack::builder().start();
    let arguments = ["backfill", "bhavcopy", "--from", "2024-07-08", "--to", "2024-09-30", "--json"];
    let mut load =
        stack.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("champion runs");
    wait_until("the backfill to be under way", Duration::from_secs(30), || {
        let written = stack.folder().join("lake/staged/normalized_equity_ohlc");
        written.is_dir().then_some(())
    });
    let pids: Vec<u32> = stack.services().iter().map(|service| stack.pid(service)).collect();
    let began = Instant::now();
    // One service is asked to stop in the midst of its work; the stack follows, because half a stack hides its fault.
    signal("-TERM", stack.pid("orchestrator"));
    wait_until("the orchestrator to end", DEADLINE, || (!is_alive(stack.pid("orchestrator"))).then_some(()));
    assert!(stack.log("orchestrator").contains("\"stopped\""), "not in order:\n{}", stack.log("orchestrator"));
    let status = stack.stop();
    assert_eq!(status.code(), Some(1), "a service that ends brings the stack down, and that is a failure");
    assert!(began.elapsed() < DEADLINE * 2, "{:?}", began.elapsed());
    for pid in pids {
        assert!(!is_alive(pid), "process {pid} is left running");
    }
    let _ = load.kill();
    let _ = load.wait();
}

#[test]
fn a_run_that_was_cut_off_is_taken_up_again_at_the_step_it_had_reached() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let stack = Stack::builder().data(data.path()).start();
    let arguments = ["backfill", "full_bhavcopy", "--from", "2024-07-08", "--to", "2024-08-30"];
    let mut load =
        stack.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("champion runs");
    wait_until("some days to be parsed", Duration::from_secs(30), || {
        let parsed = std::fs::read_dir(data.path().join("lake/staged/equity_delivery/nse")).ok()?.count();
        (parsed >= 3).then_some(())
    });
    signal("-KILL", stack.pid("orchestrator"));
    let _ = load.wait();
    drop(stack);

    let stack = Stack::builder().data(data.path()).start();
    let run = wait_until("the run to be finished by the next orchestrator", Duration::from_secs(90), || {
        let runs = stack.champion(&["runs", "--json"]).expect_code(0).json();
        let run = runs["runs"].as_array()?.iter().find(|run| run["dataset"] == "full_bhavcopy")?.clone();
        (run["status"] != "running").then_some(run)
    });
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(run["totals"]["present"], 38, "{run}");
    let days = stack.value("SELECT uniqExact(trade_date) FROM equity_delivery_current");
    assert_eq!(days, "38");
    let doubled = stack.value(
        "SELECT count() FROM (SELECT 1 FROM equity_delivery GROUP BY exchange, symbol, series, trade_date HAVING count() > 1)",
    );
    assert_eq!(doubled, "0", "rows that were sent twice");
}

#[test]
fn the_order_the_services_start_in_does_not_matter() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let mut orchestrator = Command::new(programs::binary("champion-orchestrator"))
        .env("CHAMPION_ORCHESTRATOR__SERVER__GRPC_LISTEN", "127.0.0.1:0")
        .env("CHAMPION_ORCHESTRATOR__SERVER__ADMIN__LISTEN", "127.0.0.1:0")
        .env("CHAMPION_ORCHESTRATOR__JOURNAL__PATH", data.path().join("journal.sqlite"))
        .env("CHAMPION_ORCHESTRATOR__LAKE__FOLDER", data.path().join("lake"))
        .env("CHAMPION_ORCHESTRATOR__SERVER__ADDRESS_FILE", data.path().join("addresses.json"))
        .env("CHAMPION_ORCHESTRATOR__STAGES__SCRAPER__URL", "http://127.0.0.1:1")
        .env("CHAMPION_ORCHESTRATOR__STAGES__WAIT_SECONDS", "6")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the orchestrator starts");
    let addresses = wait_until("the orchestrator to listen without any stage", Duration::from_secs(20), || {
        let text = std::fs::read_to_string(data.path().join("addresses.json")).ok()?;
        serde_json::from_str::<serde_json::Value>(&text).ok()
    });
    let url = format!("http://{}", addresses["grpc"].as_str().expect("an address"));
    // A stage that never comes fails the day with a reason, after the wait and not before.
    let began = Instant::now();
    let output = Command::new(programs::binary("champion"))
        .args(["run", "bhavcopy", "--date", "2024-07-08", "--orchestrator", &url, "--data"])
        .arg(data.path())
        .output()
        .expect("champion runs");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("scraper"), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(began.elapsed() >= Duration::from_secs(2), "the stage was not waited for");
    signal("-TERM", orchestrator.id());
    let ended =
        wait_until("the orchestrator to end", DEADLINE, || orchestrator.try_wait().expect("a child can be asked"));
    assert!(ended.success(), "{ended}");
}
