//! `champion as-of` and `champion reconcile` as a person or a script meets them: words and exit codes.

use std::process::{Command, Output};

/// Port 1 is reserved and nobody listens on it.
const NOBODY: &str = "http://127.0.0.1:1";

fn champion(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_champion"));
    for name in ["CHAMPION_DATA", "CHAMPION_ORCHESTRATOR_URL", "CHAMPION_WAREHOUSE_URL", "CHAMPION_LOADER_URL"] {
        command.env_remove(name);
    }
    command.env_remove("OTEL_EXPORTER_OTLP_ENDPOINT").current_dir(folder.path()).args(arguments);
    let output: Output = command.output().expect("the command runs");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn an_instant_that_makes_no_sense_is_a_usage_error_with_an_example() {
    let (code, words) = champion(&["as-of", "yesterday", "SELECT * FROM equity_delivery"]);
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("2025-02-24T20:00+05:30"), "{words}");
}

#[test]
fn a_statement_that_would_show_todays_rows_is_refused_before_the_warehouse_is_asked() {
    let sql = "SELECT * FROM champion.equity_delivery_current";
    let (code, words) = champion(&["--warehouse", NOBODY, "as-of", "2025-02-24T20:00+05:30", sql]);
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("write equity_delivery_current without its database"), "{words}");
}

#[test]
fn an_instant_without_an_offset_is_said_to_be_ist_and_a_warehouse_that_is_away_has_its_own_code() {
    let sql = "SELECT count() FROM equity_delivery";
    let (code, words) = champion(&["--warehouse", NOBODY, "as-of", "2025-02-24T20:00", sql]);
    assert_eq!(code, Some(4), "{words}");
    assert!(words.contains("the instant is IST: 2025-02-24T14:30:00 UTC") && words.contains("is it up?"), "{words}");
}

#[test]
fn reconcile_without_a_loader_and_with_turned_dates_ends_with_their_codes() {
    let (code, words) = champion(&["reconcile", "--loader", NOBODY]);
    assert_eq!(code, Some(4), "{words}");
    let (code, words) = champion(&["reconcile", "--from", "2025-02-25", "--to", "2025-02-24"]);
    assert_eq!((code, words.as_str()), (Some(2), "champion: --from 2025-02-25 is after --to 2025-02-24\n"));
    let (code, words) = champion(&["reconcile", "--table", "equity"]);
    assert_eq!(code, Some(2), "{words}");
}
