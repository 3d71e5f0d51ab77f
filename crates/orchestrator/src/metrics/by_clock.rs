//! Gauges that are computed when they are read: they change with the hour in India, whether anything runs or not.

use champion_market_data::{Calendar, Dataset, Exchange, TradeDate};
use chrono::{DateTime, Utc};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts};

use crate::Clock;
use crate::config::WatchConfig;

/// `champion_trading_day`: the day changes at midnight IST.
pub(super) struct TradingDay {
    gauge: IntGaugeVec,
    calendar: Calendar,
    clock: Clock,
}

impl TradingDay {
    pub(super) fn new(calendar: Calendar, clock: Clock) -> Result<Self, prometheus::Error> {
        let help = "1 when today in IST is a session by the calendar, else 0.";
        let gauge = IntGaugeVec::new(Opts::new("champion_trading_day", help), &["exchange"])?;
        Ok(Self { gauge, calendar, clock })
    }
}

impl Collector for TradingDay {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let session = self.calendar.kind(self.clock.today()).has_session() == Some(true);
        for exchange in Exchange::ALL {
            // BSE keeps NSE's days.
            self.gauge.with_label_values(&[exchange.as_str()]).set(i64::from(session));
        }
        self.gauge.collect()
    }
}

/// `champion_due_trade_date_seconds`: the newest session whose data is to be in by now.
pub(super) struct DueTradeDate {
    gauge: IntGaugeVec,
    calendar: Calendar,
    clock: Clock,
    watch: WatchConfig,
}

impl DueTradeDate {
    pub(super) fn new(calendar: Calendar, clock: Clock, watch: WatchConfig) -> Result<Self, prometheus::Error> {
        let help = "Midnight IST of the newest session whose data is due by its hour; 0 for a dataset not watched.";
        let gauge = IntGaugeVec::new(Opts::new("champion_due_trade_date_seconds", help), &["dataset"])?;
        Ok(Self { gauge, calendar, clock, watch })
    }

    fn due(&self, dataset: Dataset, now: DateTime<Utc>) -> TradeDate {
        self.calendar.sessions_back(self.watch.due.of(dataset).newest(now), 1)
    }
}

impl Collector for DueTradeDate {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = self.clock.now();
        for dataset in Dataset::ALL {
            let watched = self.watch.datasets.contains(dataset);
            let due = if watched { self.due(*dataset, now).midnight_ist_unix_seconds() } else { 0 };
            self.gauge.with_label_values(&[dataset.as_str()]).set(due);
        }
        self.gauge.collect()
    }
}
