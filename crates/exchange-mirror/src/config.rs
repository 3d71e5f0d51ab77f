//! The mirror's configuration; every key, default and reason stands in `deploy/config/exchange-mirror.toml`.

use std::path::PathBuf;

use champion_market_data::TradeDate;
use champion_service::config::Spec;
use champion_service::{AdminConfig, ConnectionsConfig, optional_path};
use serde::{Deserialize, Serialize};

/// Where the configuration comes from.
pub const SPEC: Spec = Spec {
    service: "exchange-mirror",
    env_prefix: "CHAMPION_EXCHANGE_MIRROR",
    defaults: include_str!("../../../deploy/config/exchange-mirror.toml"),
};

/// The whole tree.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Ports and how the process stops.
    pub server: HttpConfig,
    /// What is served.
    pub source: SourceConfig,
    /// How strangers are treated.
    pub behaviour: BehaviourConfig,
    /// Faults from the start.
    pub faults: FaultsConfig,
}

impl Config {
    /// Names what is served, for the log.
    #[must_use]
    pub const fn source_name(&self) -> &'static str {
        if self.source.archive.is_some() { "archive" } else { "generated market" }
    }
}

/// Ports and how the process stops.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Address of the exchanges' port; port 0 takes any free one.
    pub http_listen: String,
    /// Permits a port that other machines reach; it is plain.
    pub insecure: bool,
    /// Connections of the exchanges' port.
    pub connections: ConnectionsConfig,
    /// Names, besides those of loopback, the bound address and the exchanges' hosts, that requests may give as their `Host`.
    pub host_names: Vec<String>,
    /// File that receives the bound addresses as JSON; empty for none.
    #[serde(with = "optional_path")]
    pub address_file: Option<PathBuf>,
    /// Longest wait for requests in progress after a stop was asked.
    pub shutdown_grace_seconds: u64,
    /// The admin endpoint.
    pub admin: AdminConfig,
}

/// What is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Folder of recorded files laid out by host and path; empty for the generated market.
    #[serde(with = "optional_path")]
    pub archive: Option<PathBuf>,
    /// Seed of the generated market.
    pub seed: u64,
    /// Last date the generated market publishes; empty for no bound.
    #[serde(with = "optional_date")]
    pub last_date: Option<TradeDate>,
    /// Memory for generated files, in MiB.
    pub cache_mib: usize,
}

/// How strangers are treated.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BehaviourConfig {
    /// Beginnings of user agents that are refused, in lower case; a missing or empty one always is.
    pub refused_agents: Vec<String>,
    /// What a refused user agent meets.
    pub agent_refusal: AgentRefusal,
    /// What the API answers without a session.
    pub without_session: WithoutSession,
    /// How long a session lasts.
    pub session_seconds: u64,
    /// Requests kept in the log of `/__requests`.
    pub request_log: usize,
}

/// What a refused user agent meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentRefusal {
    /// The connection is reset without an answer.
    Reset,
    /// 403 with the CDN's page.
    Forbidden,
    /// No answer at all until the client gives up.
    Stall,
    /// Nothing: everybody is served.
    Off,
}

/// What the API answers to a request without a session cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithoutSession {
    /// 401 with an HTML body.
    Unauthorized,
    /// 500 with the five bytes `Error`.
    Error,
    /// The answer: no session is needed.
    Off,
}

/// Faults from the start.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultsConfig {
    /// JSON file with fault rules; empty for none.
    #[serde(with = "optional_path")]
    pub file: Option<PathBuf>,
}

mod optional_date {
    use champion_market_data::TradeDate;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "the signature serde calls")]
    pub(super) fn serialize<S: Serializer>(date: &Option<TradeDate>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&date.map(|date| date.to_string()).unwrap_or_default())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TradeDate>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(D::Error::custom) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_is_a_whole_configuration() {
        let config: Config = champion_service::config::load(&SPEC, None).expect("the defaults are valid");
        assert_eq!(config.server.http_listen, "127.0.0.1:8980");
        assert_eq!(config.behaviour.agent_refusal, AgentRefusal::Reset);
        assert!(config.source.archive.is_none() && config.source.last_date.is_none());
    }
}
