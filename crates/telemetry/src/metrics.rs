//! Small helpers around the `prometheus` crate: create, register, return.

use prometheus::process_collector::ProcessCollector;
use prometheus::{Error, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::ServiceIdentity;

/// Registers a family of counters.
///
/// # Errors
///
/// Fails when the name is invalid or taken.
pub fn counter_vec(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
    let family = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

/// Registers a family of floating-point gauges.
///
/// # Errors
///
/// Fails when the name is invalid or taken.
pub fn gauge_vec(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, Error> {
    let family = GaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

/// Registers a family of integer gauges.
///
/// # Errors
///
/// Fails when the name is invalid or taken.
pub fn int_gauge_vec(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
    let family = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

/// Registers a family of histograms with the given upper bounds.
///
/// # Errors
///
/// Fails when the name is invalid or taken, or the buckets do not rise.
pub fn histogram_vec(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: &[f64],
) -> Result<HistogramVec, Error> {
    let family = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

/// Registers what every process shows: `process_*` and `champion_build_info`.
///
/// # Errors
///
/// Fails when the registry already has them.
pub fn register_process(registry: &Registry, identity: &ServiceIdentity) -> Result<(), Error> {
    registry.register(Box::new(ProcessCollector::for_self()))?;
    let info = int_gauge_vec(registry, "champion_build_info", "The running build; always 1.", &["service", "version"])?;
    info.with_label_values(&[identity.name, identity.version]).set(1);
    Ok(())
}
