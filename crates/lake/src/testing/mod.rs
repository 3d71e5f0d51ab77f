//! Stores for tests: one that fails at a chosen write.
//!
//! Behind the feature `testing`, which only dev-dependencies turn on.

mod faults;

pub use faults::{Fault, Faults, Leaves};

pub(crate) use faults::{before_write, wrapped};
