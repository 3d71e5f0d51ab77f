//! One failed run, from what wakes a person to the line that says why: alert, runbook, run, trace, log.

use std::time::Duration;

use champion_e2e::prometheus::Prometheus;
use champion_e2e::wait::wait_until;
use champion_e2e::{Alertmanager, Stack, programs};
use serde_json::{Value, json};

const IN_TIME: Duration = Duration::from_secs(60);
const REPOSITORY: &str = "https://github.com/champion-data/champion/blob/main/";

/// Returns the commands a page tells to type: lines of its blocks of code.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```").skip(1).step_by(2);
    blocks.flat_map(str::lines).map(str::trim).filter(|line| line.starts_with("champion ")).collect()
}

#[test]
fn from_an_alert_its_page_leads_to_the_run_its_trace_and_the_log_lines_that_say_why() {
    let stack = Stack::builder().start();
    let alertmanager = Alertmanager::start();
    let prometheus = Prometheus::alerting(&stack, &alertmanager);
    wait_until("two samples of every service", IN_TIME, || {
        (prometheus.query("count_over_time(up[1m]) >= 2").len() == stack.services().len()).then_some(())
    });
    stack.post_to_mirror(
        "/__fault",
        &json!({"path": "20240708", "kind": "status_5xx", "status": 503, "count": "forever"}),
    );
    stack.champion(&["run", "bhavcopy", "--date", "2024-07-08"]).expect_code(1);

    // The alert, and the page it names.
    let alert = wait_until("the alert to be delivered", IN_TIME, || alertmanager.find("PipelineFailureRate", "firing"));
    let url = alert.annotations["runbook_url"].as_str().expect("a URL");
    let path = programs::root().join(url.strip_prefix(REPOSITORY).expect("a page of this repository"));
    let page = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let commands = commands(&page);
    for needed in ["champion runs", "champion trace"] {
        assert!(commands.iter().any(|command| command.starts_with(needed)), "{needed} is not in {commands:?}");
    }

    // `champion runs`: the failed run of the flow that the alert is about.
    let runs = stack.champion(&["runs", "--json"]).expect_code(0).json();
    let runs = runs["runs"].as_array().expect("runs");
    let of_flow =
        |run: &&Value| format!("{}_etl", run["dataset"].as_str().unwrap_or_default()) == alert.labels["flow_name"];
    let run = runs.iter().filter(of_flow).find(|run| run["status"] == "failed").unwrap_or_else(|| panic!("{runs:?}"));
    let (run_id, trace_id) = (run["run_id"].as_str().expect("an id"), run["trace_id"].as_str().expect("an id"));

    // `champion trace`: the span that failed.
    let drawn = stack.champion(&["trace", run_id]).expect_code(0).stdout;
    assert!(drawn.contains("with errors"), "{drawn}");
    let trace = stack.champion(&["trace", run_id, "--json"]).expect_code(0).json();
    assert_eq!(trace["trace_id"], trace_id);
    let spans = trace["spans"].as_array().expect("spans");
    let failed: Vec<&Value> = spans.iter().filter(|span| span["status"] == "Error").collect();
    let is_cause = |span: &&&Value| span["service"] == "champion-scraper" && span["detail"] == "503";
    assert!(failed.iter().any(|span| is_cause(&span)), "no failed request of the scraper: {failed:#?}");

    // The log lines of that trace say why, in the service that failed and in the one that gave the run up.
    for service in ["scraper", "orchestrator"] {
        let log = stack.log(service);
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON line"));
        let of_run: Vec<Value> = lines.filter(|line| line["trace_id"] == trace_id).collect();
        let says_why = |line: &Value| line["level"] != "INFO" && line.to_string().contains("503");
        assert!(of_run.iter().any(says_why), "{service} does not say why: {of_run:#?}");
    }
}
