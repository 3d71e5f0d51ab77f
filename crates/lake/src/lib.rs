//! Bytes by key: the lake holds what the services pass references to.
//!
//! Every write is durable when it returns (file and directory are synced) and atomic for readers: a key is absent or
//! whole. Raw bytes go in by [`Lake::put_if_absent`], which never rewrites; curated files by [`Lake::publish`], which
//! replaces. [`Lake::get_verified`] reads nothing that does not match its reference. What several processes agree
//! on is a register, changed by [`Lake::update`].

mod error;
mod register;
mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::{LakeError, LakeErrorKind};
pub use register::Change;
pub use store::{Lake, PutOutcome};
