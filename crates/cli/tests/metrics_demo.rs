//! `champion metrics-demo` refuses what is no stack of its own with a mirror.

use std::path::Path;
use std::process::{Command, Output};

fn metrics_demo(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_champion"));
    for name in ["CHAMPION_DATA", "CHAMPION_ORCHESTRATOR_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
        command.env_remove(name);
    }
    command.arg("metrics-demo").arg("--data").arg(data).args(arguments).output().expect("the command runs")
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn without_a_stack_it_ends_with_4_and_says_how_to_start_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = metrics_demo(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(4));
    assert!(words(&output.stderr).contains("champion up"), "{}", words(&output.stderr));
    assert!(output.stdout.is_empty());
}

#[test]
fn a_stack_without_an_exchange_mirror_is_refused_with_2_before_anything_is_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let endpoints =
        r#"{"orchestrator": {"grpc": "127.0.0.1:1", "admin": "127.0.0.1:1"}, "scraper": {"grpc": "127.0.0.1:1"}}"#;
    std::fs::write(folder.path().join("endpoints.json"), endpoints).expect("written");
    let output = metrics_demo(folder.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output.stderr));
    assert!(words(&output.stderr).contains("never at an exchange"), "{}", words(&output.stderr));
    assert!(output.stdout.is_empty());
}

#[test]
fn the_orchestrator_of_another_stack_is_refused_with_2() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let endpoints = r#"{"orchestrator": {"grpc": "127.0.0.1:1"}, "exchange-mirror": {"http": "127.0.0.1:1"}}"#;
    std::fs::write(folder.path().join("endpoints.json"), endpoints).expect("written");
    let output = metrics_demo(folder.path(), &["--orchestrator", "http://10.0.0.1:50055"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output.stderr));
    assert!(words(&output.stderr).contains("http://10.0.0.1:50055"), "{}", words(&output.stderr));
}

#[test]
fn the_help_names_every_step_and_options_that_make_no_sense_end_with_2() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let help = words(&metrics_demo(folder.path(), &["--help"]).stdout);
    for step in ["success", "rerun", "bad-rows", "refused-file", "correction", "failed-run", "html", "breaker"] {
        assert!(help.contains(&format!("- {step}:")), "{step} is not in\n{help}");
    }
    let wrong: [&[&str]; 4] =
        [&["--only", "nonsense"], &["--for", "soon"], &["--rounds", "0"], &["--rounds", "2", "--for", "1m"]];
    for arguments in wrong {
        assert_eq!(metrics_demo(folder.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
}
