//! The command line.

mod form;
mod verify;

use std::path::PathBuf;

use champion_market_data::{Dataset, Exchange, Table, TradeDate};
use clap::{Args, Parser, Subcommand};

pub use form::{Export, Form};
pub use verify::{VerifyArguments, ZoneChoice};

use crate::as_of::Instant;
use crate::audit::AuditArguments;
use crate::exit;
use crate::metrics_demo::{self, MetricsDemoArguments};
use crate::reconcile::ReconcileArguments;

/// Indian exchange end-of-day data: fetched, kept, validated, published, visible.
#[derive(Debug, Parser)]
#[command(name = "champion", version, about, after_help = exit::HELP, propagate_version = true)]
pub struct Arguments {
    /// Where the stack is.
    #[command(flatten)]
    pub place: Place,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where the stack is, and how to answer.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Data folder of `champion up`; its endpoints.json says where the services listen
    #[arg(long, global = true, env = "CHAMPION_DATA", default_value = ".champion", value_name = "DIR")]
    pub data: PathBuf,
    /// URL of the orchestrator
    #[arg(long, global = true, env = "CHAMPION_ORCHESTRATOR_URL", value_name = "URL")]
    pub orchestrator: Option<String>,
    /// URL of the warehouse (ClickHouse's HTTP interface)
    #[arg(long, global = true, env = "CHAMPION_WAREHOUSE_URL", value_name = "URL")]
    pub warehouse: Option<String>,
    /// What services behind https:// are called with
    #[command(flatten)]
    pub tls: Tls,
    /// Answer in JSON, for machines
    #[arg(long, global = true)]
    pub json: bool,
}

/// The PEM files of mutual TLS: all three, or none; and whether there may be none beyond this machine.
#[derive(Debug, Clone, Args)]
pub struct Tls {
    /// Certificate shown to services behind https://
    #[arg(long, global = true, env = "CHAMPION_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// Its private key
    #[arg(long, global = true, env = "CHAMPION_TLS_PRIVATE_KEY", value_name = "FILE")]
    pub tls_private_key: Option<PathBuf>,
    /// Authorities whose certificates the services may show
    #[arg(long, global = true, env = "CHAMPION_TLS_CA", value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// Call services on other machines behind http://, where everybody on the way can read and change what is said
    #[arg(long, global = true, env = "CHAMPION_INSECURE")]
    pub insecure: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring one day in: fetch, parse, write, load
    Run {
        /// bhavcopy, full_bhavcopy or corporate_actions
        dataset: Dataset,
        /// Trade date in IST, YYYY-MM-DD
        #[arg(long)]
        date: TradeDate,
        /// How the work is done
        #[command(flatten)]
        how: How,
    },
    /// Bring a range of days in, month by month
    Backfill {
        /// bhavcopy, full_bhavcopy or corporate_actions
        dataset: Dataset,
        /// First trade date
        #[arg(long)]
        from: TradeDate,
        /// Last trade date, included
        #[arg(long)]
        to: TradeDate,
        /// End with exit code 3 when a session is missing at the exchange
        #[arg(long)]
        strict: bool,
        /// How the work is done
        #[command(flatten)]
        how: How,
    },
    /// Ask the exchange whether it has corrected its newest files, and bring corrections in
    Recheck {
        /// Only this dataset
        #[arg(long)]
        dataset: Option<Dataset>,
        /// How many sessions back, today's included
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=250))]
        sessions: u32,
    },
    /// End a run that is going on; what it has done stays done
    Cancel {
        /// Run id, or the beginning of one
        run: String,
    },
    /// Every expected session of a range with its state: present, pending, gap, refused, failed or unknown
    Gaps {
        /// Only this dataset
        #[arg(long)]
        dataset: Option<Dataset>,
        /// First trade date
        #[arg(long)]
        from: TradeDate,
        /// Last trade date, included
        #[arg(long)]
        to: TradeDate,
        /// Closed days and sessions that are in as well
        #[arg(long)]
        all: bool,
        /// In which form
        #[command(flatten)]
        export: Export,
    },
    /// Rows and files that were set aside
    Quarantine {
        /// What to do with them
        #[command(subcommand)]
        command: QuarantineCommand,
    },
    /// What is in for each dataset, and the books of its files
    Status {
        /// In which form
        #[command(flatten)]
        export: Export,
    },
    /// The hosts that are asked: circuit breaker, blocks, waits, pace
    Sources {
        /// What to do in place of listing them
        #[command(subcommand)]
        action: Option<SourcesAction>,
        /// URL of the scraper; by default the one of the stack
        #[arg(long, global = true, env = "CHAMPION_SCRAPER_URL", value_name = "URL")]
        scraper: Option<String>,
    },
    /// The newest runs of the journal
    Runs {
        /// Only this dataset
        #[arg(long)]
        dataset: Option<Dataset>,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// In which form
        #[command(flatten)]
        export: Export,
    },
    /// The orchestrator's journal, a cache of the lake
    Journal {
        /// What to do with it
        #[command(subcommand)]
        command: JournalCommand,
    },
    /// One run as one trace over all services, drawn as a waterfall
    Trace {
        /// Run id, the beginning of one, or a trace id
        run: String,
        /// Every span, however many
        #[arg(long)]
        all: bool,
    },
    /// Ask the warehouse
    Query {
        /// A statement; read the `…_current` views
        sql: String,
        /// In which form
        #[command(flatten)]
        form: Form,
    },
    /// Ask the warehouse what was known at an instant
    AsOf {
        /// RFC 3339, seconds may be left out: 2025-02-24T20:00+05:30; without an offset it is IST
        instant: Instant,
        /// A question; it names tables or `…_current` views as always
        sql: String,
        /// In which form
        #[command(flatten)]
        form: Form,
    },
    /// Decode and check a file; no services needed
    Validate {
        /// The file as received: zip or CSV, JSON for corporate actions; - reads standard input
        file: PathBuf,
        /// bhavcopy, full_bhavcopy or corporate_actions
        #[arg(long)]
        dataset: Dataset,
        /// The trade date the file has to be of; by default the one in its name, else the one inside
        #[arg(long)]
        date: Option<TradeDate>,
    },
    /// Read everything stored again and say what is not as it should be
    Verify(VerifyArguments),
    /// Remove what the lake no longer needs: published staged tables, files of crashed writes, old versions,
    /// lock files that nobody holds; the writer does it by itself, too
    Collect {
        /// Only say what would go
        #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
        dry_run: bool,
        /// URL of the parquet-writer; by default the one of the stack
        #[arg(long, env = "CHAMPION_WRITER_URL", value_name = "URL")]
        writer: Option<String>,
    },
    /// Write one Parquet file a month, beside the files of its sessions
    Compact(CompactArguments),
    /// Start the whole stack on this machine, until Ctrl-C
    Up(UpArguments),
    /// Drive a running stack through success and trouble, so that dashboards and alerts can be seen alive
    #[command(after_help = metrics_demo::HELP)]
    MetricsDemo(MetricsDemoArguments),
    /// Hold the newest observation of every session against what is published and loaded; exit code 3 when they differ
    Audit(AuditArguments),
    /// Compare the lake with the warehouse; exit code 3 when differences remain
    Reconcile(ReconcileArguments),
    /// Bring the warehouse's schema to the newest version
    Migrate {
        /// URL of the loader; by default the one of the stack
        #[arg(long, env = "CHAMPION_LOADER_URL", value_name = "URL")]
        loader: Option<String>,
    },
}

/// How the work of a run is done.
#[derive(Debug, Clone, Copy, Args)]
pub struct How {
    /// Ask the exchange also for what is there: has it been corrected?
    #[arg(long, conflicts_with = "replay")]
    pub recheck: bool,
    /// Decode the raw bytes anew and make again whatever is missing behind them
    #[arg(long)]
    pub replay: bool,
}

/// What to do with rows that were set aside.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// Files with rows that were set aside, newest first
    List {
        /// Only this dataset
        #[arg(long)]
        dataset: Option<Dataset>,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// In which form
        #[command(flatten)]
        export: Export,
    },
    /// The rows of one file with line number, reason and the line as published
    Show {
        /// SHA-256 of the file, or the beginning of it
        file: String,
        /// In which form
        #[command(flatten)]
        export: Export,
    },
    /// Decode the file anew, for instance after an upgrade, and publish what is good now
    Replay {
        /// SHA-256 of the file, or the beginning of it
        file: String,
    },
}

/// What to do with the journal.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Make it anew from the lake; runs go on meanwhile. Exit code 3 when an object of the lake cannot be read
    Rebuild,
}

/// What `champion sources` does.
#[derive(Debug, Subcommand)]
pub enum SourcesAction {
    /// Close a source's circuit breaker, forget its block and wait: the next request goes to the host at once
    Reset {
        /// nse_archive or nse_api
        source: String,
    },
}

/// Options of `champion compact`.
#[derive(Debug, Args)]
pub struct CompactArguments {
    /// raw_equity_ohlc, normalized_equity_ohlc, equity_delivery or corporate_actions
    pub table: Table,
    /// nse or bse
    #[arg(long, default_value_t = Exchange::Nse)]
    pub exchange: Exchange,
    /// First month, YYYY-MM
    #[arg(long, value_name = "MONTH")]
    pub from: String,
    /// Last month, included; by default the first
    #[arg(long, value_name = "MONTH")]
    pub to: Option<String>,
    /// URL of the parquet-writer; by default the one of the stack
    #[arg(long, env = "CHAMPION_WRITER_URL", value_name = "URL")]
    pub writer: Option<String>,
}

/// Options of `champion up`.
#[derive(Debug, Args)]
pub struct UpArguments {
    /// Serve recorded exchange files, laid out by host and path
    #[arg(long, value_name = "DIR", conflicts_with = "generate")]
    pub archive: Option<PathBuf>,
    /// Serve a generated market of this seed
    #[arg(long, value_name = "SEED", default_value_t = 42)]
    pub generate: u64,
    /// The documented ports, or any free ones
    #[arg(long, value_enum, default_value_t = PortChoice::Default)]
    pub ports: PortChoice,
    /// Write the services' logs to DATA/logs only
    #[arg(long)]
    pub quiet: bool,
}

/// Which ports `champion up` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PortChoice {
    /// The documented ones.
    Default,
    /// Any free ones.
    Auto,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_scraper_may_be_named_behind_the_action_too() {
        let line = ["champion", "sources", "reset", "nse_api", "--scraper", "http://127.0.0.1:1"];
        match Arguments::try_parse_from(line).map(|arguments| arguments.command) {
            Ok(Command::Sources { action: Some(SourcesAction::Reset { source }), scraper }) => {
                assert_eq!((source.as_str(), scraper.as_deref()), ("nse_api", Some("http://127.0.0.1:1")));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wrong_dataset_or_date_is_named() {
        let error = Arguments::try_parse_from(["champion", "run", "bhavcop", "--date", "2024-07-08"]);
        assert!(error.is_err_and(|error| error.to_string().contains("known: bhavcopy, full_bhavcopy")));
        let error = Arguments::try_parse_from(["champion", "run", "bhavcopy", "--date", "08-07-2024"]);
        assert!(error.is_err_and(|error| error.to_string().contains("expected YYYY-MM-DD")));
    }
}
