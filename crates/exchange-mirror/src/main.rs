//! `champion-exchange-mirror`: serves the exchanges' URLs, or writes the generated market as files.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use champion_exchange_mirror::{Config, GeneratedMarket, Ports, SPEC, run, write_market};
use champion_market_data::{Dataset, TradeDate};
use champion_service::{ServiceIdentity, Shutdown, config};
use champion_telemetry::metrics::register_process;
use clap::Parser;
use prometheus::Registry;
use tracing::{error, info};

/// Name and version in logs, metrics and traces.
const IDENTITY: ServiceIdentity =
    ServiceIdentity { name: "champion-exchange-mirror", version: env!("CARGO_PKG_VERSION") };
/// Exit code for a configuration that cannot be used.
const EXIT_CONFIG: u8 = 2;
/// Longest wait for the last spans.
const FLUSH: Duration = Duration::from_secs(5);

/// The exchanges' own URLs on loopback: recorded files or a generated market, with faults on request.
#[derive(Debug, Parser)]
#[command(version)]
struct Flags {
    /// Configuration file; the environment and the flags below win over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prints the configuration and exits.
    #[arg(long)]
    print_config: bool,
    /// Serves the recorded files of a folder laid out as <host>/<path of the URL>.
    #[arg(long, value_name = "DIR", conflicts_with = "generate")]
    archive: Option<PathBuf>,
    /// Serves (or writes) the generated market of a seed.
    #[arg(long, value_name = "SEED")]
    generate: Option<u64>,
    /// Holds the fault rules of a JSON file from the start.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Address of the exchanges' port, such as 127.0.0.1:0.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Writes the generated market into a folder instead of serving it.
    #[arg(long, value_name = "DIR", requires_all = ["from", "to"], conflicts_with = "archive")]
    write: Option<PathBuf>,
    /// First date to write.
    #[arg(long, value_name = "DATE", requires = "write")]
    from: Option<TradeDate>,
    /// Last date to write.
    #[arg(long, value_name = "DATE", requires = "write")]
    to: Option<TradeDate>,
    /// What to write.
    #[arg(long, value_name = "NAMES", requires = "write", value_delimiter = ',',
          default_values = ["bhavcopy", "full_bhavcopy", "corporate_actions"])]
    datasets: Vec<Dataset>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let config = match configured(&flags) {
        Ok(config) => config,
        Err(error) => {
            complain(&error.into());
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let result = match (&flags.write, flags.from, flags.to) {
        _ if flags.print_config => print(&config),
        (Some(folder), Some(from), Some(to)) => write(&config, folder, (from, to), &flags.datasets),
        _ => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")
            .and_then(|runtime| runtime.block_on(serve(config))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Says on standard error why the process ends.
fn complain(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "{}: {error:#}", IDENTITY.name);
}

fn configured(flags: &Flags) -> Result<Config, config::ConfigError> {
    let mut config: Config = config::load(&SPEC, flags.config.as_deref())?;
    if let Some(seed) = flags.generate {
        config.source.archive = None;
        config.source.seed = seed;
    }
    if flags.archive.is_some() {
        config.source.archive.clone_from(&flags.archive);
    }
    if flags.faults.is_some() {
        config.faults.file.clone_from(&flags.faults);
    }
    if let Some(address) = &flags.listen {
        config.server.http_listen.clone_from(address);
    }
    Ok(config)
}

fn print(config: &Config) -> anyhow::Result<()> {
    let text = toml::to_string_pretty(config).context("cannot print the configuration")?;
    std::io::stdout().write_all(text.as_bytes()).context("cannot print the configuration")
}

fn write(
    config: &Config,
    folder: &std::path::Path,
    range: (TradeDate, TradeDate),
    datasets: &[Dataset],
) -> anyhow::Result<()> {
    let market = GeneratedMarket::new(config.source.seed, 0).until(config.source.last_date);
    let written = write_market(&market, folder, range, datasets)?;
    let line = format!("{} sessions, {} files, {} bytes\n", written.sessions, written.files, written.bytes);
    std::io::stdout().write_all(line.as_bytes()).context("cannot print the result")
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = champion_telemetry::init(IDENTITY)?;
    info!(version = IDENTITY.version, "starting");
    let registry = Registry::new();
    let result = async {
        register_process(&registry, &IDENTITY)?;
        telemetry.register(&registry)?;
        let ports = Ports::bind(&config.server).await?;
        run(config, ports, registry.clone(), Shutdown::on_signals()).await?;
        anyhow::Ok(())
    }
    .await;
    match &result {
        Ok(()) => info!("stopped"),
        Err(error) => error!(error = format!("{error:#}"), "failed"),
    }
    telemetry.shutdown(FLUSH).await;
    result
}
