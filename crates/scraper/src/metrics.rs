//! The scraper's metrics. Every label value comes from a closed set and exists at 0 from the start.

use std::time::Duration;

use champion_market_data::Dataset;
use champion_retry::BreakerState;
use champion_telemetry::Registry;
use champion_telemetry::metrics::{counter_vec, histogram_vec, int_gauge_vec};
use chrono::{DateTime, Utc};
use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use crate::Source;

/// From a file out of a mirror (milliseconds) to a fetch that ends at its deadline of a minute or two.
const SCRAPE_SECONDS: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// Changes of state that a breaker makes; from open to closed when an operator resets it.
const TRANSITIONS: [(BreakerState, BreakerState); 5] = [
    (BreakerState::Closed, BreakerState::Open),
    (BreakerState::Open, BreakerState::HalfOpen),
    (BreakerState::HalfOpen, BreakerState::Open),
    (BreakerState::HalfOpen, BreakerState::Closed),
    (BreakerState::Open, BreakerState::Closed),
];

/// The label values of `outcome`.
const SUCCESS: &str = "success";
const FAILURE: &str = "failure";

/// What the scraper counts.
#[derive(Debug, Clone)]
pub struct Metrics {
    downloaded: IntCounterVec,
    set_aside: IntCounterVec,
    duration: HistogramVec,
    last_success: IntGaugeVec,
    breaker_state: IntGaugeVec,
    breaker_failures: IntCounterVec,
    breaker_transitions: IntCounterVec,
    requests: IntCounterVec,
}

impl Metrics {
    /// Registers every metric with every label combination.
    ///
    /// # Errors
    /// Fails when a name is taken.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            downloaded: counter_vec(
                registry,
                "nse_scraper_files_downloaded_total",
                "Files downloaded from the exchange and stored.",
                &["scraper"],
            )?,
            set_aside: counter_vec(
                registry,
                "champion_files_set_aside_total",
                "Answers that were not taken for the report: a page for a file, a wrong day, a file cut short.",
                &["scraper"],
            )?,
            duration: histogram_vec(
                registry,
                "nse_scraper_scrape_duration_seconds",
                "Time of a fetch that asked the exchange, with all attempts and waits, whatever came.",
                &["scraper"],
                SCRAPE_SECONDS,
            )?,
            last_success: int_gauge_vec(
                registry,
                "nse_scraper_last_successful_scrape_timestamp",
                "Unix time of the last file downloaded and stored; 0 before the first.",
                &["scraper"],
            )?,
            breaker_state: int_gauge_vec(
                registry,
                "circuit_breaker_state",
                "State of the source's circuit breaker: 0 closed, 1 half-open, 2 open.",
                &["source"],
            )?,
            breaker_failures: counter_vec(
                registry,
                "circuit_breaker_failures_total",
                "Requests that failed in a way that counts against the source.",
                &["source"],
            )?,
            breaker_transitions: counter_vec(
                registry,
                "circuit_breaker_state_transitions_total",
                "Changes of state of the source's circuit breaker.",
                &["source", "from_state", "to_state"],
            )?,
            requests: counter_vec(
                registry,
                "champion_source_requests_total",
                "Requests to the source, each attempt, by whether its answer shows the source at work.",
                &["source", "outcome"],
            )?,
        };
        metrics.initialise();
        Ok(metrics)
    }

    fn initialise(&self) {
        for dataset in Dataset::ALL {
            let scraper = [dataset.as_str()];
            self.downloaded.with_label_values(&scraper);
            self.set_aside.with_label_values(&scraper);
            self.duration.with_label_values(&scraper);
            self.last_success.with_label_values(&scraper);
        }
        for source in Source::ALL {
            self.breaker_state.with_label_values(&[source.as_str()]);
            self.breaker_failures.with_label_values(&[source.as_str()]);
            for outcome in [SUCCESS, FAILURE] {
                self.requests.with_label_values(&[source.as_str(), outcome]);
            }
            for (from, to) in TRANSITIONS {
                self.breaker_transitions.with_label_values(&[source.as_str(), from.as_str(), to.as_str()]);
            }
        }
    }

    /// Counts a file that was downloaded and stored.
    pub(crate) fn file_downloaded(&self, dataset: Dataset, now: DateTime<Utc>) {
        self.downloaded.with_label_values(&[dataset.as_str()]).inc();
        self.last_success.with_label_values(&[dataset.as_str()]).set(now.timestamp());
    }

    /// Counts an answer that was not taken for the report.
    pub(crate) fn answer_set_aside(&self, dataset: Dataset) {
        self.set_aside.with_label_values(&[dataset.as_str()]).inc();
    }

    /// Notes the time of a fetch that asked the exchange.
    pub(crate) fn scraped(&self, dataset: Dataset, took: Duration) {
        self.duration.with_label_values(&[dataset.as_str()]).observe(took.as_secs_f64());
    }

    /// Counts a request by whether it showed the source at work; one that did not counts against the source.
    pub(crate) fn source_asked(&self, source: Source, works: bool) {
        let outcome = if works { SUCCESS } else { FAILURE };
        self.requests.with_label_values(&[source.as_str(), outcome]).inc();
        if !works {
            self.breaker_failures.with_label_values(&[source.as_str()]).inc();
        }
    }

    /// Notes a change of a breaker's state.
    pub(crate) fn breaker_transition(&self, source: Source, from: BreakerState, to: BreakerState) {
        self.breaker_transitions.with_label_values(&[source.as_str(), from.as_str(), to.as_str()]).inc();
        let level = match to {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        self.breaker_state.with_label_values(&[source.as_str()]).set(level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_combination_stands_at_zero_from_the_start() {
        let registry = Registry::new();
        Metrics::register(&registry).expect("the names are free");
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("encodable");
        for line in [
            "nse_scraper_files_downloaded_total{scraper=\"bhavcopy\"} 0",
            "nse_scraper_scrape_duration_seconds_count{scraper=\"corporate_actions\"} 0",
            "nse_scraper_last_successful_scrape_timestamp{scraper=\"full_bhavcopy\"} 0",
            "circuit_breaker_state{source=\"nse_archive\"} 0",
            "circuit_breaker_failures_total{source=\"nse_api\"} 0",
            "champion_source_requests_total{outcome=\"failure\",source=\"nse_api\"} 0",
            "champion_files_set_aside_total{scraper=\"bhavcopy\"} 0",
            "circuit_breaker_state_transitions_total{from_state=\"closed\",source=\"nse_api\",to_state=\"open\"} 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
