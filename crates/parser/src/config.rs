//! The parser's configuration; `deploy/config/parser.toml` documents every key.

use std::path::PathBuf;

use champion_decode::Limits;
use champion_service::ServerConfig;
use champion_service::config::{ConfigError, Spec, load};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Where the configuration comes from.
pub const SPEC: Spec = Spec {
    service: "parser",
    env_prefix: "CHAMPION_PARSER",
    defaults: include_str!("../../../deploy/config/parser.toml"),
};

/// The parser's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Files decoded at the same time; 0 takes the number of processors.
    pub workers: usize,
    /// Ports and life cycle.
    pub server: ServerConfig,
    /// Where the lake is.
    pub lake: LakeConfig,
    /// Caps on hostile and on bad input.
    pub limits: LimitsConfig,
}

/// Where the lake is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LakeConfig {
    /// Folder of the lake, created if need be; or `s3://bucket/prefix`.
    pub folder: PathBuf,
}

/// Caps on hostile and on bad input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Most bytes of an archive as received.
    pub max_archive_bytes: u64,
    /// Most members an archive may list.
    pub max_members: u64,
    /// Most bytes of an archive's member.
    pub max_member_bytes: u64,
    /// Most bytes a compressed byte may grow to.
    pub max_ratio: u64,
    /// Most data rows of a file.
    pub max_rows: u64,
    /// Share of refused rows above which the whole file is refused ...
    pub max_quarantined_ratio: f64,
    /// ... provided that there are at least so many.
    pub min_quarantined_rows: u64,
}

impl Config {
    /// Returns the defaults alone.
    ///
    /// # Errors
    /// Fails when an environment variable of the parser does not fit.
    pub fn defaults() -> Result<Self, ConfigError> {
        load(&SPEC, None)
    }

    /// Checks what no type can say.
    ///
    /// # Errors
    /// [`Error::Config`] names the key.
    pub fn validate(&self) -> Result<(), Error> {
        let ratio = self.limits.max_quarantined_ratio;
        if !(0.0..=1.0).contains(&ratio) {
            let reason = format!("{ratio} is not between 0 and 1");
            return Err(Error::Config { key: "limits.max_quarantined_ratio", reason });
        }
        Ok(())
    }

    /// Returns how many files are decoded at the same time.
    pub(crate) fn workers(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        }
    }
}

impl From<LimitsConfig> for Limits {
    fn from(config: LimitsConfig) -> Self {
        Self {
            max_archive_bytes: config.max_archive_bytes,
            max_members: config.max_members,
            max_member_bytes: config.max_member_bytes,
            max_ratio: config.max_ratio,
            max_rows: config.max_rows,
            max_quarantined_ratio: config.max_quarantined_ratio,
            min_quarantined_rows: config.min_quarantined_rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_is_complete_and_says_what_the_decoder_says() {
        let config = Config::defaults().expect("the defaults load");
        config.validate().expect("the defaults are valid");
        assert_eq!(Limits::from(config.limits), Limits::default());
    }

    #[test]
    fn a_ratio_that_is_none_is_refused() {
        let mut config = Config::defaults().expect("the defaults load");
        config.limits.max_quarantined_ratio = 1.5;
        assert!(matches!(config.validate(), Err(Error::Config { key: "limits.max_quarantined_ratio", .. })));
    }
}
