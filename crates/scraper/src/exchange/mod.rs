//! The exchange's side: everything between "we want this report" and "this is what came".
//!
//! Network is touched in `http` only. `attempts` drives one report through pace, breaker, session, request,
//! classification and retry.

mod address;
mod attempts;
mod egress;
mod guard;
mod host;
mod http;
mod pace;
mod register;
mod session;
mod source;
mod timetable;

pub(crate) use attempts::{Exchange, Fetched, Finding, Known, Question};
pub use host::SourceState;
pub use source::Source;
