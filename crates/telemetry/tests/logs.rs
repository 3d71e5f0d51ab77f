//! The log lines as a log collector reads them.

use champion_telemetry::context;
use champion_telemetry::testing::Recorder;
use serde_json::Value;
use tracing::{info, info_span, warn};

fn line(recorder: &Recorder, message: &str) -> Value {
    let found = recorder.lines().into_iter().find(|line| line["message"] == message);
    found.unwrap_or_else(|| panic!("no line {message:?} in {:#?}", recorder.lines()))
}

#[test]
fn a_line_inside_a_span_carries_its_ids_at_the_top() {
    let recorder = Recorder::install();
    let span = info_span!("work");
    let (trace_id, traceparent) = span.in_scope(|| {
        info!(rows = 34_u64, ratio = 0.5, ok = true, dataset = %"bhavcopy", "artifact published");
        (context::current_trace_id().unwrap(), context::current_traceparent().unwrap())
    });
    let line = line(recorder, "artifact published");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["target"], "logs");
    assert_eq!(line["service"], "test");
    assert_eq!(line["rows"], 34);
    assert_eq!(line["ratio"], 0.5);
    assert_eq!(line["ok"], true);
    assert_eq!(line["dataset"], "bhavcopy");
    assert_eq!(line["trace_id"], Value::from(trace_id.clone()));
    assert_eq!(line["trace_flags"], "01");
    let span_id = line["span_id"].as_str().unwrap();
    assert_eq!(traceparent, format!("00-{trace_id}-{span_id}-01"));
    assert!(trace_id.len() == 32 && trace_id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    let timestamp = line["timestamp"].as_str().unwrap();
    assert!(timestamp.ends_with('Z') && timestamp.len() == "2026-01-02T03:04:05.678901Z".len(), "{timestamp}");
}

#[test]
fn a_line_outside_a_span_has_no_ids() {
    let recorder = Recorder::install();
    info!("nobody's line");
    assert!(line(recorder, "nobody's line").get("trace_id").is_none());
    assert_eq!(context::current_trace_id(), None);
    assert_eq!(context::current_traceparent(), None);
}

#[test]
fn any_text_stays_one_line_and_no_field_hides_what_every_line_has() {
    let recorder = Recorder::install();
    let nasty = "quote \" newline \n tab \t null \0 ₹ \u{2028}";
    warn!(nasty, level = "mine", trace_id = "forged", "escaped");
    let line = line(recorder, "escaped");
    assert_eq!(line["nasty"], nasty);
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["field.level"], "mine");
    assert_eq!(line["field.trace_id"], "forged");
    assert!(line.get("trace_id").is_none());
}

#[test]
fn a_span_takes_its_parent_from_a_traceparent_before_it_is_entered() {
    let recorder = Recorder::install();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let span = info_span!("resumed");
    assert!(context::set_parent(&span, traceparent));
    assert_eq!(span.in_scope(context::current_trace_id).unwrap(), "0af7651916cd43dd8448eb211c80319c");
    assert!(!context::set_parent(&span, traceparent), "an entered span keeps its parent");
    drop(span);
    let resumed = recorder.spans().into_iter().find(|span| span.name == "resumed").unwrap();
    assert_eq!(resumed.parent_span_id.as_deref(), Some("b7ad6b7169203331"));
    for wrong in ["", "00-0-0-00", "nonsense", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "\n"] {
        assert!(!context::set_parent(&info_span!("other"), wrong), "{wrong}");
    }
}
