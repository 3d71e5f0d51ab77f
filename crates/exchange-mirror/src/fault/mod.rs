//! Failures on request: rules that spoil the answers whose URL they match.

mod book;
mod container;
mod filings;
mod kind;
mod page;
mod raw;
mod rule;
mod spoil;
mod table;

pub(crate) use book::{Book, parse};
pub(crate) use kind::{Kind, PageFault, WireFault};
pub(crate) use page::{answer, missing};
pub(crate) use raw::{needs_answer, play};
pub(crate) use rule::Rule;
pub(crate) use spoil::spoil;
