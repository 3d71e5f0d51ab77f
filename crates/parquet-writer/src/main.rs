//! The parquet-writer process.

use std::process::ExitCode;

use champion_parquet_writer::{IDENTITY, SPEC, run};
use champion_service::Listeners;

fn main() -> ExitCode {
    champion_service::main(SPEC, IDENTITY, |config: champion_parquet_writer::Config, registry, shutdown| async move {
        let listeners = Listeners::bind(&config.server).await?;
        Ok(run(config, listeners, registry, shutdown).await?)
    })
}
