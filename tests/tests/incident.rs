//! One failed run, from what wakes a person to the line that says why: alert, runbook, run, trace, log.

use std::process::Command;
use std::time::Duration;

use champion_e2e::prometheus::Prometheus;
use champion_e2e::wait::wait_until;
use champion_e2e::{Alertmanager, Answer, Stack, programs};
use serde_json::{Value, json};

const IN_TIME: Duration = Duration::from_secs(60);
const REPOSITORY: &str = "https://github.com/champion-data/champion/blob/main/";

/// Returns the command of a page that begins so: an indented line.
fn command<'page>(page: &'page str, begins: &str) -> &'page str {
    let mut commands = page.lines().filter_map(|line| line.strip_prefix("    "));
    commands.find(|line| line.starts_with(begins)).unwrap_or_else(|| panic!("no {begins} in\n{page}"))
}

/// Types a command of a page, with `champion` and the folder of the stack.
fn follow(stack: &Stack, command: &str, extra: &[&str]) -> Answer {
    let arguments: Vec<&str> = command.split(' ').skip(1).chain(extra.iter().copied()).collect();
    stack.champion(&arguments).expect_code(0)
}

#[test]
fn from_an_alert_its_page_leads_to_the_run_its_trace_and_the_log_lines_that_say_why() {
    // An open circuit breaker would be the reason of the later attempts.
    let stack = Stack::builder().variable("CHAMPION_SCRAPER__BREAKER__MIN_CALLS", "1000").start();
    let alertmanager = Alertmanager::start();
    let _prometheus = Prometheus::alerting(&stack, &alertmanager);
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

    // `champion runs`: the failed run of the flow that the alert is about.
    let runs = follow(&stack, command(&page, "champion runs"), &["--json"]).json();
    let runs = runs["runs"].as_array().expect("runs");
    let of_flow =
        |run: &&Value| format!("{}_etl", run["dataset"].as_str().unwrap_or_default()) == alert.labels["flow_name"];
    let run = runs.iter().filter(of_flow).find(|run| run["status"] == "failed").unwrap_or_else(|| panic!("{runs:?}"));
    let (run_id, trace_id) = (run["run_id"].as_str().expect("an id"), run["trace_id"].as_str().expect("an id"));

    // `champion trace`: the span that failed.
    let trace = command(&page, "champion trace").replace("<run>", run_id);
    let drawn = follow(&stack, &trace, &[]).stdout;
    assert!(drawn.contains("with errors"), "{drawn}");
    let trace = follow(&stack, &trace, &["--json"]).json();
    assert_eq!(trace["trace_id"], trace_id);
    let spans = trace["spans"].as_array().expect("spans");
    let failed: Vec<&Value> = spans.iter().filter(|span| span["status"] == "Error").collect();
    let is_cause = |span: &&&Value| {
        span["service"] == "champion-scraper" && span["detail"].as_str().is_some_and(|detail| detail.contains("503"))
    };
    assert!(failed.iter().any(|span| is_cause(&span)), "no failed request of the scraper: {failed:#?}");

    // `grep` in the logs: the lines of that trace say why, in the service that failed and in the one that gave the run up.
    let grep = command(&page, "grep").replace("<trace id>", trace_id);
    let grep = grep.replace(".champion/", &format!("{}/", stack.folder().display()));
    let found = Command::new("sh").args(["-c", &grep]).output().expect("a shell runs");
    assert!(found.status.success(), "{grep}: {}", String::from_utf8_lossy(&found.stderr));
    let found = String::from_utf8(found.stdout).expect("UTF-8");
    let lines: Vec<Value> = found.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    for service in ["champion-scraper", "champion-orchestrator"] {
        let of_service = lines.iter().filter(|line| line["service"] == service && line["trace_id"] == trace_id);
        let says_why = |line: &&Value| line["level"] != "INFO" && line.to_string().contains("503");
        assert!(of_service.clone().any(|line| says_why(&line)), "{service} does not say why:\n{found}");
    }
}
