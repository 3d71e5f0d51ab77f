//! The loader against a real ClickHouse.

mod as_of;
mod auditing;
mod believed;
mod harness;
mod loading;
mod migrating;
mod proxy;
mod quarantine;
mod racing;
mod reconciling;
mod serving;
mod under_fire;
