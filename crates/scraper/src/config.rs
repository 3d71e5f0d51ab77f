//! The scraper's configuration; `deploy/config/scraper.toml` documents every key.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use champion_market_data::Era;
use champion_retry::{Backoff, BreakerConfig, BudgetConfig, Policy};
use champion_service::ServerConfig;
use champion_service::config::{ConfigError, Spec, load};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::Error;

/// Where the configuration comes from.
pub const SPEC: Spec = Spec {
    service: "scraper",
    env_prefix: "CHAMPION_SCRAPER",
    defaults: include_str!("../../../deploy/config/scraper.toml"),
};

/// Fastest pace towards a real exchange: the fastest published client limit for NSE.
const MAX_REQUESTS_PER_SECOND: f64 = 3.0;

/// Shortest silence after a block of a real exchange ("try after 10 minutes", says its page).
const MIN_BLOCK_SECONDS: f64 = 600.0;

/// The scraper's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Ports and life cycle.
    pub server: ServerConfig,
    /// Where the raw store is.
    pub lake: LakeConfig,
    /// Whom to ask, and as whom.
    pub source: SourceConfig,
    /// Time and concurrency.
    pub limits: LimitsConfig,
    /// Space between requests.
    pub pace: PaceConfig,
    /// Attempts after a failure that may pass.
    pub retry: RetryConfig,
    /// The circuit breaker of each source.
    pub breaker: BreakerSettings,
    /// Rows below which a file is no session.
    pub min_rows: MinRows,
}

/// Where the lake is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LakeConfig {
    /// Folder of the lake, created if need be; or `s3://bucket/prefix`.
    pub folder: PathBuf,
}

/// Whom to ask, and as whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Allows requests to the exchanges themselves.
    pub allow_network: bool,
    /// Root of a mirror that serves `<mirror>/<host>/<path>`; empty for none.
    pub mirror: String,
    /// Where a host is to be asked instead.
    #[serde(default)]
    pub base_urls: BTreeMap<String, String>,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The `Accept-Language` header.
    pub accept_language: String,
    /// Redirects followed, all to the same origin.
    pub max_redirects: usize,
    /// Longest body taken, after decompression.
    pub max_body_bytes: usize,
    /// Age at which the API's cookies are fetched anew.
    pub session_max_age_seconds: u64,
}

/// Time and concurrency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// One fetch with all attempts and waits.
    pub fetch_seconds: f64,
    /// One connection.
    pub connect_seconds: f64,
    /// The window of the progress timeout.
    pub progress_window_seconds: f64,
    /// Bytes that have to come within the window.
    pub progress_min_bytes: usize,
    /// Requests to one source at the same time.
    pub concurrent_requests: usize,
}

/// Space between requests to one host.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaceConfig {
    /// Requests a second; 0 is unlimited.
    pub requests_per_second: f64,
    /// Random share by which a space is longer.
    pub jitter: f64,
    /// Longest silence that a `Retry-After` brings about.
    pub longest_hold_seconds: f64,
}

/// Attempts after a failure that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryConfig {
    /// Attempts of one request, the first included.
    pub max_attempts: u32,
    /// Upper bound of the first wait.
    pub base_seconds: f64,
    /// Upper bound of every wait.
    pub cap_seconds: f64,
    /// Retries a call within the window.
    pub budget_ratio: f64,
    /// Retries within the window however few the calls.
    pub budget_reserve: u32,
    /// The window of the budget.
    pub budget_window_seconds: f64,
}

/// The circuit breaker of each source.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerSettings {
    /// Calls the failure ratio is taken over.
    pub window: usize,
    /// Fewer calls never open it.
    pub min_calls: usize,
    /// Share of failures at which it opens.
    pub failure_ratio: f64,
    /// How long it stays open.
    pub open_seconds: f64,
    /// Probes let through half-open.
    pub half_open_permits: usize,
    /// Time after which a probe counts as failed.
    pub permit_timeout_seconds: f64,
    /// Silence after a block.
    pub block_seconds: f64,
}

/// Rows below which a file is no session, by era.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MinRows {
    /// Legacy bhavcopy before 2011-06-22; the first years hold a few hundred lines.
    pub legacy_l1: u64,
    /// Legacy bhavcopy from 2011-06-22.
    pub legacy_l2: u64,
    /// UDiFF bhavcopy.
    pub udiff: u64,
    /// Full bhavcopy.
    pub full: u64,
}

impl Config {
    /// Returns the defaults alone.
    ///
    /// # Errors
    /// Fails when an environment variable of the scraper does not fit.
    pub fn defaults() -> Result<Self, ConfigError> {
        load(&SPEC, None)
    }

    /// Checks what no type can say.
    ///
    /// # Errors
    /// [`Error::Config`] names the key.
    pub fn validate(&self) -> Result<(), Error> {
        let invalid = |key: &'static str, reason: String| Err(Error::Config { key, reason });
        for (key, seconds) in self.durations() {
            if Duration::try_from_secs_f64(seconds).is_err() {
                return invalid(key, format!("{seconds} is no number of seconds"));
            }
        }
        for (key, share) in [
            ("pace.jitter", self.pace.jitter),
            ("retry.budget_ratio", self.retry.budget_ratio),
            ("breaker.failure_ratio", self.breaker.failure_ratio),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return invalid(key, format!("{share} is not between 0 and 1"));
            }
        }
        if self.limits.concurrent_requests == 0 {
            return invalid("limits.concurrent_requests", "0 lets nothing through".to_owned());
        }
        for (host, base) in &self.source.base_urls {
            check_base_url(base).or_else(|reason| invalid("source.base_urls", format!("{host}: {reason}")))?;
        }
        if !self.source.mirror.is_empty() {
            check_base_url(&self.source.mirror).or_else(|reason| invalid("source.mirror", reason))?;
        }
        let pace = self.pace.requests_per_second;
        if !pace.is_finite() || pace < 0.0 {
            return invalid("pace.requests_per_second", format!("{pace} is no pace"));
        }
        if self.source.allow_network && (pace == 0.0 || pace > MAX_REQUESTS_PER_SECOND) {
            let reason =
                format!("{pace}: source.allow_network needs a pace above 0 and up to {MAX_REQUESTS_PER_SECOND}");
            return invalid("pace.requests_per_second", reason);
        }
        if self.source.allow_network && self.breaker.block_seconds < MIN_BLOCK_SECONDS {
            let reason = format!("source.allow_network needs at least {MIN_BLOCK_SECONDS}");
            return invalid("breaker.block_seconds", reason);
        }
        Ok(())
    }

    fn durations(&self) -> [(&'static str, f64); 10] {
        [
            ("limits.fetch_seconds", self.limits.fetch_seconds),
            ("limits.connect_seconds", self.limits.connect_seconds),
            ("limits.progress_window_seconds", self.limits.progress_window_seconds),
            ("pace.longest_hold_seconds", self.pace.longest_hold_seconds),
            ("retry.base_seconds", self.retry.base_seconds),
            ("retry.cap_seconds", self.retry.cap_seconds),
            ("retry.budget_window_seconds", self.retry.budget_window_seconds),
            ("breaker.open_seconds", self.breaker.open_seconds),
            ("breaker.permit_timeout_seconds", self.breaker.permit_timeout_seconds),
            ("breaker.block_seconds", self.breaker.block_seconds),
        ]
    }
}

impl RetryConfig {
    pub(crate) fn policy(&self) -> Policy {
        let backoff = Backoff::new(seconds(self.base_seconds), seconds(self.cap_seconds));
        Policy { backoff, max_attempts: self.max_attempts }
    }

    pub(crate) fn budget(&self) -> BudgetConfig {
        BudgetConfig {
            ratio: self.budget_ratio,
            reserve: self.budget_reserve,
            window: seconds(self.budget_window_seconds),
        }
    }
}

impl BreakerSettings {
    pub(crate) fn breaker(&self) -> BreakerConfig {
        BreakerConfig {
            window: self.window,
            min_calls: self.min_calls,
            failure_ratio: self.failure_ratio,
            open_for: seconds(self.open_seconds),
            half_open_permits: self.half_open_permits,
            permit_timeout: seconds(self.permit_timeout_seconds),
        }
    }
}

impl MinRows {
    /// Returns the floor of an era; a day without corporate actions is a good answer.
    #[must_use]
    pub const fn of(&self, era: Era) -> u64 {
        match era {
            Era::LegacyL1 => self.legacy_l1,
            Era::LegacyL2 => self.legacy_l2,
            Era::Udiff => self.udiff,
            Era::Full => self.full,
            Era::ApiJson | Era::ApiCsv => 0,
        }
    }
}

/// Turns configured seconds into a duration; [`Config::validate`] has refused what does not fit.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}

/// Credentials in a URL would end in facts, spans and logs.
fn check_base_url(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("the scheme {} is neither http nor https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials in the URL are refused".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a base URL has no query and no fragment".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_key(change: impl FnOnce(&mut Config)) -> &'static str {
        let mut config = Config::defaults().expect("the defaults load");
        change(&mut config);
        match config.validate() {
            Err(Error::Config { key, .. }) => key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_default_file_is_complete_and_valid_and_asks_no_exchange() {
        let config = Config::defaults().expect("the defaults load");
        config.validate().expect("the defaults are valid");
        assert!(!config.source.allow_network);
    }

    #[test]
    fn the_real_exchange_is_not_asked_without_a_careful_pace() {
        assert_eq!(refused_key(|config| config.source.allow_network = true), "pace.requests_per_second");
        let hasty = |config: &mut Config| {
            config.source.allow_network = true;
            config.pace.requests_per_second = 3.5;
        };
        assert_eq!(refused_key(hasty), "pace.requests_per_second");
        let pushy = |config: &mut Config| {
            config.source.allow_network = true;
            config.pace.requests_per_second = 0.5;
            config.breaker.block_seconds = 60.0;
        };
        assert_eq!(refused_key(pushy), "breaker.block_seconds");
    }

    #[test]
    fn credentials_in_a_url_and_negative_durations_are_refused() {
        assert_eq!(refused_key(|config| config.source.mirror = "http://user:secret@feed".to_owned()), "source.mirror");
        assert_eq!(refused_key(|config| config.limits.fetch_seconds = -1.0), "limits.fetch_seconds");
        assert_eq!(refused_key(|config| config.retry.budget_ratio = f64::NAN), "retry.budget_ratio");
    }

    #[test]
    fn a_base_url_is_set_by_the_hosts_name_in_a_file() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let text = "[source.base_urls]\n\"nsearchives.nseindia.com\" = \"http://127.0.0.1:1/feed\"\n";
        std::fs::write(file.path(), text).expect("the file is ours");
        let config: Config = load(&SPEC, Some(file.path())).expect("a valid file");
        let base = config.source.base_urls.get("nsearchives.nseindia.com");
        assert_eq!(base.map(String::as_str), Some("http://127.0.0.1:1/feed"));
    }
}
