//! The smallest service: configuration, ports, health, metrics, an orderly stop.
//!
//! `cargo run -p champion-service --example minimal -- --print-config` shows its configuration.

use std::process::ExitCode;

use champion_service::config::{Secret, Spec};
use champion_service::{Listeners, Server, ServerConfig, ServiceIdentity};
use serde::{Deserialize, Serialize};
use tracing::{info, info_span};

const SPEC: Spec = Spec {
    service: "minimal",
    env_prefix: "CHAMPION_MINIMAL",
    defaults: r#"
        # Logged at the start.
        greeting = "hello"
        # Never shown.
        token = ""
        [server]
        grpc_listen = "127.0.0.1:0"
        shutdown_grace_seconds = 20
        [server.admin]
        listen = "127.0.0.1:0"
    "#,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    greeting: String,
    token: Secret,
    server: ServerConfig,
}

fn main() -> ExitCode {
    let identity = ServiceIdentity { name: "champion-minimal", version: env!("CARGO_PKG_VERSION") };
    champion_service::main(SPEC, identity, |config: Config, registry, shutdown| async move {
        let listeners = Listeners::bind(&config.server).await?;
        info_span!("greet")
            .in_scope(|| info!(text = config.greeting, has_token = !config.token.is_empty(), "greeting"));
        Server::new(listeners, registry, &config.server).serve(shutdown).await?;
        Ok(())
    })
}
