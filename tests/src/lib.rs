//! The harness of the end-to-end tests: real processes, real sockets, real files.
//!
//! [`Stack`] starts `champion up` on free ports in a folder of its own and stops it when dropped. Every helper panics with
//! a sentence that names what is missing: under test, a missing program is a failure and never a silent pass.

pub mod programs;
pub mod prometheus;
pub mod stack;
pub mod tap;
pub mod wait;

pub use stack::{Answer, Stack, StackBuilder};
