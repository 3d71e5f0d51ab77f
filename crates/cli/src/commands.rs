//! From the command line to the commands.

use std::io::IsTerminal;
use std::time::Duration;

use champion_proto::loader::v1::MigrateRequest;
use serde_json::json;

use crate::args::{
    Arguments, Command, JournalCommand, Place, PortChoice, QuarantineCommand, SourcesAction, UpArguments,
};
use crate::endpoints::Endpoints;
use crate::exit::Exit;
use crate::render::{complain, say, say_json, table};
use crate::up::{self, Market, Ports};
use crate::{
    as_of, audit, collect, compact, gaps, journal, metrics_demo, quarantine, query, reconcile, run, sources, status,
    trace, validate, verify,
};

/// Runs a command and returns how it ended.
///
/// # Errors
/// Whatever kept the command from doing its work; [`crate::failure`] says it to a person.
pub async fn dispatch(arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { place, command } = arguments;
    match command {
        Command::Run { dataset, date, how } => run::day(&place, dataset, date, how.into()).await,
        Command::Backfill { dataset, from, to, strict, how } => {
            if from > to {
                complain(format!("champion: --from {from} is after --to {to}"));
                return Ok(Exit::Usage);
            }
            run::backfill(&place, dataset, (from, to), how.into(), strict).await
        }
        Command::Recheck { dataset, sessions } => run::recheck(&place, dataset, sessions).await,
        Command::Cancel { run } => status::cancel(&place, &run).await.map(|()| Exit::Done),
        Command::Gaps { dataset, from, to, all, export } => {
            gaps::gaps(&place, dataset, (from, to), all, export.csv).await
        }
        Command::Quarantine { command } => match command {
            QuarantineCommand::List { dataset, limit, export } => {
                quarantine::list(&place, dataset, limit, export.csv).await
            }
            QuarantineCommand::Show { file, export } => quarantine::show(&place, &file, export.csv).await,
            QuarantineCommand::Replay { file } => quarantine::replay(&place, &file).await,
        },
        Command::Status { export } => status::status(&place, export.csv).await.map(|()| Exit::Done),
        Command::Sources { action: None, scraper } => sources::list(&place, scraper).await.map(|()| Exit::Done),
        Command::Sources { action: Some(SourcesAction::Reset { source }), scraper } => {
            sources::reset(&place, scraper, source).await.map(|()| Exit::Done)
        }
        Command::Runs { dataset, limit, export } => {
            status::runs(&place, dataset, limit, export.csv).await.map(|()| Exit::Done)
        }
        Command::Journal { command: JournalCommand::Rebuild } => journal::rebuild(&place).await,
        Command::Trace { run, all } => show_trace(&place, &run, all).await,
        Command::Query { sql, form } => {
            query::run(&place.warehouse()?, &sql, form.chosen(place.json)).await.map(|()| Exit::Done)
        }
        Command::AsOf { instant, sql, form } => as_of::run(&place, instant, &sql, form.chosen(place.json)).await,
        Command::Validate { file, dataset, date } => {
            let verdict = validate::examine(&file, dataset, date)?;
            if place.json {
                say_json(serde_json::to_string(&verdict)?);
            } else {
                validate::print(&file, &verdict);
            }
            Ok(verdict.exit())
        }
        Command::Verify(options) => verify::run(&place, options).await,
        Command::Collect { dry_run, writer } => collect::run(&place, writer, dry_run).await,
        Command::Compact(options) => compact::run(&place, options).await,
        Command::Up(options) => start(&place, options).await,
        Command::MetricsDemo(options) => metrics_demo::run(&place, options).await,
        Command::Audit(arguments) => audit::run(&place, arguments).await,
        Command::Reconcile(arguments) => reconcile::run(&place, arguments).await,
        Command::Migrate { loader } => migrate(&place, loader).await,
    }
}

/// Prints a drawing that has colours of its own; the texts in it were made harmless where it was drawn.
#[expect(clippy::print_stdout, reason = "the command's answer")]
fn print_drawn(text: &str) {
    println!("{text}");
}

/// Length of a trace id in hex digits.
const TRACE_ID_DIGITS: usize = 32;
/// Lines of a waterfall that a person takes in; `--all` shows the rest.
const WATERFALL_LINES: usize = 60;
/// Columns of a waterfall where there is no terminal to ask.
const WATERFALL_WIDTH: usize = 120;
/// How long spans may be on their way: exporters send every half second, the collector writes as often.
const WAIT_FOR_SPANS: Duration = Duration::from_secs(6);

async fn show_trace(place: &Place, run: &str, all: bool) -> anyhow::Result<Exit> {
    let is_trace_id = run.len() == TRACE_ID_DIGITS && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    let trace_id = if is_trace_id {
        run.to_ascii_lowercase()
    } else {
        status::run(place, run).await?.run.map(|run| run.trace_id).unwrap_or_default()
    };
    let warehouse = place.warehouse()?;
    if place.json {
        let spans = trace::read(&warehouse, &trace_id, WAIT_FOR_SPANS).await?;
        say_json(json!({"trace_id": trace_id, "spans": spans}));
        return Ok(if spans.is_empty() { Exit::Failed } else { Exit::Done });
    }
    let terminal = std::io::stdout().is_terminal();
    let width = if terminal { indicatif::TermLike::width(&console::Term::stdout()).into() } else { WATERFALL_WIDTH };
    let colour = terminal && std::env::var_os("NO_COLOR").is_none();
    let max_lines = if all { 0 } else { WATERFALL_LINES };
    let options = trace::Options { max_lines, style: trace::Style { width, colour }, wait: WAIT_FOR_SPANS };
    print_drawn(trace::show(&warehouse, &trace_id, &options).await?.trim_end());
    Ok(Exit::Done)
}

async fn migrate(place: &Place, loader: Option<String>) -> anyhow::Result<Exit> {
    let answer = place.loader(loader)?.migrate(MigrateRequest {}).await?.into_inner();
    if place.json {
        say_json(json!({"version": answer.version, "applied": answer.applied}));
    } else if answer.applied.is_empty() {
        say(format!("nothing to do: the warehouse is at version {}", answer.version));
    } else {
        say(format!("applied {}; the warehouse is at version {}", answer.applied.join(", "), answer.version));
    }
    Ok(Exit::Done)
}

async fn start(place: &Place, options: UpArguments) -> anyhow::Result<Exit> {
    let market = match options.archive {
        Some(folder) => {
            anyhow::ensure!(folder.is_dir(), "--archive {}: no such folder", folder.display());
            Market::Archive(folder.canonicalize()?)
        }
        None => Market::Generate(options.generate),
    };
    let ports = match options.ports {
        PortChoice::Default => Ports::Default,
        PortChoice::Auto => Ports::Auto,
    };
    let options = up::Options {
        data: place.data.clone(),
        market,
        ports,
        quiet: options.quiet,
        warehouse_url: place.warehouse.clone(),
        otlp_endpoint: std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty()),
    };
    let (json, data) = (place.json, place.data.clone());
    up::run(options, |endpoints| report(endpoints, json, &data)).await?;
    Ok(Exit::Done)
}

fn report(endpoints: &Endpoints, json: bool, data: &std::path::Path) {
    if json {
        say_json(json!({"ready": true, "data": data, "endpoints": endpoints}));
        return;
    }
    let cell = |address: &Option<String>| address.clone().unwrap_or_else(|| "–".to_owned());
    let rows = endpoints
        .0
        .iter()
        .map(|(name, endpoint)| vec![name.clone(), cell(&endpoint.grpc), cell(&endpoint.http), cell(&endpoint.admin)])
        .collect();
    say(table(&["service", "gRPC", "HTTP", "admin (/metrics)"], &[], rows).to_string());
    say(format!("ready; data in {}; Ctrl-C stops the stack", data.display()));
}
