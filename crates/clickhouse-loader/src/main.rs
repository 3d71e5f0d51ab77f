//! The clickhouse-loader process.

use std::process::ExitCode;

use champion_clickhouse_loader::{IDENTITY, SPEC, run};
use champion_service::Listeners;

fn main() -> ExitCode {
    champion_service::main(
        SPEC,
        IDENTITY,
        |config: champion_clickhouse_loader::Config, registry, shutdown| async move {
            let listeners = Listeners::bind(&config.server).await?;
            Ok(run(config, listeners, registry, shutdown).await?)
        },
    )
}
