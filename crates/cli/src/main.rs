//! The command `champion`.

use std::process::ExitCode;
use std::time::Duration;

use champion::args::{Arguments, Command};
use champion::exit::Exit;
use champion::{commands, failure};
use champion_service::ServiceIdentity;
use clap::Parser;

const IDENTITY: ServiceIdentity = ServiceIdentity { name: "champion", version: env!("CARGO_PKG_VERSION") };
/// Longest wait for the command's own spans; a collector that is away costs no more than this.
const FLUSH: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("champion: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(live(arguments)).into()
}

async fn live(arguments: Arguments) -> Exit {
    let telemetry = match champion_telemetry::init_interactive(IDENTITY, &collector(&arguments)) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("champion: {error}");
            return Exit::Failed;
        }
    };
    let tidies_up = matches!(arguments.command, Command::Up(_) | Command::MetricsDemo(_));
    if !tidies_up {
        end_when_nobody_reads();
    }
    let work = commands::dispatch(arguments);
    let result = if tidies_up {
        // On a signal `up` stops its children in order and `metrics-demo` lifts its faults.
        work.await
    } else {
        tokio::select! {
            result = work => result,
            _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        }
    };
    let exit = result.unwrap_or_else(|error| {
        let (text, exit) = failure::explain(&error);
        eprintln!("champion: {text}");
        exit
    });
    telemetry.shutdown(FLUSH).await;
    exit
}

/// Ends quietly, as other programs do, when the reader of a pipe has gone; `println!` would panic.
fn end_when_nobody_reads() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload_as_str().unwrap_or_default();
        if text.starts_with("failed printing to stdout") && text.contains("Broken pipe") {
            std::process::exit(i32::from(Exit::Unread.code()));
        }
        before(info);
    }));
}

/// Returns where `run`, `backfill` and `metrics-demo` send their spans unless a variable says otherwise: the stack's own collector.
///
/// OTLP over HTTP: a short-lived program flushes it safely.
fn collector(arguments: &Arguments) -> Vec<(&'static str, String)> {
    let traced = matches!(arguments.command, Command::Run { .. } | Command::Backfill { .. } | Command::MetricsDemo(_));
    let Some(endpoint) = traced.then(|| arguments.place.collector()).flatten() else { return Vec::new() };
    vec![("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned())]
}
