//! The daily audit: newest observation, what is published and what is loaded, held against each other by the loader.
//!
//! A dataset is audited once a day from its hour in IST, while no run of it goes on: what a run is bringing in differs
//! for a moment. An audit during which a run began is made again. It reads only, so a restart may repeat it.

use std::collections::BTreeMap;
use std::time::Duration;

use champion_market_data::{Dataset, Exchange, TradeDate, ist_instant};
use champion_proto::loader::v1::audit_response::Event;
use champion_proto::loader::v1::loader_service_client::LoaderServiceClient;
use champion_proto::loader::v1::{AuditRequest, AuditSummary};
use champion_service::ClientTlsConfig;
use champion_service::channel::{ChannelError, ChannelOptions, ServiceChannel, connect_lazy_with};
use champion_telemetry::grpc::ClientLayer;
use champion_telemetry::{Registry, metrics};
use chrono::{DateTime, Utc};
use prometheus::IntGaugeVec;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};
use tracing::{info, warn};

use crate::Clock;
use crate::config::{ScheduleConfig, StagesConfig};
use crate::runs::Runs;

/// The loader as an audit asks it.
#[derive(Debug, Clone)]
pub(crate) struct Auditor {
    client: LoaderServiceClient<ServiceChannel>,
    deadline: Duration,
}

impl Auditor {
    /// Makes the client; nothing connects before the first audit.
    ///
    /// # Errors
    /// [`ChannelError`] for a URL that is none and for files of TLS that cannot be used.
    pub(crate) fn connect(
        config: &StagesConfig,
        tls: &ClientTlsConfig,
        layer: &ClientLayer,
        rules: &ScheduleConfig,
    ) -> Result<Self, ChannelError> {
        let connect_timeout = Duration::from_millis(config.connect_timeout_ms.get());
        let deadline = Duration::from_secs(rules.audit_deadline_seconds.get());
        let options = ChannelOptions { timeout: deadline, connect_timeout, tls: tls.clone() };
        let channel = connect_lazy_with(&config.clickhouse_loader.url, &options, layer)?;
        Ok(Self { client: LoaderServiceClient::new(channel), deadline })
    }

    async fn audit(&self, dataset: Dataset) -> Result<AuditSummary, Status> {
        let mut request = Request::new(AuditRequest { dataset: dataset.to_string(), ..AuditRequest::default() });
        request.set_timeout(self.deadline);
        let asked = async {
            let mut events = self.client.clone().audit(request).await?.into_inner();
            let mut summary = None;
            while let Some(event) = events.message().await? {
                if let Some(Event::Summary(last)) = event.event {
                    summary = Some(last);
                }
            }
            summary.ok_or_else(|| Status::internal("the audit ended without a summary"))
        };
        let late = |_| Err(Status::deadline_exceeded("the audit took too long"));
        tokio::time::timeout(self.deadline, asked).await.unwrap_or_else(late)
    }
}

/// What audits show.
#[derive(Debug, Clone)]
pub(crate) struct AuditMetrics {
    differences: IntGaugeVec,
    last_success: IntGaugeVec,
    due_since: IntGaugeVec,
}

impl AuditMetrics {
    /// Registers the metrics, every dataset at 0.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name, help| metrics::int_gauge_vec(registry, name, help, &["dataset"]);
        let this = Self {
            differences: gauge(
                "champion_audit_differences",
                "Differences between what was observed last, what is published and what is loaded, by the last audit.",
            )?,
            last_success: gauge(
                "champion_audit_last_success_timestamp_seconds",
                "When the dataset was last audited, whatever was found; 0 before the first time.",
            )?,
            due_since: gauge(
                "champion_audit_due_since_timestamp_seconds",
                "Since when an audit of the dataset is due and not made; 0 when none is.",
            )?,
        };
        for dataset in Dataset::ALL {
            this.differences.with_label_values(&[dataset.as_str()]);
            this.last_success.with_label_values(&[dataset.as_str()]);
            this.due_since.with_label_values(&[dataset.as_str()]);
        }
        Ok(this)
    }

    fn done(&self, dataset: Dataset, summary: AuditSummary, now: DateTime<Utc>) {
        let differences = i64::try_from(summary.differences).unwrap_or(i64::MAX);
        self.differences.with_label_values(&[dataset.as_str()]).set(differences);
        self.last_success.with_label_values(&[dataset.as_str()]).set(now.timestamp());
        self.due_since.with_label_values(&[dataset.as_str()]).set(0);
    }

    fn due(&self, dataset: Dataset, since: DateTime<Utc>) {
        let gauge = self.due_since.with_label_values(&[dataset.as_str()]);
        if gauge.get() == 0 {
            gauge.set(since.timestamp());
        }
    }

    /// Forgets what this process found: another one audits now.
    fn forget(&self) {
        for dataset in Dataset::ALL {
            self.differences.with_label_values(&[dataset.as_str()]).set(0);
            self.due_since.with_label_values(&[dataset.as_str()]).set(0);
        }
    }
}

/// Audits what is due, as long as this orchestrator leads.
#[derive(Clone)]
pub(crate) struct Audits {
    pub(crate) rules: ScheduleConfig,
    pub(crate) auditor: Auditor,
    pub(crate) metrics: AuditMetrics,
    pub(crate) clock: Clock,
}

impl Audits {
    /// Looks at once and then at every poll, until the stop.
    pub(crate) async fn keep(self, runs: Runs, stop: CancellationToken) {
        if !self.rules.enabled {
            return;
        }
        let every = Duration::from_secs(self.rules.poll_seconds.get());
        let mut audited = BTreeMap::new();
        loop {
            for dataset in &self.rules.datasets {
                tokio::select! {
                    () = stop.cancelled() => return self.metrics.forget(),
                    () = self.look(*dataset, &runs, &mut audited) => {}
                }
            }
            tokio::select! {
                () = stop.cancelled() => return self.metrics.forget(),
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    async fn look(&self, dataset: Dataset, runs: &Runs, audited: &mut BTreeMap<Dataset, TradeDate>) {
        let now = self.clock.now();
        let Some(since) = due_since(self.rules.audit_hour, audited.get(&dataset).copied(), now) else { return };
        self.metrics.due(dataset, since);
        if is_running(runs, dataset) {
            return;
        }
        let summary = match self.auditor.audit(dataset).await {
            Ok(summary) => summary,
            Err(status) => return warn!(%dataset, %status, "not audited; it is tried again"),
        };
        if is_running(runs, dataset) {
            return info!(%dataset, "a run began during the audit; it is made again");
        }
        let AuditSummary { sessions, differences, explained } = summary;
        if differences == 0 {
            info!(%dataset, sessions, explained, "audited");
        } else {
            warn!(%dataset, sessions, differences, explained, "the audit found differences; champion audit names them");
        }
        self.metrics.done(dataset, summary, now);
        audited.insert(dataset, TradeDate::at(now));
    }
}

fn is_running(runs: &Runs, dataset: Dataset) -> bool {
    runs.in_progress(dataset, Exchange::Nse) > 0
}

/// Returns since when an audit is due at an instant, by the day of the last one.
fn due_since(hour: u32, audited: Option<TradeDate>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let today = TradeDate::at(now);
    let since = ist_instant(today, hour.min(23), 0);
    (audited != Some(today) && now >= since).then_some(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_43_an_audit_is_due_once_a_day_from_its_hour_in_india() {
        let due = |audited: Option<&str>, now: &str| {
            let audited = audited.map(|day| day.parse().expect("a date"));
            due_since(7, audited, now.parse().expect("an instant")).map(|since| since.to_rfc3339())
        };
        let since = Some("2025-02-24T01:30:00+00:00".to_owned());
        assert_eq!(due(Some("2025-02-23"), "2025-02-24T06:59:00+05:30"), None);
        assert_eq!(due(Some("2025-02-23"), "2025-02-24T07:00:00+05:30"), since);
        assert_eq!(due(None, "2025-02-24T23:00:00+05:30"), since, "after a start");
        assert_eq!(due(Some("2025-02-24"), "2025-02-24T23:00:00+05:30"), None);
    }

    #[test]
    fn an_audit_that_is_due_stays_due_since_the_first_time_until_it_is_made() {
        let metrics = AuditMetrics::register(&Registry::new()).expect("free names");
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let due = || metrics.due_since.with_label_values(&["bhavcopy"]).get();
        metrics.due(Dataset::Bhavcopy, at("1970-01-01T00:01:00Z"));
        metrics.due(Dataset::Bhavcopy, at("1970-01-02T00:01:00Z"));
        assert_eq!(due(), 60);
        let summary = AuditSummary { sessions: 3, differences: 2, explained: 1 };
        metrics.done(Dataset::Bhavcopy, summary, at("1970-01-02T00:02:00Z"));
        assert_eq!((due(), metrics.differences.with_label_values(&["bhavcopy"]).get()), (0, 2));
        metrics.forget();
        assert_eq!(metrics.differences.with_label_values(&["bhavcopy"]).get(), 0, "another orchestrator audits");
    }
}
