//! The built command as a person or a script meets it: exit codes, words, JSON.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const HEADER: &str = "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, CLOSE_PRICE, \
AVG_PRICE, TTL_TRD_QNTY, TURNOVER_LACS, NO_OF_TRADES, DELIV_QTY, DELIV_PER";
const GOOD: &str =
    "AAA, EQ, 25-Jan-2024, 10.00, 10.00, 11.00, 9.00, 10.50, 10.50, 10.00, 100000, 10.00, 100, 50000, 50.00";
/// High below low.
const BAD: &str = "BBB, BE, 25-Jan-2024, 10.00, 10.00, 9.00, 11.00, 10.50, 10.50, 10.00, 100000, 10.00, 100, -, -";

/// The command in a folder, with nothing of the caller's environment that would point it to a stack.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_champion"));
    for name in ["CHAMPION_DATA", "CHAMPION_ORCHESTRATOR_URL", "CHAMPION_WAREHOUSE_URL", "CHAMPION_LOADER_URL"] {
        command.env_remove(name);
    }
    command.env_remove("OTEL_EXPORTER_OTLP_ENDPOINT").current_dir(folder).args(arguments);
    command
}

fn champion(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the command runs")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn file(folder: &Path, name: &str, lines: &[&str]) -> String {
    std::fs::write(folder.join(name), format!("{}\n", lines.join("\n"))).expect("written");
    name.to_owned()
}

#[test]
fn a_file_is_validated_without_any_service_and_the_json_is_one_object() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = file(folder.path(), "sec_bhavdata_full_25012024.csv", &[HEADER, GOOD, BAD]);

    let output = champion(folder.path(), &["validate", &name, "--dataset", "full_bhavcopy", "--json"]);

    assert_eq!(code(&output), Some(0), "{}", words(&output.stderr));
    let verdict: Value = serde_json::from_slice(&output.stdout).expect("one object and nothing else");
    let keys = [
        "dataset",
        "era",
        "trade_date",
        "sha256",
        "rows_in",
        "published",
        "quarantined",
        "filtered",
        "refused",
        "rows",
    ];
    for key in keys {
        assert!(verdict.get(key).is_some(), "{key} is missing in {verdict}");
    }
    let number = |key: &str| verdict[key].as_u64().expect("a number");
    assert_eq!(number("rows_in"), number("published") + number("quarantined") + number("filtered"));
    assert_eq!((&verdict["dataset"], &verdict["trade_date"]), (&"full_bhavcopy".into(), &"2024-01-25".into()));
    assert!(verdict["refused"].is_null());
    assert_eq!(verdict["rows"][0]["line"], 3);
    assert!(verdict["rows"][0]["raw"].as_str().is_some_and(|raw| raw.starts_with("BBB")));
    assert!(verdict["rows"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
}

#[test]
fn a_refused_line_is_shown_with_its_number_and_reason() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = file(folder.path(), "sec_bhavdata_full_25012024.csv", &[HEADER, GOOD, BAD]);

    let output = champion(folder.path(), &["validate", &name, "--dataset", "full_bhavcopy"]);

    let text = words(&output.stdout);
    assert!(text.contains("line 3") && text.contains("BBB"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours into a pipe: {text}");
}

#[test]
fn a_reader_that_has_gone_ends_the_command_without_a_word() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = file(folder.path(), "sec_bhavdata_full_25012024.csv", &[HEADER, GOOD]);
    let mut command = command(folder.path(), &["validate", &name, "--dataset", "full_bhavcopy"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);

    let output = command.stdout(writer).stderr(Stdio::piped()).output().expect("the command runs");

    assert_eq!((code(&output), words(&output.stderr)), (Some(141), String::new()));
}

#[test]
fn a_stale_file_fails_because_its_name_says_another_day() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = file(folder.path(), "sec_bhavdata_full_26012024.csv", &[HEADER, GOOD]);

    let output = champion(folder.path(), &["validate", &name, "--dataset", "full_bhavcopy", "--json"]);

    assert_eq!(code(&output), Some(1));
    let verdict: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert!(verdict["refused"].as_str().is_some_and(|reason| reason.contains("2024-01-25")), "{verdict}");
    assert_eq!(verdict["published"], 0);
}

/// Waits for the command no longer than a person would; one that hangs is ended and told.
fn within_ten_seconds(mut command: Command) -> Output {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while child.try_wait().expect("a child").is_none() {
        if std::time::Instant::now() > until {
            child.kill().expect("ended");
            panic!("the command hangs");
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.wait_with_output().expect("its output")
}

#[test]
fn promise_36_a_path_that_is_no_regular_file_is_refused_at_once_and_standard_input_is_asked_for_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = Command::new("mkfifo").arg(folder.path().join("fifo.csv")).status().expect("mkfifo runs");
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket.csv")).expect("a socket");
    std::os::unix::fs::symlink("fifo.csv", folder.path().join("link.csv")).expect("a link");
    for (path, what) in [
        ("fifo.csv", "a FIFO"),
        ("link.csv", "a FIFO"),
        ("socket.csv", "a socket"),
        ("/dev/zero", "a device"),
        (".", "a folder"),
    ] {
        let output = within_ten_seconds(command(folder.path(), &["validate", path, "--dataset", "full_bhavcopy"]));
        assert_eq!(code(&output), Some(1), "{path}");
        let text = words(&output.stderr);
        assert!(text.contains(path) && text.contains(what) && text.contains("give - to read"), "{text}");
    }

    let name = file(folder.path(), "sec_bhavdata_full_25012024.csv", &[HEADER, GOOD]);
    let input = std::fs::File::open(folder.path().join(&name)).expect("the file");
    let arguments = ["validate", "-", "--dataset", "full_bhavcopy", "--json"];
    let output = command(folder.path(), &arguments).stdin(input).output().expect("the command runs");
    assert_eq!(code(&output), Some(0), "{}", words(&output.stderr));
    let verdict: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(verdict["published"], 1);

    // An endless stream is given up at the cap.
    let zeros = std::fs::File::open("/dev/zero").expect("zeros");
    let output = command(folder.path(), &arguments).stdin(zeros).output().expect("the command runs");
    assert_eq!(code(&output), Some(1));
    assert!(words(&output.stderr).contains("more than"), "{}", words(&output.stderr));
}

#[test]
fn promise_37_a_hostile_file_sends_no_control_sequence_to_the_screen() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let evil = GOOD.replace("AAA", "A\u{1b}[2J\u{202e}\u{9b}31m");
    let header = format!("{HEADER}, NEW\u{1b}]0;owned\u{7}");
    let name =
        file(folder.path(), "sec_bhavdata_full_25012024.csv", &[&header, &format!("{GOOD}, 1"), &format!("{evil}, 1")]);
    for extra in [&[][..], &["--json"]] {
        let arguments = [&["validate", &name, "--dataset", "full_bhavcopy"][..], extra].concat();
        let output = champion(folder.path(), &arguments);
        let text = words(&output.stdout);
        assert!(text.contains("bad_text") && text.contains("NEW"), "{text}");
        let obeyed = |character: char| character != '\n' && (character.is_control() || character == '\u{202e}');
        assert!(!text.chars().any(obeyed), "{text:?}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_2() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lines: [&[&str]; 6] = [
        &["no-such-command"],
        &["run", "bhavcop", "--date", "2024-07-08"],
        &["run", "bhavcopy", "--date", "08-07-2024"],
        &["backfill", "bhavcopy", "--from", "2024-07-09", "--to", "2024-07-08"],
        &["status", "--csv", "--json"],
        &["query", "SELECT 1", "--csv", "--format", "CSV"],
    ];
    for arguments in lines {
        let output = champion(folder.path(), arguments);
        assert_eq!(code(&output), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_stack_that_is_not_up_ends_with_4_and_says_how_to_start_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // A port that was free a moment ago: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let url = format!("http://{free}");
    let lines: [&[&str]; 3] = [
        &["--orchestrator", &url, "run", "bhavcopy", "--date", "2024-07-08"],
        &["--orchestrator", &url, "status"],
        &["--warehouse", &url, "query", "SELECT 1"],
    ];
    for arguments in lines {
        let output = champion(folder.path(), arguments);
        let text = words(&output.stderr);
        assert_eq!(code(&output), Some(4), "{arguments:?}: {text}");
        assert!(text.contains("champion up"), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", words(&output.stdout));
    }
}

#[test]
fn the_help_documents_the_exit_codes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = champion(folder.path(), &["--help"]);
    assert_eq!(code(&output), Some(0));
    let text = words(&output.stdout);
    for code in ["0", "1", "2", "3", "4", "130"] {
        assert!(text.lines().any(|line| line.trim_start().starts_with(&format!("{code} "))), "{code}: {text}");
    }
}
