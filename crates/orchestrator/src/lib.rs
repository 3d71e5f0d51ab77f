//! The orchestrator: plans runs, drives the stages in one direction and keeps the memory of days and runs.
//!
//! It stands above the flow `exchange → raw → staged → curated → warehouse`: it calls the scraper, the parser, the
//! parquet-writer and the clickhouse-loader, hands references from one to the next and never touches bytes of the market. A run goes
//! on when its client goes away, and is taken up again at the step it had reached when the process was cut off.
//!
//! * `plan`: the days of a range by month, with what the calendar says. Pure.
//! * `drive`: days through fetch and parse side by side, months through write and load one behind the other.
//! * `stages`: the four clients, their deadlines and the patience with them.
//! * `gaps`: the state of every day of a range, by calendar, hour and journal. Pure.
//! * `schedule`: what is due by the clock in India, and the loop that asks for it.
//! * `audits`: once a day, what was observed, published and loaded held against each other by the loader.
//! * `watch`: how many of the newest sessions are missing, counted all the time for the metrics.
//! * `lead`: one orchestrator of a lake is active, the others stand by.
//! * `office`: who leads, and the journal kept in step with the lake.
//! * `records`: how days ended and which runs go on, in the lake.
//! * `journal`: runs, steps and days in SQLite, a cache of the lake; one owner a file.
//! * `feed`: the events of a run for any number of clients.

mod audits;
mod clock;
mod config;
mod drive;
mod error;
mod feed;
mod gaps;
mod grpc;
mod journal;
mod lead;
mod metrics;
mod office;
mod plan;
mod records;
mod runs;
mod schedule;
mod serve;
mod stages;
mod vocabulary;
mod watch;
mod wire;

pub use clock::Clock;
pub use config::{
    BackfillConfig, Config, DueConfig, DueHour, JournalConfig, LakeConfig, LeaseConfig, SPEC, ScheduleConfig,
    StageConfig, StagesConfig, WatchConfig,
};
pub use error::Error;
pub use journal::JournalError;
pub use serve::{run, run_with_clock};
