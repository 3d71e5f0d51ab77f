//! The person's door: run, backfill, status, runs, trace, query, validate, migrate, up.
//!
//! The command knows the services by their contract only (`champion-proto`); `validate` needs none of them, because the
//! decoder is a pure crate of its own.

pub mod args;
pub mod commands;
pub mod endpoints;
pub mod exit;
pub mod failure;
mod place;
mod query;
mod render;
mod run;
mod status;
pub mod trace;
pub mod up;
pub mod validate;
mod wire_json;
