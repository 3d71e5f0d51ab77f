//! What statements may take of the machine's memory.

use futures::future::join_all;
use reqwest::StatusCode;

use crate::support::{Warehouse, refused_start};

/// Each takes more than a gigabyte when it may: in the engine's aggregation, sort, join, text functions and answers.
const HUNGRY: [&str; 6] = [
    "SELECT length(groupArray(number)) FROM numbers(300000000)",
    "SELECT uniqExact(number) FROM numbers(100000000)",
    "SELECT length(arraySort(groupArray(sipHash64(number)))) FROM numbers(100000000)",
    "SELECT length(repeat('x', 2000000000))",
    "SELECT number, toString(number), toString(number) FROM numbers(60000000) FORMAT JSONCompact",
    "SELECT groupArray(repeat('x', 1000)) FROM numbers(2000000) FORMAT JSON",
];

/// How much of the process is no statement's: code, caches, threads.
const OVERHEAD_MEBIBYTES: u64 = 700;

#[tokio::test]
async fn promise_34_a_statement_that_takes_too_much_memory_ends_and_the_warehouse_lives_on() {
    let settings = [("LIMITS__QUERY_MEMORY_MEBIBYTES", "300"), ("ENGINE__MEMORY_MEBIBYTES", "800")];
    let Some(warehouse) = Warehouse::with(&settings).await else { return };
    for sql in HUNGRY {
        let (status, text) = warehouse.error(&[], sql).await;
        let named = ["MEMORY_LIMIT_EXCEEDED", "TOO_MANY_ROWS_OR_BYTES", "TOO_LARGE_STRING_SIZE"]
            .iter()
            .any(|name| text.contains(name));
        assert!(status == 500 && named, "{sql}: {status} {text}");
        assert_eq!(warehouse.query("SELECT 1").await, "1\n");
    }
    let (_, text) = warehouse.error(&[], HUNGRY[0]).await;
    assert!(text.contains("Code: 241.") && text.contains("MEMORY_LIMIT_EXCEEDED"), "{text}");
    // An answer kept whole because the client wants it so, or because it is a session's.
    let rows = "SELECT number, toString(number) FROM numbers(60000000) FORMAT TSV";
    for how in [("wait_end_of_query", "1"), ("session_id", "s")] {
        let (_, text) = warehouse.error(&[how], rows).await;
        assert!(text.contains("TOO_MANY_ROWS_OR_BYTES"), "{how:?}: {text}");
    }
    // All together, more than the engine may have.
    let answers = join_all((0..16).map(|at| warehouse.post(&[], HUNGRY[at % HUNGRY.len()]))).await;
    assert!(answers.iter().all(|answer| answer.status() != StatusCode::OK));
    assert_eq!(warehouse.query("SELECT sum(number) FROM numbers(1000)").await, "499500\n");
    let peak = warehouse.peak_mebibytes();
    assert!(peak < 800 + OVERHEAD_MEBIBYTES, "{peak} MiB");
}

#[tokio::test]
async fn promise_34_no_client_can_raise_what_a_statement_may_take() {
    let settings = [("LIMITS__QUERY_MEMORY_MEBIBYTES", "300"), ("ENGINE__MEMORY_MEBIBYTES", "800")];
    let Some(warehouse) = Warehouse::with(&settings).await else { return };
    for (name, value) in [
        ("max_memory_usage", "0"),
        ("max_memory_usage", "1000000000"),
        ("max_memory_usage_for_user", "0"),
        ("max_memory_usage_for_user", "1"),
        ("max_untracked_memory", "10000000000"),
        ("max_result_bytes", "0"),
        ("max_result_bytes", "1000000000000"),
        ("max_execution_time", "0"),
        ("max_execution_time", "100000"),
    ] {
        let whole = ("wait_end_of_query", "1");
        let in_url = warehouse.error(&[whole, (name, value)], "SELECT 1").await.1;
        let in_text = warehouse.error(&[whole], format!("SELECT 1 SETTINGS {name} = {value}")).await.1;
        let in_session = warehouse.error(&[("session_id", "s")], format!("SET {name} = {value}")).await.1;
        let by_parameter = [("session_id", "s"), ("param_x", value)];
        let by_parameter = warehouse.error(&by_parameter, format!("SET {name} = {{x:UInt64}}")).await.1;
        for text in [in_url, in_text, in_session, by_parameter] {
            assert!(text.contains("SETTING_CONSTRAINT_VIOLATION"), "{name} = {value}: {text}");
        }
        for sql in [format!("SET {name} = DEFAULT"), format!("SELECT 1 SETTINGS `{name}` == default")] {
            let (_, text) = warehouse.error(&[("session_id", "s")], sql.clone()).await;
            assert!(text.contains("READONLY"), "{sql}: {text}");
        }
    }
    for (name, value) in [("profile", "default"), ("compatibility", "21.1")] {
        let (_, text) = warehouse.error(&[(name, value)], HUNGRY[0]).await;
        assert!(text.contains("MEMORY_LIMIT_EXCEEDED"), "{name}: {text}");
    }
    // Less may be asked for.
    let (_, text) = warehouse
        .error(&[("max_memory_usage", "1000000")], "SELECT length(groupArray(number)) FROM numbers(1000000)")
        .await;
    assert!(text.contains("MEMORY_LIMIT_EXCEEDED"), "{text}");
    let answer = warehouse.post(&[("max_execution_time", "5"), ("max_memory_usage", "100000000")], "SELECT 1").await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[test]
fn promise_34_a_cap_that_is_none_does_not_start() {
    for one in ["0", "5000"] {
        let Some(said) = refused_start(&[("LIMITS__QUERY_MEMORY_MEBIBYTES", one)]) else { return };
        assert!(said.contains("limits.query_memory_mebibytes") && said.contains("engine.memory_mebibytes"), "{said}");
    }
}
