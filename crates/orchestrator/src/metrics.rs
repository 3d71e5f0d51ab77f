//! The orchestrator's metrics.

mod by_clock;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use champion_market_data::{Calendar, Dataset, TradeDate};
use champion_telemetry::{Registry, metrics};
use chrono::{DateTime, Utc};
use prometheus::{GaugeVec, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec};

use crate::Clock;
use crate::config::WatchConfig;
use crate::journal::DatasetBook;
use crate::vocabulary::Stage;
use by_clock::{DueTradeDate, TradingDay};

/// A day takes about a second, a month some seconds, years some minutes; a run that waits for a stage takes longer.
const FLOW_BUCKETS: &[f64] =
    &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0];

/// The label values of `status`.
const SUCCESS: &str = "success";
const FAILED: &str = "failed";

/// The label values of `stage`: the service at fault.
const STAGES: [&str; 5] = ["scraper", "parser", "parquet-writer", "clickhouse-loader", ORCHESTRATOR];
const ORCHESTRATOR: &str = "orchestrator";

/// What the orchestrator counts. Cloning is cheap; all clones count together.
#[derive(Clone)]
pub(crate) struct Metrics {
    flow_duration: HistogramVec,
    last_success: GaugeVec,
    last_trade_date: GaugeVec,
    in_progress: IntGaugeVec,
    oldest_started: GaugeVec,
    gaps: IntGaugeVec,
    corrections: IntCounterVec,
    failures: IntCounterVec,
    active: IntGauge,
    open: Arc<Mutex<HashMap<Dataset, Vec<DateTime<Utc>>>>>,
}

impl Metrics {
    /// Registers the metrics, every label combination at 0.
    pub(crate) fn register(
        registry: &Registry,
        calendar: Calendar,
        clock: Clock,
        watch: &WatchConfig,
    ) -> Result<Self, prometheus::Error> {
        registry.register(Box::new(TradingDay::new(calendar.clone(), clock.clone())?))?;
        registry.register(Box::new(DueTradeDate::new(calendar, clock, watch.clone())?))?;
        let this = Self {
            flow_duration: metrics::histogram_vec(
                registry,
                "nse_pipeline_flow_duration_seconds",
                "Duration of finished runs.",
                &["flow_name", "status"],
                FLOW_BUCKETS,
            )?,
            last_success: metrics::gauge_vec(
                registry,
                "champion_last_success_timestamp_seconds",
                "When a session of the dataset was last found in the warehouse; 0 before the first.",
                &["dataset"],
            )?,
            last_trade_date: metrics::gauge_vec(
                registry,
                "champion_last_trade_date_seconds",
                "Midnight IST of the newest session of the dataset that is in; 0 before the first.",
                &["dataset"],
            )?,
            in_progress: metrics::int_gauge_vec(
                registry,
                "champion_runs_in_progress",
                "Runs that are going on.",
                &["flow_name"],
            )?,
            oldest_started: metrics::gauge_vec(
                registry,
                "champion_oldest_run_started_timestamp_seconds",
                "When the oldest run that is going on began; 0 when there is none.",
                &["flow_name"],
            )?,
            gaps: metrics::int_gauge_vec(
                registry,
                "champion_gap_sessions",
                "Expected sessions among the newest ones that are not in and are no longer waited for.",
                &["dataset"],
            )?,
            corrections: metrics::counter_vec(
                registry,
                "champion_corrections_total",
                "Sessions published once more because the exchange had changed its file.",
                &["dataset"],
            )?,
            failures: metrics::counter_vec(
                registry,
                "champion_run_failures_total",
                "Sessions that failed or were refused, by the stage at fault; orchestrator: whole runs that could not go on.",
                &["flow_name", "stage"],
            )?,
            active: IntGauge::new(
                "champion_orchestrator_active",
                "1 while this orchestrator drives the runs of its lake, 0 while it stands by.",
            )?,
            open: Arc::default(),
        };
        registry.register(Box::new(this.active.clone()))?;
        for dataset in Dataset::ALL {
            for status in [SUCCESS, FAILED] {
                this.flow_duration.with_label_values(&[dataset.flow_name(), status]);
            }
            this.last_success.with_label_values(&[dataset.as_str()]);
            this.last_trade_date.with_label_values(&[dataset.as_str()]);
            this.in_progress.with_label_values(&[dataset.flow_name()]);
            this.oldest_started.with_label_values(&[dataset.flow_name()]);
            this.gaps.with_label_values(&[dataset.as_str()]);
            this.corrections.with_label_values(&[dataset.as_str()]);
            for stage in STAGES {
                this.failures.with_label_values(&[dataset.flow_name(), stage]);
            }
        }
        Ok(this)
    }

    /// Notes whether this orchestrator drives the runs of its lake.
    pub(crate) fn leads(&self, active: bool) {
        self.active.set(i64::from(active));
    }

    /// Sets the gauges to what the journal says.
    pub(crate) fn restore(&self, books: &[DatasetBook]) {
        for dataset in Dataset::ALL {
            let (mut newest, mut last) = (None, None);
            for book in books.iter().filter(|book| book.dataset == *dataset) {
                newest = newest.max(book.last_trade_date);
                last = last.max(book.last_success_at);
            }
            let label = [dataset.as_str()];
            self.last_success.with_label_values(&label).set(last.map_or(0.0, seconds));
            self.last_trade_date.with_label_values(&label).set(newest.map_or(0.0, midnight));
        }
    }

    /// Notes that a session was found in the warehouse.
    pub(crate) fn session_is_in(&self, dataset: Dataset, trade_date: TradeDate, at: DateTime<Utc>) {
        raise(&self.last_success.with_label_values(&[dataset.as_str()]), seconds(at));
        raise(&self.last_trade_date.with_label_values(&[dataset.as_str()]), midnight(trade_date));
    }

    /// Notes that a run goes on; `started_at` is its first start, before any cut.
    pub(crate) fn run_opened(&self, dataset: Dataset, started_at: DateTime<Utc>) {
        self.change_open(dataset, |open| open.push(started_at));
    }

    /// Notes that a run goes on no longer.
    pub(crate) fn run_closed(&self, dataset: Dataset, started_at: DateTime<Utc>) {
        self.change_open(dataset, |open| {
            if let Some(index) = open.iter().position(|at| *at == started_at) {
                open.swap_remove(index);
            }
        });
    }

    /// Notes the duration of a finished run.
    pub(crate) fn run_finished(&self, dataset: Dataset, succeeded: bool, duration: Duration) {
        let status = if succeeded { SUCCESS } else { FAILED };
        self.flow_duration.with_label_values(&[dataset.flow_name(), status]).observe(duration.as_secs_f64());
    }

    /// Notes how many expected sessions are missing.
    pub(crate) fn gaps_found(&self, dataset: Dataset, sessions: usize) {
        self.gaps.with_label_values(&[dataset.as_str()]).set(i64::try_from(sessions).unwrap_or(i64::MAX));
    }

    /// Counts a session that was published once more because the exchange had changed its file.
    pub(crate) fn corrected(&self, dataset: Dataset) {
        self.corrections.with_label_values(&[dataset.as_str()]).inc();
    }

    /// Counts a session that a stage failed or refused.
    pub(crate) fn session_failed(&self, dataset: Dataset, stage: Stage) {
        self.failures.with_label_values(&[dataset.flow_name(), stage.service()]).inc();
    }

    /// Counts a run that could not go on, through no fault of a stage.
    pub(crate) fn run_broke_off(&self, dataset: Dataset) {
        self.failures.with_label_values(&[dataset.flow_name(), ORCHESTRATOR]).inc();
    }

    fn change_open(&self, dataset: Dataset, change: impl FnOnce(&mut Vec<DateTime<Utc>>)) {
        let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = all.entry(dataset).or_default();
        change(open);
        let flow = [dataset.flow_name()];
        self.in_progress.with_label_values(&flow).set(i64::try_from(open.len()).unwrap_or(i64::MAX));
        self.oldest_started.with_label_values(&flow).set(open.iter().min().copied().map_or(0.0, seconds));
    }
}

/// Sets a gauge that only rises: sessions of a backfill come in any order.
fn raise(gauge: &prometheus::Gauge, value: f64) {
    if value > gauge.get() {
        gauge.set(value);
    }
}

fn midnight(date: TradeDate) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "seconds of a date stay below 2^53")]
    let midnight = date.midnight_ist_unix_seconds() as f64;
    midnight
}

fn seconds(at: DateTime<Utc>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era stay below 2^53")]
    let milliseconds = at.timestamp_millis() as f64;
    milliseconds / 1000.0
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;

    fn registered(now: &str) -> (Registry, Metrics) {
        let now: DateTime<Utc> = now.parse().expect("an instant");
        let registry = Registry::new();
        let watch = WatchConfig::of_the_defaults();
        let clock = Clock::new(move || now);
        let metrics = Metrics::register(&registry, Calendar::nse(), clock, &watch).expect("fresh registry");
        (registry, metrics)
    }

    fn text(registry: &Registry) -> String {
        TextEncoder::new().encode_to_string(&registry.gather()).expect("text")
    }

    #[test]
    fn every_label_combination_is_there_from_the_start() {
        let (registry, _metrics) = registered("2025-02-24T06:00:00Z");
        let text = text(&registry);
        for line in [
            "nse_pipeline_flow_duration_seconds_count{flow_name=\"bhavcopy_etl\",status=\"success\"} 0",
            "nse_pipeline_flow_duration_seconds_count{flow_name=\"corporate_actions_etl\",status=\"failed\"} 0",
            "champion_last_success_timestamp_seconds{dataset=\"full_bhavcopy\"} 0",
            "champion_last_trade_date_seconds{dataset=\"bhavcopy\"} 0",
            "champion_runs_in_progress{flow_name=\"bhavcopy_etl\"} 0",
            "champion_oldest_run_started_timestamp_seconds{flow_name=\"bhavcopy_etl\"} 0",
            "champion_trading_day{exchange=\"nse\"} 1",
            "champion_gap_sessions{dataset=\"bhavcopy\"} 0",
            "champion_corrections_total{dataset=\"full_bhavcopy\"} 0",
            "champion_run_failures_total{flow_name=\"bhavcopy_etl\",stage=\"parquet-writer\"} 0",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn the_trading_day_is_taken_in_ist() {
        // 20:00 UTC on Friday is 01:30 on Saturday in India.
        let (registry, _metrics) = registered("2025-02-21T20:00:00Z");
        assert!(text(&registry).contains("champion_trading_day{exchange=\"bse\"} 0"));
    }

    #[test]
    fn a_session_is_due_from_its_hour_and_stays_due_over_closed_days() {
        let due = |now: &str, dataset: &str| -> String {
            let (registry, _metrics) = registered(now);
            let name = format!("champion_due_trade_date_seconds{{dataset=\"{dataset}\"}} ");
            text(&registry).lines().find_map(|line| line.strip_prefix(&name)).expect("the series is there").to_owned()
        };
        let midnight = |date: &str| date.parse::<TradeDate>().expect("a date").midnight_ist_unix_seconds().to_string();
        assert_eq!(due("2025-02-24T19:59:59+05:30", "bhavcopy"), midnight("2025-02-21"));
        assert_eq!(due("2025-02-24T20:00:00+05:30", "bhavcopy"), midnight("2025-02-24"));
        // Delivery has a day more, weekends and all.
        assert_eq!(due("2025-02-24T23:00:00+05:30", "full_bhavcopy"), midnight("2025-02-21"));
        assert_eq!(due("2025-02-25T21:59:00+05:30", "full_bhavcopy"), midnight("2025-02-21"));
        assert_eq!(due("2025-02-25T22:00:00+05:30", "full_bhavcopy"), midnight("2025-02-24"));
        // 2025-02-26 is Mahashivratri.
        assert_eq!(due("2025-02-26T23:00:00+05:30", "bhavcopy"), midnight("2025-02-25"));
    }

    #[test]
    fn a_dataset_that_is_not_watched_is_never_due() {
        let registry = Registry::new();
        let watch = WatchConfig { datasets: vec![Dataset::Bhavcopy], ..WatchConfig::of_the_defaults() };
        let now: DateTime<Utc> = "2025-02-24T20:00:00Z".parse().expect("an instant");
        Metrics::register(&registry, Calendar::nse(), Clock::new(move || now), &watch).expect("fresh registry");
        assert!(text(&registry).contains("champion_due_trade_date_seconds{dataset=\"corporate_actions\"} 0"));
    }

    #[test]
    fn the_oldest_run_is_the_oldest_of_those_still_open() {
        let (registry, metrics) = registered("2025-02-24T06:00:00Z");
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        metrics.run_opened(Dataset::Bhavcopy, at("1970-01-01T00:01:40Z"));
        metrics.run_opened(Dataset::Bhavcopy, at("1970-01-01T00:00:50Z"));
        assert!(text(&registry).contains("oldest_run_started_timestamp_seconds{flow_name=\"bhavcopy_etl\"} 50\n"));
        metrics.run_closed(Dataset::Bhavcopy, at("1970-01-01T00:00:50Z"));
        assert!(text(&registry).contains("oldest_run_started_timestamp_seconds{flow_name=\"bhavcopy_etl\"} 100\n"));
        assert!(text(&registry).contains("champion_runs_in_progress{flow_name=\"bhavcopy_etl\"} 1\n"));
    }

    #[test]
    fn an_older_session_of_a_backfill_does_not_lower_the_newest() {
        let (registry, metrics) = registered("2025-02-24T06:00:00Z");
        let at: DateTime<Utc> = "2025-02-24T06:00:00Z".parse().expect("an instant");
        for date in ["1990-01-03", "1990-01-02"] {
            metrics.session_is_in(Dataset::Bhavcopy, date.parse().expect("a date"), at);
        }
        let newest: TradeDate = "1990-01-03".parse().expect("a date");
        let line =
            format!("champion_last_trade_date_seconds{{dataset=\"bhavcopy\"}} {}", newest.midnight_ist_unix_seconds());
        assert!(text(&registry).contains(&line));
    }
}
