//! The log: JSON lines for machines, or a console format for people, on standard output.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::ServiceIdentity;
use crate::json::JsonLayer;

/// The level when `RUST_LOG` says nothing.
const DEFAULT_FILTER: &str = "info";
/// The exporter reports a dead collector at every batch; `traces::queue` says it once instead.
const EXPORTER_OFF: &str = "opentelemetry=off";

/// Who reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Whatever collects the standard output of a service.
    Machines,
    /// The person at the terminal, whose standard output is the program's answer.
    Person,
}

/// Builds the layer that `LOG_FORMAT` and `RUST_LOG` ask for.
pub(crate) fn layer<S>(
    identity: ServiceIdentity,
    audience: Audience,
    warnings: &mut Vec<String>,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    if audience == Audience::Person {
        let filter = filter(if asked.is_empty() { "warn" } else { &asked }, warnings);
        return fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).with_filter(filter).boxed();
    }
    let filter = filter(&asked, warnings);
    match std::env::var("LOG_FORMAT").unwrap_or_default().as_str() {
        "console" => fmt::layer().with_ansi(io::stdout().is_terminal()).with_filter(filter).boxed(),
        format => {
            if !matches!(format, "" | "json") {
                warnings.push(format!("LOG_FORMAT={format}: expected json or console; using json"));
            }
            JsonLayer::new(identity.name, io::stdout).with_filter(filter).boxed()
        }
    }
}

fn filter(text: &str, warnings: &mut Vec<String>) -> EnvFilter {
    let asked = if text.trim().is_empty() { DEFAULT_FILTER } else { text };
    let directives = if asked.contains("opentelemetry") { asked.to_owned() } else { format!("{asked},{EXPORTER_OFF}") };
    EnvFilter::try_new(directives).unwrap_or_else(|error| {
        warnings.push(format!("RUST_LOG={text}: {error}; using {DEFAULT_FILTER}"));
        EnvFilter::new(format!("{DEFAULT_FILTER},{EXPORTER_OFF}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_a_warning_and_the_log_goes_on() {
        let mut warnings = Vec::new();
        assert_eq!(filter("champion=loud=very", &mut warnings).to_string(), "opentelemetry=off,info");
        assert!(warnings[0].contains("champion=loud=very"), "{warnings:?}");
    }

    #[test]
    fn the_exporter_is_heard_only_when_asked_for() {
        let mut warnings = Vec::new();
        assert!(filter("debug", &mut warnings).to_string().contains("opentelemetry=off"));
        assert!(!filter("info,opentelemetry_sdk=debug", &mut warnings).to_string().contains("off"));
        assert!(warnings.is_empty());
    }
}
