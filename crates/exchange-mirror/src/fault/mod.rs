//! Failures on request: rules that spoil the answers whose URL they match.

mod book;
mod container;
mod page;
mod raw;
mod rule;
mod spoil;
mod table;

pub(crate) use book::{Book, Hit, parse};
pub(crate) use page::{answer, missing};
pub(crate) use raw::{play, spoils_body};
pub(crate) use rule::{Kind, Stage};
pub(crate) use spoil::spoil;
