//! The HTTP side: addresses, refusals, sessions, faults and answers.

mod control;
mod exchange;
mod log;
mod metrics;
mod visitors;
mod wire;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::any;
use champion_service::{HttpGuard, Shutdown, guarded};
use http::Method;
use prometheus::Registry;

pub(crate) use wire::{Wire, Wires};

use crate::config::{AgentRefusal, BehaviourConfig, Config};
use crate::error::Error;
use crate::fault::{self, Book};
use crate::market::GeneratedMarket;
use crate::source::{Archive, Source};
use log::Log;
use metrics::Metrics;
use visitors::Visitors;

/// Everything a request needs.
#[derive(Debug)]
pub(crate) struct Mirror {
    source: Source,
    behaviour: BehaviourConfig,
    faults: Book,
    visitors: Visitors,
    log: Log,
    metrics: Metrics,
    shutdown: Shutdown,
}

impl Mirror {
    /// Opens the source and reads the fault rules. Blocking.
    pub(crate) fn open(config: &Config, registry: &Registry, shutdown: Shutdown) -> Result<Self, Error> {
        let source = match &config.source.archive {
            Some(folder) => Source::Archive(Archive::open(folder)?),
            None => {
                let market = GeneratedMarket::new(config.source.seed, config.source.cache_mib << 20);
                Source::Market(Box::new(market.until(config.source.last_date)))
            }
        };
        let faults = Book::default();
        if let Some(file) = &config.faults.file {
            faults.add(read_rules(file)?);
        }
        Ok(Self {
            source,
            faults,
            visitors: Visitors::new(Duration::from_secs(config.behaviour.session_seconds)),
            log: Log::new(config.behaviour.request_log),
            metrics: Metrics::register(registry)?,
            behaviour: config.behaviour.clone(),
            shutdown,
        })
    }

    /// Tells whether a user agent is one the exchanges refuse.
    fn refuses(&self, agent: &str) -> bool {
        let lower = agent.to_lowercase();
        let is_tool = || self.behaviour.refused_agents.iter().any(|start| lower.starts_with(start.as_str()));
        self.behaviour.agent_refusal != AgentRefusal::Off && (agent.is_empty() || is_tool())
    }
}

/// Most bytes of a file of faults.
const MOST_RULES: u64 = 1 << 20;

fn read_rules(file: &Path) -> Result<Vec<fault::Rule>, Error> {
    let unusable = |reason: String| Error::Faults { file: file.to_owned(), reason };
    let text = champion_service::read_named_file(file, MOST_RULES).map_err(|error| unusable(error.to_string()))?;
    fault::parse(&text).map_err(|error| unusable(error.to_string()))
}

/// What the mirror takes at all: reading, and setting and lifting faults. What an exchange does not take it is asked for
/// with POST or DELETE is answered as the exchange does.
pub(crate) const METHODS: &[Method] = &[Method::GET, Method::HEAD, Method::POST, Method::DELETE];

/// Largest list of fault rules that is taken, in bytes.
const MOST_RULE_BYTES: usize = 1 << 20;

/// Returns the routes: the mirror's own, and the exchanges' for all else, behind the guard: a page that a person looks at
/// must neither set faults nor use them up nor read what was asked.
pub(crate) fn router(mirror: Arc<Mirror>, guard: HttpGuard) -> Router {
    let router = Router::new()
        .route("/__fault", any(control::faults))
        .route("/__requests", any(control::requests))
        .route("/__sessions", any(control::sessions))
        .fallback(exchange::serve)
        .layer(DefaultBodyLimit::max(MOST_RULE_BYTES))
        .with_state(mirror);
    guarded(router, guard)
}
