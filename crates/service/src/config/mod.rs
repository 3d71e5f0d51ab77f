//! Configuration: a typed tree from a commented default file, an optional file and the environment, in rising order.

mod environment;
mod secret;

use std::path::{Path, PathBuf};

use ::config::{Config, File, FileFormat};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use environment::Variables;
pub use secret::Secret;

/// Where a service's configuration comes from.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Short name of the service, for example `scraper`.
    pub service: &'static str,
    /// Prefix of its environment variables, for example `CHAMPION_SCRAPER`.
    pub env_prefix: &'static str,
    /// The commented TOML file with every key and its default.
    pub defaults: &'static str,
}

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {file}: {source}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A key is unknown, missing or has a wrong value; the message names it.
    #[error("invalid configuration of {service}: {reason}")]
    Invalid {
        /// The service.
        service: &'static str,
        /// The key and what is wrong with it.
        reason: String,
    },
}

/// Most bytes of a configuration file.
const MOST_BYTES: u64 = 1 << 20;

/// Loads the configuration: defaults, then the file, then the environment (`CHAMPION_SCRAPER__PACE__BURST`).
///
/// # Errors
///
/// Fails when the file cannot be read, a key is unknown or a value does not fit; the error names the key.
pub fn load<T>(spec: &Spec, file: Option<&Path>) -> Result<T, ConfigError>
where
    T: Serialize + DeserializeOwned,
{
    // A variable that is not UTF-8 cannot be one of ours.
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    load_with(spec, file, variables)
}

/// Loads the configuration like [`load`], with the given environment.
///
/// # Errors
///
/// Fails like [`load`].
pub fn load_with<T>(
    spec: &Spec,
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<T, ConfigError>
where
    T: Serialize + DeserializeOwned,
{
    let invalid =
        |error: ::config::ConfigError| ConfigError::Invalid { service: spec.service, reason: error.to_string() };
    let defaults = Config::builder()
        .add_source(File::from_str(spec.defaults, FileFormat::Toml))
        .build()
        .map_err(|error| ConfigError::Invalid { service: spec.service, reason: format!("defaults: {error}") })?;
    let variables = Variables::new(spec.env_prefix, variables.into_iter(), &defaults);
    let mut builder = Config::builder().add_source(defaults);
    if let Some(path) = file {
        let text = crate::read_named_text(path, MOST_BYTES)
            .map_err(|source| ConfigError::Unreadable { file: path.to_owned(), source })?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    builder.add_source(variables).build().and_then(Config::try_deserialize).map_err(invalid)
}

#[cfg(test)]
mod tests;
