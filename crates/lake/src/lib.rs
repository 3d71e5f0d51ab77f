//! Bytes by key: the lake holds what the services pass references to.
//!
//! Every write is durable when it returns (file and directory are synced) and atomic for readers: a key is absent or
//! whole. Raw bytes go in by [`Lake::put_if_absent`], which never rewrites; curated files by [`Lake::publish`], which
//! replaces. [`Lake::get_verified`] reads nothing that does not match its reference. What several processes agree
//! on is a register, changed by [`Lake::update`]; what only one of them may do at a time is done in a [`Turn`],
//! and who leads is decided by a [`Lease`].
//!
//! On a folder a write is: the folders of the key, each synced in the one above; a temporary file `<name>#<n>` beside the
//! target, written and synced; a rename (or, for a create-once key, a hard link) to the name; a sync of the folder. A process
//! that dies leaves at most the temporary file, which no listing of the lake shows and no `*.parquet` matches
//! ([`Lake::leftovers`]).
//!
//! On an object store ([`Lake::open`] with `s3://bucket/prefix`) a write is one `PUT`, which the store makes whole, visible and
//! durable before it answers. Create-once keys rest on `If-None-Match: *`, registers and [`Lake::replace`] on `If-Match` with
//! the ETag that was read. No lock lies on a store: a turn is a lease of 30 seconds, and one that died with its holder is taken
//! over after that time. A store that does not check these conditions must not hold a lake.

mod error;
mod folder;
mod lease;
mod lock_file;
mod open;
mod origin;
mod register;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod turn;

pub use error::{LakeError, LakeErrorKind};
pub use folder::{Leftover, Leftovers};
pub use lease::{Candidate, Epoch, Lease, Look, ORCHESTRATOR};
pub use open::is_bucket;
pub use register::Change;
pub use store::{Entry, Lake, PutOutcome};
pub use turn::{Seen, Turn};
