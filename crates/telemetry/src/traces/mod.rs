//! The tracer provider: ids always, an exporter when an endpoint is configured.

mod exporter;
mod queue;
mod resource;
mod settings;

use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use crate::ServiceIdentity;
use crate::propagation::Propagators;

pub(crate) use queue::SpanCounts;
use settings::Settings;

/// What the `OTEL_*` variables ask for, built.
pub(crate) struct Traces {
    pub(crate) provider: SdkTracerProvider,
    pub(crate) propagators: Propagators,
    pub(crate) counts: SpanCounts,
}

/// Builds the provider; call it inside the runtime, for the gRPC exporter's connection lives there.
pub(crate) fn build(identity: ServiceIdentity, defaults: &[(&str, String)], warnings: &mut Vec<String>) -> Traces {
    let lookup = |name: &str| {
        let set = std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let default = || defaults.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        set.or_else(default)
    };
    let settings = Settings::read(&lookup, warnings);
    let counts = SpanCounts::new();
    let mut builder = SdkTracerProvider::builder()
        .with_resource(resource::resource(identity, &lookup, warnings))
        .with_sampler(settings.sampler);
    if let Some(target) = &settings.export {
        match exporter::build(target) {
            Ok(exporter) => builder = builder.with_span_processor(queue::processor(exporter, settings.batch, &counts)),
            Err(error) => warnings.push(format!("no spans are exported: {error}")),
        }
    }
    Traces { provider: builder.build(), propagators: settings.propagators, counts }
}

/// Turns `tracing` spans from INFO up into trace spans, whatever `RUST_LOG` hides from the log.
pub(crate) fn layer<S>(tracer: Tracer) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    // What the exporter says about itself must not become part of what it exports.
    let traced = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("opentelemetry", LevelFilter::OFF)
        // The client crate's own spans would double ours, which know table and month.
        .with_target("clickhouse", LevelFilter::OFF);
    tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false).with_filter(traced)
}

#[cfg(test)]
mod tests;
