//! The configuration; every key with its default stands in `deploy/config/orchestrator.toml`.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use champion_market_data::{Dataset, TradeDate, ist_instant};
use champion_service::config::Spec;
use champion_service::{ClientTlsConfig, ServerConfig};
use chrono::{DateTime, NaiveTime, Timelike, Utc};
use serde::{Deserialize, Serialize};

/// Where the configuration comes from.
pub const SPEC: Spec = Spec {
    service: "orchestrator",
    env_prefix: "CHAMPION_ORCHESTRATOR",
    defaults: include_str!("../../../deploy/config/orchestrator.toml"),
};

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Ports, admin endpoint, stopping.
    pub server: ServerConfig,
    /// TLS of the calls to stages behind `https://`.
    pub tls: ClientTlsConfig,
    /// The lake, whose memory of days and runs this orchestrator keeps.
    pub lake: LakeConfig,
    /// The cache of it.
    pub journal: JournalConfig,
    /// Which orchestrator of a lake is active.
    pub lease: LeaseConfig,
    /// Bounds of a run.
    pub backfill: BackfillConfig,
    /// What runs by itself.
    pub schedule: ScheduleConfig,
    /// What is to be in by when.
    pub watch: WatchConfig,
    /// The stages and how patient to be with them.
    pub stages: StagesConfig,
}

/// The lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LakeConfig {
    /// Folder of the lake, created if need be; or `s3://bucket/prefix`.
    pub folder: PathBuf,
}

/// Which orchestrator of a lake is active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseConfig {
    /// How long the active one may be silent before another takes over, in seconds.
    pub seconds: NonZeroU64,
    /// URL under which others find this orchestrator when it is active; empty for the address it listens on.
    pub address: String,
}

/// Where the journal lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalConfig {
    /// The SQLite file; its folder is made if need be.
    pub path: PathBuf,
    /// Longest wait for a reader that holds the file, in milliseconds.
    pub busy_timeout_ms: u64,
}

/// Bounds of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackfillConfig {
    /// Days that are fetched and parsed at the same time.
    pub concurrent_days: NonZeroUsize,
    /// Longest range of one run, in days.
    pub max_days: NonZeroUsize,
}

/// What runs by itself, by the clock in India.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Whether anything does.
    pub enabled: bool,
    /// Seconds between two looks at what is due.
    pub poll_seconds: NonZeroU64,
    /// Datasets that are kept.
    pub datasets: Vec<Dataset>,
    /// Sessions back, today's included, that are brought in when they are missing.
    pub catch_up_sessions: NonZeroU32,
    /// Sessions before today's that are asked again for corrections once a day; 0 for none.
    pub recheck_sessions: u32,
    /// Hour in IST from which they are asked again.
    pub recheck_hour: u32,
    /// Hour in IST from which the datasets are audited, once a day.
    pub audit_hour: u32,
    /// Longest time of one audit of a dataset, in seconds.
    pub audit_deadline_seconds: NonZeroU64,
}

impl ScheduleConfig {
    /// Returns how many sessions back the journal has to be read.
    pub(crate) fn sessions_looked_at(&self) -> u32 {
        self.catch_up_sessions.get().max(self.recheck_sessions.saturating_add(1))
    }

    #[cfg(test)]
    pub(crate) fn of_the_defaults() -> Self {
        champion_service::config::load::<Config>(&SPEC, None).expect("the defaults").schedule
    }
}

/// What the metrics call due and a gap, by the clock in India.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchConfig {
    /// Datasets whose newest sessions are expected; the others are neither due nor missed.
    pub datasets: Vec<Dataset>,
    /// Sessions back, today's included, among which gaps are counted.
    pub sessions: NonZeroU32,
    /// Seconds between two counts of the gaps.
    pub poll_seconds: NonZeroU64,
    /// By when a session's data is to be in.
    pub due: DueConfig,
}

/// By when a session's data is to be in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DueConfig {
    /// Prices.
    pub bhavcopy: DueHour,
    /// VWAP and delivery.
    pub full_bhavcopy: DueHour,
    /// Corporate actions.
    pub corporate_actions: DueHour,
}

/// An hour in India on the session's own day or some days later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DueHour {
    /// The hour in IST.
    pub at: NaiveTime,
    /// Days after the session, closed ones counted; 0 for its own.
    pub days_later: u8,
}

impl DueHour {
    /// Returns the newest day whose data is to be in at an instant.
    pub(crate) fn newest(self, now: DateTime<Utc>) -> TradeDate {
        let today = TradeDate::at(now);
        let before_the_hour = now < ist_instant(today, self.at.hour(), self.at.minute());
        let days = usize::from(self.days_later) + usize::from(before_the_hour);
        (0..days).fold(today, |day, _| day.previous())
    }
}

impl DueConfig {
    pub(crate) const fn of(&self, dataset: Dataset) -> DueHour {
        match dataset {
            Dataset::Bhavcopy => self.bhavcopy,
            Dataset::FullBhavcopy => self.full_bhavcopy,
            Dataset::CorporateActions => self.corporate_actions,
        }
    }
}

#[cfg(test)]
impl WatchConfig {
    pub(crate) fn of_the_defaults() -> Self {
        champion_service::config::load::<Config>(&SPEC, None).expect("the defaults").watch
    }
}

/// The stages and how patient to be with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StagesConfig {
    /// How long a stage that cannot be reached is waited for, in seconds.
    pub wait_seconds: u64,
    /// Longest wait before the second attempt, in milliseconds; it doubles from there.
    pub backoff_initial_ms: u64,
    /// Longest wait before any attempt, in milliseconds.
    pub backoff_max_ms: u64,
    /// Longest time a connection may take to come up, in milliseconds.
    pub connect_timeout_ms: NonZeroU64,
    /// Exchange to raw.
    pub scraper: StageConfig,
    /// Raw to staged.
    pub parser: StageConfig,
    /// Staged to curated.
    pub parquet_writer: StageConfig,
    /// Curated to warehouse.
    pub clickhouse_loader: StageConfig,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// Its gRPC address, `http://host:port` or, behind TLS, `https://host:port`.
    pub url: String,
    /// Longest time one call may take, in seconds.
    pub deadline_seconds: NonZeroU64,
    /// Most attempts of a call that the stage answers with "unavailable" or that runs out of time.
    pub attempts: NonZeroU32,
    /// How long a stage that answers "unavailable" is asked again in any case, in seconds; 0 leaves it to `attempts`.
    pub unavailable_seconds: u64,
}

impl StageConfig {
    /// Returns the longest time one call may take.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_is_a_whole_configuration() {
        let config: Config = champion_service::config::load(&SPEC, None).expect("the defaults");
        assert_eq!(config.server.grpc_listen, "127.0.0.1:50055");
        assert_eq!(config.server.admin.listen, "127.0.0.1:9105");
        assert_eq!(config.backfill.concurrent_days.get(), 8);
        assert_eq!(config.stages.scraper.url, "http://127.0.0.1:50051");
    }
}
