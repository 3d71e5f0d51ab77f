//! What decoding promises, shown on hand-written files and on the exchange's own.

mod archives;
mod fuzzed;
mod poisoned;
mod properties;
mod quirks;
mod real_files;
mod refusals;
mod rules;
mod shapes;
mod sheet;
mod tables;
