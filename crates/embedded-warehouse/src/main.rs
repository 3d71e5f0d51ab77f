//! The embedded warehouse's process.

use std::process::ExitCode;

use champion_embedded_warehouse::{Bound, CONFIG, Config, run};
use champion_service::ServiceIdentity;

fn main() -> ExitCode {
    let identity = ServiceIdentity { name: "champion-embedded-warehouse", version: env!("CARGO_PKG_VERSION") };
    champion_service::main(CONFIG, identity, |config: Config, registry, shutdown| async move {
        let bound = Bound::bind(&config).await?;
        Ok(run(config, bound, registry, shutdown).await?)
    })
}
