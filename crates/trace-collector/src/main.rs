//! The trace collector's process.

use std::process::ExitCode;

use champion_trace_collector::{Bound, CONFIG, Config, IDENTITY, run};

fn main() -> ExitCode {
    champion_service::main(CONFIG, IDENTITY, |config: Config, registry, shutdown| async move {
        let bound = Bound::bind(&config).await?;
        Ok(run(config, bound, registry, shutdown).await?)
    })
}
