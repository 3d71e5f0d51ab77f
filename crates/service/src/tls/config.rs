//! The `[server.tls]` part of a service's configuration and the `[tls]` part of a caller's.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::TlsFiles;
use crate::access::Allow;

/// TLS of the gRPC port: with files, every caller must show a certificate of theirs; without, the port is plain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ServerKeys", into = "ServerKeys")]
pub struct ServerTlsConfig {
    /// The files; none for a plain port.
    pub files: Option<TlsFiles>,
    /// Age in seconds at which a connection takes no new calls, so that its caller connects anew; 0 for no limit. Calls in
    /// progress go on.
    pub max_connection_age_seconds: u64,
    /// Who may call what; without files nobody is known, and nothing is refused.
    pub allow: Allow,
}

/// TLS of outgoing calls to `https://` URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ClientKeys", into = "ClientKeys")]
pub struct ClientTlsConfig {
    /// The files; without them only `http://` URLs can be called.
    pub files: Option<TlsFiles>,
    /// Permits `http://` URLs of other machines.
    pub insecure: bool,
    /// The name the server's certificate must bear; none for the URL's host.
    pub server_name: Option<String>,
    /// Seconds after which a channel moves its next calls to a new connection. No call begins on a connection twice as old, so
    /// none meets one that closes while that is below the server's `max_connection_age_seconds`.
    pub reconnect_seconds: NonZeroU64,
}

const MAX_CONNECTION_AGE_SECONDS: u64 = 1_800;
const RECONNECT_SECONDS: NonZeroU64 = NonZeroU64::new(300).expect("it is not 0");

impl ServerTlsConfig {
    /// Returns the age at which a connection takes no new calls; a plain one has no such age.
    pub(crate) fn max_connection_age(&self) -> Option<Duration> {
        let limited = self.files.is_some() && self.max_connection_age_seconds > 0;
        limited.then(|| Duration::from_secs(self.max_connection_age_seconds))
    }
}

impl Default for ServerTlsConfig {
    fn default() -> Self {
        Self { files: None, max_connection_age_seconds: MAX_CONNECTION_AGE_SECONDS, allow: Allow::default() }
    }
}

impl ClientTlsConfig {
    /// Returns the configuration of a caller that has no certificate.
    #[must_use]
    pub const fn none() -> Self {
        Self { files: None, insecure: false, server_name: None, reconnect_seconds: RECONNECT_SECONDS }
    }
}

impl Default for ClientTlsConfig {
    fn default() -> Self {
        Self::none()
    }
}

/// The keys of `[server.tls]`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ServerKeys {
    certificate: String,
    private_key: String,
    client_ca: String,
    max_connection_age_seconds: u64,
    #[serde(skip_serializing_if = "Allow::is_empty")]
    allow: Allow,
}

/// The keys of `[tls]`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ClientKeys {
    certificate: String,
    private_key: String,
    ca: String,
    insecure: bool,
    server_name: String,
    reconnect_seconds: NonZeroU64,
}

impl Default for ServerKeys {
    fn default() -> Self {
        ServerTlsConfig::default().into()
    }
}

impl Default for ClientKeys {
    fn default() -> Self {
        ClientTlsConfig::default().into()
    }
}

impl TryFrom<ServerKeys> for ServerTlsConfig {
    type Error = String;

    fn try_from(keys: ServerKeys) -> Result<Self, String> {
        let files = all_or_none([
            ("certificate", keys.certificate),
            ("private_key", keys.private_key),
            ("client_ca", keys.client_ca),
        ])?;
        Ok(Self { files, max_connection_age_seconds: keys.max_connection_age_seconds, allow: keys.allow })
    }
}

impl From<ServerTlsConfig> for ServerKeys {
    fn from(config: ServerTlsConfig) -> Self {
        let max_connection_age_seconds = config.max_connection_age_seconds;
        let [certificate, private_key, client_ca] = texts(config.files);
        Self { certificate, private_key, client_ca, max_connection_age_seconds, allow: config.allow }
    }
}

impl TryFrom<ClientKeys> for ClientTlsConfig {
    type Error = String;

    fn try_from(keys: ClientKeys) -> Result<Self, String> {
        let files =
            all_or_none([("certificate", keys.certificate), ("private_key", keys.private_key), ("ca", keys.ca)])?;
        let server_name = (!keys.server_name.is_empty()).then_some(keys.server_name);
        Ok(Self { files, insecure: keys.insecure, server_name, reconnect_seconds: keys.reconnect_seconds })
    }
}

impl From<ClientTlsConfig> for ClientKeys {
    fn from(config: ClientTlsConfig) -> Self {
        let (server_name, reconnect_seconds) = (config.server_name.unwrap_or_default(), config.reconnect_seconds);
        let [certificate, private_key, ca] = texts(config.files);
        Self { certificate, private_key, ca, insecure: config.insecure, server_name, reconnect_seconds }
    }
}

fn all_or_none(keys: [(&str, String); 3]) -> Result<Option<TlsFiles>, String> {
    if keys.iter().all(|(_, value)| value.is_empty()) {
        return Ok(None);
    }
    let names = keys.each_ref().map(|(name, _)| format!("`{name}`")).join(", ");
    if let Some((name, _)) = keys.iter().find(|(_, value)| value.is_empty()) {
        return Err(format!("`{name}` of tls is empty: TLS needs all of {names}, a plain connection none of them"));
    }
    let [certificate, private_key, ca] = keys.map(|(_, value)| PathBuf::from(value));
    Ok(Some(TlsFiles { certificate, private_key, ca }))
}

fn texts(files: Option<TlsFiles>) -> [String; 3] {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    files.map_or_else(Default::default, |files| [&files.certificate, &files.private_key, &files.ca].map(|p| text(p)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_given_all_or_none() {
        let plain: ServerTlsConfig = toml::from_str("certificate = ''\nprivate_key = ''\nclient_ca = ''").unwrap();
        assert_eq!(plain, ServerTlsConfig::default());
        let whole = "certificate = '/a'\nprivate_key = '/b'\nclient_ca = '/c'\nmax_connection_age_seconds = 7\n";
        let config: ServerTlsConfig = toml::from_str(whole).unwrap();
        assert_eq!(config.files.as_ref().unwrap().ca, Path::new("/c"));
        assert_eq!(toml::to_string(&config).unwrap(), whole.replace('\'', "\""));
        for missing in ["certificate", "private_key", "client_ca"] {
            let text = whole.lines().filter(|line| !line.starts_with(missing)).collect::<Vec<_>>().join("\n");
            let error = toml::from_str::<ServerTlsConfig>(&text).unwrap_err().to_string();
            assert!(error.contains(&format!("`{missing}` of tls is empty")), "{error}");
        }
        let error = toml::from_str::<ClientTlsConfig>("ca = '/c'").unwrap_err().to_string();
        assert!(error.contains("`certificate` of tls is empty"), "{error}");
    }
}
