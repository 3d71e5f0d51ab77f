//! The `main` of every service.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use champion_telemetry::{Registry, ServiceIdentity, metrics};
use clap::{Arg, ArgAction, Command, value_parser};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::{error, info};

use crate::Shutdown;
use crate::config::{self, Spec};

/// Exit code for a configuration that cannot be used.
const EXIT_CONFIG: u8 = 2;
/// Longest wait for the last spans when the configuration has no `server.flush_seconds`.
const FLUSH: Duration = Duration::from_secs(5);
/// Longest wait for blocking work that goes on after the end.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// Runs a service: reads flags and configuration, starts telemetry, calls `run`, flushes.
///
/// Exits with 0 after an orderly stop, 1 when `run` fails and 2 when the configuration cannot be used.
pub fn main<T, F, Fut>(spec: Spec, identity: ServiceIdentity, run: F) -> ExitCode
where
    T: Serialize + DeserializeOwned,
    F: FnOnce(T, Registry, Shutdown) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let flags = Command::new(identity.name)
        .version(identity.version)
        .about(format!(
            "Every configuration key can be set in a file or as {}__SECTION__KEY in the environment, which wins.",
            spec.env_prefix
        ))
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Reads a TOML file over the built-in defaults"),
        )
        .arg(
            Arg::new("print-config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .help("Prints the resulting configuration, secrets masked, and exits"),
        )
        .get_matches();
    let file = flags.get_one::<PathBuf>("config").map(PathBuf::as_path);
    let config: T = match config::load(&spec, file) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{}: {error}", identity.name);
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    if flags.get_flag("print-config") {
        return print(&config);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{}: cannot start the runtime: {error}", identity.name);
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(live(identity, config, run));
    runtime.shutdown_timeout(LEFTOVERS);
    code
}

async fn live<T, F, Fut>(identity: ServiceIdentity, config: T, run: F) -> ExitCode
where
    T: Serialize,
    F: FnOnce(T, Registry, Shutdown) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let telemetry = match champion_telemetry::init(identity) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("{}: {error}", identity.name);
            return ExitCode::FAILURE;
        }
    };
    info!(version = identity.version, "starting");
    let registry = Registry::new();
    let flush = flush_time(&config);
    let registered = metrics::register_process(&registry, &identity).and_then(|()| telemetry.register(&registry));
    let result = match registered {
        Ok(()) => run(config, registry, Shutdown::on_signals()).await,
        Err(error) => Err(error.into()),
    };
    let code = match result {
        Ok(()) => {
            info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            error!(error = explain(&error), "failed");
            ExitCode::FAILURE
        }
    };
    telemetry.shutdown(flush).await;
    code
}

/// Joins an error and its causes; many of ours name their cause in their own text already.
fn explain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn flush_time<T: Serialize>(config: &T) -> Duration {
    let tree = toml::Value::try_from(config).ok();
    let seconds = tree.and_then(|tree| tree.get("server")?.get("flush_seconds")?.as_integer());
    seconds.and_then(|seconds| u64::try_from(seconds).ok()).map_or(FLUSH, Duration::from_secs)
}

#[expect(clippy::print_stdout, reason = "the flag asks for it on standard output")]
fn print<T: Serialize>(config: &T) -> ExitCode {
    match toml::to_string_pretty(config) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot print the configuration: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let outer = Err::<(), _>(anyhow!("no such file")).context("cannot start: no such file").unwrap_err();
        assert_eq!(explain(&outer), "cannot start: no such file");
        let outer = Err::<(), _>(anyhow!("no such file")).context("cannot start").unwrap_err();
        assert_eq!(explain(&outer), "cannot start: no such file");
    }
}
