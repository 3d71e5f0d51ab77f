//! The scraper's process.

use std::process::ExitCode;

use champion_scraper::{Config, SPEC, run};
use champion_service::Listeners;
use champion_telemetry::ServiceIdentity;

fn main() -> ExitCode {
    let identity = ServiceIdentity { name: "champion-scraper", version: env!("CARGO_PKG_VERSION") };
    champion_service::main(SPEC, identity, |config: Config, registry, shutdown| async move {
        config.validate()?;
        let listeners = Listeners::bind(&config.server).await?;
        Ok(run(config, listeners, registry, shutdown).await?)
    })
}
