//! The loader against a real ClickHouse.

mod harness;
mod loading;
mod migrating;
mod quarantine;
mod serving;
