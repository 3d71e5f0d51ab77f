//! Right, wrong and missing `OTEL_*` variables.

use super::*;

fn read(variables: &[(&str, &str)]) -> (Settings, Vec<String>) {
    let mut warnings = Vec::new();
    let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let settings = Settings::read(&lookup, &mut warnings);
    (settings, warnings)
}

fn export_of(variables: &[(&str, &str)]) -> Option<(Protocol, String)> {
    let (settings, warnings) = read(variables);
    assert_eq!(warnings, Vec::<String>::new());
    settings.export.map(|export| (export.protocol, export.endpoint))
}

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";

#[test]
fn without_an_endpoint_nothing_is_sent() {
    assert_eq!(export_of(&[]), None);
    assert_eq!(export_of(&[(PROTOCOL, "grpc")]), None);
}

#[test]
fn the_endpoint_and_the_protocol_decide_where_spans_go() {
    let http = Some((Protocol::HttpProtobuf, "http://c:4318/v1/traces".to_owned()));
    assert_eq!(export_of(&[(ENDPOINT, "http://c:4318")]), http);
    assert_eq!(export_of(&[(ENDPOINT, "http://c:4318/")]), http);
    assert_eq!(
        export_of(&[(ENDPOINT, "http://a"), (TRACES_ENDPOINT, "http://b/own/path")]),
        Some((Protocol::HttpProtobuf, "http://b/own/path".to_owned()))
    );
    assert_eq!(
        export_of(&[(ENDPOINT, "http://c:4318"), (PROTOCOL, "grpc")]),
        Some((Protocol::Grpc, "http://c:4318".to_owned()))
    );
}

#[test]
fn the_conventional_grpc_port_speaks_grpc_unless_told_otherwise() {
    assert_eq!(export_of(&[(ENDPOINT, "http://c:4317")]), Some((Protocol::Grpc, "http://c:4317".to_owned())));
    assert_eq!(
        export_of(&[(ENDPOINT, "http://c:4317"), (PROTOCOL, "http/protobuf")]),
        Some((Protocol::HttpProtobuf, "http://c:4317/v1/traces".to_owned()))
    );
}

#[test]
fn export_can_be_switched_off_with_an_endpoint_set() {
    assert_eq!(export_of(&[(ENDPOINT, "http://c:4317"), ("OTEL_SDK_DISABLED", "true")]), None);
    assert_eq!(export_of(&[(ENDPOINT, "http://c:4317"), ("OTEL_TRACES_EXPORTER", "none")]), None);
    assert!(export_of(&[(ENDPOINT, "http://c:4317"), ("OTEL_TRACES_EXPORTER", "otlp")]).is_some());
}

#[test]
fn each_wrong_value_is_a_warning_that_names_its_variable() {
    for (name, value) in [
        (ENDPOINT, "collector:4317"),
        (ENDPOINT, "https://collector:4317"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        (PROTOCOL, "http/json"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_SDK_DISABLED", "perhaps"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_PROPAGATORS", "b3"),
        ("OTEL_TRACES_SAMPLER", "dice"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-5"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1s"),
    ] {
        let (_, warnings) = read(&[(name, value), (TRACES_ENDPOINT, "http://c:1")]);
        // The traces' own endpoint hides the shared one, wrong or not.
        let expected = usize::from(name != ENDPOINT);
        assert_eq!(warnings.len(), expected, "{name}={value}: {warnings:?}");
        assert!(warnings.iter().all(|warning| warning.contains(name)), "{warnings:?}");
        let (_, warnings) = read(&[(name, value), (ENDPOINT, if name == ENDPOINT { value } else { "http://c:1" })]);
        assert_eq!(warnings.len(), 1, "{name}={value}: {warnings:?}");
    }
}

#[test]
fn samplers_are_those_of_the_specification() {
    let sampler = |name: &str, argument: &str| {
        let (settings, warnings) = read(&[("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)]);
        (format!("{:?}", settings.sampler), warnings.len())
    };
    assert_eq!(sampler("always_off", ""), ("AlwaysOff".to_owned(), 0));
    assert_eq!(sampler("traceidratio", "0.25"), ("TraceIdRatioBased(0.25)".to_owned(), 0));
    assert_eq!(sampler("traceidratio", "2"), ("TraceIdRatioBased(1.0)".to_owned(), 1));
    assert!(sampler("parentbased_always_off", "").0.starts_with("ParentBased(AlwaysOff"));
    assert!(format!("{:?}", read(&[]).0.sampler).starts_with("ParentBased(AlwaysOn"));
}

#[test]
fn a_batch_never_exceeds_its_queue() {
    let (settings, warnings) = read(&[("OTEL_BSP_MAX_QUEUE_SIZE", "10"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "20")]);
    assert_eq!((settings.batch.queue, settings.batch.size), (10, 10));
    assert_eq!(warnings.len(), 1);
    let (settings, warnings) = read(&[("OTEL_BSP_MAX_QUEUE_SIZE", "10")]);
    assert_eq!((settings.batch.size, warnings.len()), (10, 0));
}

#[test]
fn propagators_are_what_is_asked_for() {
    assert_eq!(read(&[]).0.propagators, Propagators { trace_context: true, baggage: true });
    assert_eq!(read(&[("OTEL_PROPAGATORS", "none")]).0.propagators, Propagators::none());
    let (settings, _) = read(&[("OTEL_PROPAGATORS", "tracecontext, b3")]);
    assert_eq!(settings.propagators, Propagators { trace_context: true, baggage: false });
}
