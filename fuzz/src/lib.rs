//! Fuzz targets: what every reader of foreign bytes holds, whatever it is given.
//!
//! A target is a function of bytes that panics when a promise is broken: the books balance, the same bytes give the same
//! result, keys are unique, memory stays below a bound. `make fuzz` drives the targets with libFuzzer; the tests of this
//! crate replay the committed inputs (`corpus/`, and `crashes/` with everything that once broke a promise) through the
//! same functions, with no fuzzer at all.

mod container;
mod csv;
mod files;
pub mod memory;
mod messages;
mod warehouse;

/// A target: its name, and the function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("legacy_bhavcopy", files::legacy_bhavcopy),
    ("udiff_bhavcopy", files::udiff_bhavcopy),
    ("full_bhavcopy", files::full_bhavcopy),
    ("corporate_actions", files::corporate_actions),
    ("container", container::container),
    ("csv", csv::csv),
    ("messages", messages::messages),
    ("http_request", warehouse::http_request),
    ("http_body", warehouse::http_body),
    ("sql", warehouse::sql),
];

/// Finds a target by its name.
#[must_use]
pub fn target(name: &str) -> Option<fn(&[u8])> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, run)| *run)
}
