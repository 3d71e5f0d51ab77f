//! The parser's metrics. Label values come from closed sets and exist at 0 from the start; only the date is bounded by
//! count instead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use champion_decode::{Refusal, RefusalCode, RuleCode};
use champion_market_data::corporate_action::ActionType;
use champion_market_data::{Dataset, RowCounts, Table, TradeDate};
use champion_telemetry::Registry;
use champion_telemetry::metrics::{counter_vec, gauge_vec};
use prometheus::{GaugeVec, IntCounterVec};

use crate::report::Report;

/// Dates kept in `champion_stocks_ingested_total`: a label without bound would grow with every back-fill.
const DATES_KEPT: usize = 5;

/// Values of the `status` label.
const SUCCESS: &str = "success";
const FAILED: &str = "failed";

/// What the parser counts.
#[derive(Debug, Clone)]
pub struct Metrics {
    rows_parsed: IntCounterVec,
    validated: IntCounterVec,
    failures: IntCounterVec,
    failure_rate: GaugeVec,
    actions: IntCounterVec,
    stocks: IntCounterVec,
    dates: Arc<Mutex<BTreeMap<&'static str, BTreeSet<TradeDate>>>>,
}

impl Metrics {
    /// Registers every metric with every label combination; `today` is the date that begins the bounded label.
    ///
    /// # Errors
    /// Fails when a name is taken.
    pub fn register(registry: &Registry, today: TradeDate) -> Result<Self, prometheus::Error> {
        let counter = |name, help, labels: &[&str]| counter_vec(registry, name, help, labels);
        let metrics = Self {
            rows_parsed: counter(
                "nse_scraper_rows_parsed_total",
                "Rows of parsed files: published (success) or set aside (failed).",
                &["scraper", "status"],
            )?,
            validated: counter("champion_validation_total", "Rows validated.", &["table"])?,
            failures: counter(
                "champion_validation_failures_total",
                "Rows that failed validation, by the rule they broke or by the reason their whole file was refused.",
                &["table", "failure_type"],
            )?,
            failure_rate: gauge_vec(
                registry,
                "champion_validation_failure_rate",
                "Share of rows of the last file that failed validation, 0 to 1.",
                &["table"],
            )?,
            actions: counter(
                "champion_corporate_actions_processed_total",
                "Legs of corporate-action filings, by type.",
                &["action_type"],
            )?,
            stocks: counter(
                "champion_stocks_ingested_total",
                "Distinct symbols of parsed files, for the newest five dates.",
                &["scraper", "date"],
            )?,
            dates: Arc::default(),
        };
        metrics.initialise(today);
        Ok(metrics)
    }

    fn initialise(&self, today: TradeDate) {
        for dataset in Dataset::ALL {
            for status in [SUCCESS, FAILED] {
                self.rows_parsed.with_label_values(&[dataset.as_str(), status]);
            }
            self.stocks_ingested(*dataset, today, 0);
        }
        for table in Table::ALL {
            self.validated.with_label_values(&[table.as_str()]);
            self.failure_rate.with_label_values(&[table.as_str()]);
            let rules = RuleCode::ALL.iter().map(|code| code.as_str());
            let refusals = RefusalCode::ALL.iter().map(|code| code.as_str());
            for code in rules.chain(refusals) {
                self.failures.with_label_values(&[table.as_str(), code]);
            }
        }
        for action in ActionType::ALL {
            self.actions.with_label_values(&[action.as_str()]);
        }
    }

    /// Counts a file whose tables have been staged by this process.
    pub(crate) fn parsed(&self, report: &Report, stocks: u64) {
        self.rows(report.dataset, report.counts);
        let failed: u64 = report.failures.values().sum();
        self.validation(report.dataset, report.counts.rows_in, failed, &report.failures);
        for (action, legs) in &report.actions {
            self.actions.with_label_values(&[action]).inc_by(*legs);
        }
        self.stocks_ingested(report.dataset, report.trade_date, stocks);
    }

    /// Counts a file that is refused as a whole: all its rows failed. One whose rows were never reached counts as one
    /// row, so that a day of pages in place of files does not look like a day without failures.
    pub(crate) fn refused(&self, dataset: Dataset, refusal: &Refusal) {
        self.rows(dataset, refusal.counts);
        let rows_in = refusal.counts.rows_in.max(1);
        let mut failures: BTreeMap<String, u64> = BTreeMap::new();
        for row in &refusal.rows {
            *failures.entry(row.code.as_str().to_owned()).or_default() += 1;
        }
        let by_rule = refusal.rows.len() as u64;
        *failures.entry(refusal.code.as_str().to_owned()).or_default() += rows_in.saturating_sub(by_rule);
        self.validation(dataset, rows_in, rows_in, &failures);
    }

    fn rows(&self, dataset: Dataset, counts: RowCounts) {
        self.rows_parsed.with_label_values(&[dataset.as_str(), SUCCESS]).inc_by(counts.published);
        self.rows_parsed.with_label_values(&[dataset.as_str(), FAILED]).inc_by(counts.quarantined);
    }

    fn validation(&self, dataset: Dataset, rows: u64, failed: u64, failures: &BTreeMap<String, u64>) {
        let rate = if rows == 0 { 0.0 } else { failed as f64 / rows as f64 };
        for table in dataset.tables() {
            self.validated.with_label_values(&[table.as_str()]).inc_by(rows);
            self.failure_rate.with_label_values(&[table.as_str()]).set(rate);
            for (code, count) in failures {
                self.failures.with_label_values(&[table.as_str(), code]).inc_by(*count);
            }
        }
    }

    /// Counts symbols of a date while it is among the newest; the oldest one goes when a newer one comes.
    fn stocks_ingested(&self, dataset: Dataset, date: TradeDate, stocks: u64) {
        let scraper = dataset.as_str();
        let mut dates = self.dates.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = dates.entry(scraper).or_default();
        kept.insert(date);
        let mut dropped = None;
        if kept.len() > DATES_KEPT {
            dropped = kept.pop_first();
        }
        if dropped == Some(date) {
            return;
        }
        if let Some(oldest) = dropped {
            // A date that was never counted has no child to remove.
            let _ = self.stocks.remove_label_values(&[scraper, &oldest.to_string()]);
        }
        self.stocks.with_label_values(&[scraper, &date.to_string()]).inc_by(stocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered() -> (Registry, Metrics) {
        let registry = Registry::new();
        let today = "2025-03-20".parse().expect("a date");
        let metrics = Metrics::register(&registry, today).expect("the names are free");
        (registry, metrics)
    }

    fn exposed(registry: &Registry) -> String {
        prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("encodable")
    }

    #[test]
    fn every_label_combination_stands_at_zero_from_the_start() {
        let (registry, _metrics) = registered();
        let text = exposed(&registry);
        for line in [
            "nse_scraper_rows_parsed_total{scraper=\"bhavcopy\",status=\"failed\"} 0",
            "champion_validation_total{table=\"equity_delivery\"} 0",
            "champion_validation_failures_total{failure_type=\"high_below_low\",table=\"raw_equity_ohlc\"} 0",
            "champion_validation_failures_total{failure_type=\"html\",table=\"corporate_actions\"} 0",
            "champion_validation_failure_rate{table=\"normalized_equity_ohlc\"} 0",
            "champion_corporate_actions_processed_total{action_type=\"non_equity_bonus\"} 0",
            "champion_stocks_ingested_total{date=\"2025-03-20\",scraper=\"full_bhavcopy\"} 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn only_the_newest_five_dates_are_kept_whatever_the_order() {
        let (registry, metrics) = registered();
        for day in [19, 3, 18, 17, 4, 14, 13, 12, 3] {
            let date = TradeDate::from_ymd(2025, 3, day).expect("a date");
            metrics.stocks_ingested(Dataset::Bhavcopy, date, 10);
        }
        let text = exposed(&registry);
        let dates: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("champion_stocks_ingested_total") && line.contains("\"bhavcopy\""))
            .filter_map(|line| line.split('"').nth(1))
            .collect();
        assert_eq!(dates, ["2025-03-14", "2025-03-17", "2025-03-18", "2025-03-19", "2025-03-20"]);
    }

    #[test]
    fn a_page_in_place_of_a_file_counts_as_a_failure() {
        let (registry, metrics) = registered();
        let refusal = Refusal {
            code: RefusalCode::Html,
            reason: "a page".to_owned(),
            era: None,
            trade_date: None,
            counts: RowCounts::default(),
            rows: Vec::new(),
        };
        metrics.refused(Dataset::FullBhavcopy, &refusal);
        let text = exposed(&registry);
        for line in [
            "champion_validation_total{table=\"equity_delivery\"} 1",
            "champion_validation_failures_total{failure_type=\"html\",table=\"equity_delivery\"} 1",
            "champion_validation_failure_rate{table=\"equity_delivery\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
