//! Runs over real sockets: the orchestrator against stages that follow a script.

mod audits;
mod harness;
mod operations;
mod peers;

mod interruptions;
mod journal;
mod lake;
mod runs;
mod status;
