//! A trace id around an operation: set, read, kept, cleared.

use std::time::Duration;

use champion_telemetry::testing::Recorder;
use champion_telemetry::trace_id::{self, TraceId};
use champion_telemetry::{context, trace_id::InvalidTraceId};
use serde_json::Value;
use tracing::{info, info_span};

const TEXT: &str = "0af7651916cd43dd8448eb211c80319c";

fn id(text: &str) -> TraceId {
    text.parse().expect("a trace id")
}

/// Returns the top-level trace id of the one line with this message.
fn logged(message: &str) -> Option<String> {
    let lines = Recorder::install().lines();
    let found: Vec<&Value> = lines.iter().filter(|line| line["message"] == message).collect();
    assert_eq!(found.len(), 1, "{message}: {found:?}");
    found[0].get("trace_id").map(|id| id.as_str().expect("text").to_owned())
}

#[test]
fn only_32_lower_case_hex_digits_that_are_not_all_zero_are_an_id() {
    assert_eq!(id(TEXT).to_string(), TEXT);
    let zero = "0".repeat(32);
    let wrong = [
        "",
        "0af7",
        &TEXT[1..],
        &TEXT.to_uppercase(),
        &zero,
        &format!("{TEXT}0"),
        &"g".repeat(32),
        "+af7651916cd43dd8448eb211c80319c",
    ];
    for text in wrong {
        assert_eq!(text.parse::<TraceId>(), Err(InvalidTraceId), "{text}");
    }
    assert_ne!(TraceId::random(), TraceId::random());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_id_is_kept_across_awaits_and_stands_in_every_line_and_is_cleared_afterwards() {
    Recorder::install();
    let id = TraceId::random();
    trace_id::scope(id, async {
        info!("await: before");
        tokio::time::sleep(Duration::from_millis(5)).await;
        tokio::task::yield_now().await;
        assert_eq!(trace_id::current(), Some(id));
        info!("await: after");
    })
    .await;
    assert_eq!(trace_id::current(), None);
    info!("await: outside");
    assert_eq!(logged("await: before"), Some(id.to_string()));
    assert_eq!(logged("await: after"), Some(id.to_string()));
    assert_eq!(logged("await: outside"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spawned_task_and_a_blocking_thread_keep_the_id_of_their_spawner() {
    Recorder::install();
    let id = TraceId::random();
    trace_id::scope(id, async {
        let task = trace_id::spawn(async {
            tokio::task::yield_now().await;
            info!("spawn: task");
            trace_id::current()
        });
        let thread = trace_id::spawn_blocking(|| {
            info!("spawn: thread");
            trace_id::current()
        });
        assert_eq!((task.await.expect("it ends"), thread.await.expect("it ends")), (Some(id), Some(id)));
    })
    .await;
    assert_eq!(logged("spawn: task"), Some(id.to_string()));
    assert_eq!(logged("spawn: thread"), Some(id.to_string()));
    let later = tokio::task::spawn_blocking(trace_id::current).await.expect("it ends");
    assert_eq!(later, None, "the thread has forgotten it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_run_at_the_same_time_do_not_mix_their_ids() {
    Recorder::install();
    let tasks = (0..50).map(|_| {
        let id = TraceId::random();
        tokio::spawn(trace_id::scope(id, async move {
            for _ in 0..20 {
                tokio::task::yield_now().await;
                assert_eq!(trace_id::current(), Some(id));
            }
        }))
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("every task sees its own id only");
    }
}

#[tokio::test]
async fn a_nested_scope_gives_the_outer_id_back() {
    Recorder::install();
    let (outer, inner) = (TraceId::random(), TraceId::random());
    trace_id::scope(outer, async {
        trace_id::scope(inner, async { assert_eq!(trace_id::current(), Some(inner)) }).await;
        assert_eq!(trace_id::current(), Some(outer));
        let guard = trace_id::set(inner);
        assert_eq!(trace_id::current(), Some(inner));
        guard.clear();
        assert_eq!(trace_id::current(), Some(outer));
    })
    .await;
    assert_eq!(trace_id::current(), None);
}

#[test]
fn a_guard_sets_the_id_for_synchronous_work_and_clears_it_also_on_a_panic() {
    Recorder::install();
    let id = TraceId::random();
    {
        let _guard = trace_id::set(id);
        info!("guard: inside");
        assert_eq!(trace_id::current(), Some(id));
    }
    assert_eq!(trace_id::current(), None);
    let panicked = std::panic::catch_unwind(|| {
        let _guard = trace_id::set(id);
        panic!("on purpose");
    });
    assert!(panicked.is_err() && trace_id::current().is_none());
    assert_eq!(logged("guard: inside"), Some(id.to_string()));
}

#[test]
fn it_is_the_trace_that_spans_belong_to_and_that_calls_hand_on() {
    let recorder = Recorder::install();
    let id = TraceId::random();
    let guard = trace_id::set(id);
    let traceparent = info_span!("inner work").in_scope(context::current_traceparent).expect("a traceparent");
    guard.clear();
    assert!(traceparent.starts_with(&format!("00-{id}-")) && traceparent.ends_with("-01"), "{traceparent}");
    let spans = recorder.spans();
    let of_trace = |name: &str| spans.iter().find(|span| span.name == name && span.trace_id == id.to_string());
    let (scope, inner) = (of_trace("operation").expect("the scope"), of_trace("inner work").expect("the work"));
    assert_eq!(inner.parent_span_id.as_deref(), Some(scope.span_id.as_str()));
}

#[test]
fn the_id_of_a_span_that_others_began_is_read_too() {
    Recorder::install();
    let (current, told) = info_span!("anybody's").in_scope(|| (trace_id::current(), context::current_trace_id()));
    assert_eq!(current.map(|id| id.to_string()), told);
    assert!(told.is_some());
}
