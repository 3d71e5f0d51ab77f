//! The loader against a real ClickHouse.

mod as_of;
mod harness;
mod loading;
mod migrating;
mod quarantine;
mod reconciling;
mod serving;
