//! Stores for tests: one that fails at a chosen write, one that loses power at a chosen step.
//!
//! Behind the feature `testing`, which only dev-dependencies turn on.

mod disk;
mod faults;
mod power;

pub use crate::lease::lead_times;
pub use faults::{Fault, Faults, Leaves};
pub use power::{PowerCut, Syncs};

pub(crate) use faults::{before_write, wrapped};
