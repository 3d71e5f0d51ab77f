//! The person's door: bring days in, see what is in and what is not, look closer, put right.
//!
//! The command knows the services by their contract only (`champion-proto`); `validate` needs none of them, because the
//! decoder is a pure crate of its own.

pub mod args;
pub mod as_of;
pub mod audit;
mod bar;
mod collect;
pub mod commands;
mod compact;
pub mod endpoints;
pub mod exit;
mod export;
pub mod failure;
mod gaps;
mod journal;
pub mod metrics_demo;
pub mod password;
mod place;
mod quarantine;
pub mod query;
pub mod reconcile;
mod render;
mod replay;
mod replayed;
mod run;
mod sources;
mod status;
pub mod trace;
pub mod up;
pub mod validate;
mod verify;
mod wire_json;
