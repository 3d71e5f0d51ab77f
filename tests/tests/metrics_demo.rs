//! `champion metrics-demo` leaves the stack as it found it, also when it is interrupted.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use champion_e2e::wait::wait_until;
use champion_e2e::{Stack, stack};
use serde_json::{Value, json};

fn rules(stack: &Stack) -> Vec<Value> {
    stack.get_from_mirror("/__fault")["rules"].as_array().expect("a list").clone()
}

fn breaker(stack: &Stack) -> String {
    let answer = stack.champion(&["sources", "--json"]).expect_code(0).json();
    let sources = answer["sources"].as_array().expect("a list").clone();
    let archive = sources.iter().find(|source| source["source"] == "nse_archive").expect("the archive");
    archive["breaker"].as_str().expect("a state").to_owned()
}

#[test]
fn a_demo_that_is_interrupted_lifts_its_faults_closes_the_breaker_and_leaves_the_rules_of_others() {
    // The breaker stays open long enough to be interrupted then.
    let stack = Stack::builder().variable("CHAMPION_SCRAPER__BREAKER__OPEN_SECONDS", "40").start();
    let foreign = json!({"path": "/nobody/asks/for/this", "kind": "reset", "count": "forever"});
    stack.post_to_mirror("/__fault", &foreign);
    let mut demo = stack.command(&["metrics-demo", "--only", "breaker", "--json"]);
    let mut demo = demo.stdout(Stdio::piped()).spawn().expect("the demo starts");
    let mut lines = BufReader::new(demo.stdout.take().expect("a pipe")).lines();
    let first_failure = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("\"state\":\"failed\"")));
    assert!(first_failure.is_some(), "the demo makes no run fail");
    stack::signal("-INT", demo.id());
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let status =
        wait_until("the demo to end", Duration::from_secs(20), || demo.try_wait().expect("a child can be asked"));
    assert_eq!(status.code(), Some(130), "{rest:?}");
    let left = rules(&stack);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["path"], foreign["path"]);
    assert_eq!(breaker(&stack), "closed");
}

#[test]
fn one_step_alone_moves_its_metrics_and_lifts_its_faults() {
    let stack = Stack::builder().start();
    let lines =
        stack.champion(&["metrics-demo", "--only", "bad-rows", "--rounds", "2", "--json"]).expect_code(0).json_lines();
    let last = lines.last().expect("a last line");
    assert_eq!((&last["event"], &last["exit_code"]), (&json!("finished"), &json!(0)));
    let metrics = last["metrics"].as_array().expect("a list");
    let moved = metrics.iter().find(|one| one["labels"] == "failure_type=bad_number").expect("bad numbers are counted");
    assert_eq!((moved["before"].as_f64(), moved["after"].as_f64()), (Some(0.0), Some(24.0)));
    assert_eq!(lines.iter().filter(|line| line["event"] == "step_done").count(), 2);
    assert_eq!(rules(&stack), Vec::<Value>::new());
}
