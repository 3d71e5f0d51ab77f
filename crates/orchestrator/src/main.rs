//! The orchestrator service: plans, drives and journals runs.

use std::process::ExitCode;

use champion_orchestrator::{Config, SPEC, run};
use champion_service::{Listeners, ServiceIdentity};

fn main() -> ExitCode {
    let identity = ServiceIdentity { name: "champion-orchestrator", version: env!("CARGO_PKG_VERSION") };
    champion_service::main(SPEC, identity, |config: Config, registry, shutdown| async move {
        let listeners = Listeners::bind(&config.server).await?;
        run(config, listeners, registry, shutdown).await?;
        Ok(())
    })
}
