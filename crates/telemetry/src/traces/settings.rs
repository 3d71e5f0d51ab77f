//! The `OTEL_*` variables, read once. A wrong value is a warning and its default is used: tracing never stops a process.
//!
//! The SDK reads some of them itself, silently or before any log exists, and ignores `OTEL_SDK_DISABLED`,
//! `OTEL_TRACES_EXPORTER` and `OTEL_PROPAGATORS`; so all are read here.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;
use opentelemetry_sdk::trace::Sampler;

use crate::propagation::Propagators;

/// Gives the value of a variable; empty counts as unset, as the OpenTelemetry specification says.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where and how spans are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) protocol: Protocol,
    /// For HTTP the full URL, for gRPC the base.
    pub(crate) endpoint: String,
    pub(crate) timeout: Duration,
}

/// The two protocols that are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    HttpProtobuf,
}

/// The queue between the program and the exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) queue: usize,
    pub(crate) size: usize,
    pub(crate) delay: Duration,
}

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) export: Option<Export>,
    pub(crate) sampler: Sampler,
    pub(crate) batch: Batch,
    pub(crate) propagators: Propagators,
}

/// Defaults of the OpenTelemetry specification.
const TIMEOUT_MILLISECONDS: u64 = 10_000;
const QUEUE: usize = 2_048;
const BATCH: usize = 512;
/// Shorter than the specification's 5 s: a person looks at the trace of a run as soon as it ends.
const DELAY_MILLISECONDS: u64 = 1_000;
/// The port that by convention speaks OTLP over gRPC.
const GRPC_PORT: u16 = 4317;

impl Settings {
    pub(crate) fn read(lookup: Lookup<'_>, warnings: &mut Vec<String>) -> Self {
        Self {
            export: export(lookup, warnings),
            sampler: sampler(lookup, warnings),
            batch: batch(lookup, warnings),
            propagators: propagators(lookup, warnings),
        }
    }
}

fn export(lookup: Lookup<'_>, warnings: &mut Vec<String>) -> Option<Export> {
    if boolean(lookup, "OTEL_SDK_DISABLED", warnings) {
        return None;
    }
    match lookup("OTEL_TRACES_EXPORTER").as_deref() {
        None | Some("otlp") => {}
        Some("none") => return None,
        Some(other) => warnings.push(format!("OTEL_TRACES_EXPORTER={other}: expected otlp or none; using otlp")),
    }
    let own = lookup("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").map(|url| ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url));
    let shared = || lookup("OTEL_EXPORTER_OTLP_ENDPOINT").map(|url| ("OTEL_EXPORTER_OTLP_ENDPOINT", url));
    let (name, url) = own.or_else(shared)?;
    let uri = match url.parse::<Uri>() {
        Ok(uri) if uri.scheme_str() == Some("http") && uri.host().is_some() => uri,
        _ => {
            // TLS is the work of the collector beside the service, as with everything else that leaves the cluster.
            warnings.push(format!("{name}={url}: expected http://host:port; no spans are exported"));
            return None;
        }
    };
    let protocol = protocol(lookup, uri.port_u16(), warnings);
    for name in ["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"] {
        if let Some(other) = lookup(name).filter(|value| value != "none") {
            warnings.push(format!("{name}={other}: expected none; spans are sent uncompressed"));
        }
    }
    // Only the shared variable is a base URL; the traces' own is taken as it stands.
    let endpoint = match protocol {
        Protocol::HttpProtobuf if name == "OTEL_EXPORTER_OTLP_ENDPOINT" => {
            format!("{}/v1/traces", url.trim_end_matches('/'))
        }
        Protocol::HttpProtobuf | Protocol::Grpc => url,
    };
    let timeout = first_number(
        lookup,
        ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"],
        TIMEOUT_MILLISECONDS,
        warnings,
    );
    Some(Export { protocol, endpoint, timeout: Duration::from_millis(timeout) })
}

fn protocol(lookup: Lookup<'_>, port: Option<u16>, warnings: &mut Vec<String>) -> Protocol {
    for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
        match lookup(name).as_deref() {
            None => {}
            Some("grpc") => return Protocol::Grpc,
            Some("http/protobuf") => return Protocol::HttpProtobuf,
            Some(other) => warnings.push(format!("{name}={other}: expected grpc or http/protobuf; ignored")),
        }
    }
    if port == Some(GRPC_PORT) { Protocol::Grpc } else { Protocol::HttpProtobuf }
}

fn sampler(lookup: Lookup<'_>, warnings: &mut Vec<String>) -> Sampler {
    let parent_based = |sampler| Sampler::ParentBased(Box::new(sampler));
    match lookup("OTEL_TRACES_SAMPLER").as_deref() {
        None | Some("parentbased_always_on") => parent_based(Sampler::AlwaysOn),
        Some("always_on") => Sampler::AlwaysOn,
        Some("always_off") => Sampler::AlwaysOff,
        Some("parentbased_always_off") => parent_based(Sampler::AlwaysOff),
        Some("traceidratio") => Sampler::TraceIdRatioBased(ratio(lookup, warnings)),
        Some("parentbased_traceidratio") => parent_based(Sampler::TraceIdRatioBased(ratio(lookup, warnings))),
        Some(other) => {
            warnings.push(format!("OTEL_TRACES_SAMPLER={other}: not known; using parentbased_always_on"));
            parent_based(Sampler::AlwaysOn)
        }
    }
}

fn ratio(lookup: Lookup<'_>, warnings: &mut Vec<String>) -> f64 {
    let Some(text) = lookup("OTEL_TRACES_SAMPLER_ARG") else { return 1.0 };
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
        _ => {
            warnings.push(format!("OTEL_TRACES_SAMPLER_ARG={text}: expected 0 to 1; using 1"));
            1.0
        }
    }
}

fn batch(lookup: Lookup<'_>, warnings: &mut Vec<String>) -> Batch {
    let queue = positive(lookup, "OTEL_BSP_MAX_QUEUE_SIZE", QUEUE, warnings);
    let size = positive(lookup, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH.min(queue), warnings);
    let delay = first_number(lookup, ["OTEL_BSP_SCHEDULE_DELAY"], DELAY_MILLISECONDS, warnings);
    if size > queue {
        warnings.push(format!("OTEL_BSP_MAX_EXPORT_BATCH_SIZE={size}: more than the queue holds; using {queue}"));
    }
    Batch { queue, size: size.min(queue), delay: Duration::from_millis(delay) }
}

fn propagators(lookup: Lookup<'_>, warnings: &mut Vec<String>) -> Propagators {
    let Some(text) = lookup("OTEL_PROPAGATORS") else { return Propagators::default() };
    let mut asked = Propagators::none();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            "tracecontext" => asked.trace_context = true,
            "baggage" => asked.baggage = true,
            "none" => {}
            other => {
                warnings.push(format!("OTEL_PROPAGATORS: {other} is not known; expected tracecontext, baggage, none"))
            }
        }
    }
    asked
}

fn boolean(lookup: Lookup<'_>, name: &str, warnings: &mut Vec<String>) -> bool {
    let Some(text) = lookup(name) else { return false };
    if !text.eq_ignore_ascii_case("true") && !text.eq_ignore_ascii_case("false") {
        warnings.push(format!("{name}={text}: expected true or false; using false"));
    }
    text.eq_ignore_ascii_case("true")
}

fn positive(lookup: Lookup<'_>, name: &'static str, default: usize, warnings: &mut Vec<String>) -> usize {
    match first_number(lookup, [name], default, warnings) {
        0 => {
            warnings.push(format!("{name}=0: expected at least 1; using {default}"));
            default
        }
        number => number,
    }
}

fn first_number<T, const N: usize>(
    lookup: Lookup<'_>,
    names: [&'static str; N],
    default: T,
    warnings: &mut Vec<String>,
) -> T
where
    T: FromStr<Err: Display> + Display,
{
    for name in names {
        let Some(text) = lookup(name) else { continue };
        match text.trim().parse() {
            Ok(number) => return number,
            Err(error) => warnings.push(format!("{name}={text}: {error}; ignored")),
        }
    }
    default
}

#[cfg(test)]
mod tests;
