//! The harness of the end-to-end tests: real processes, real sockets, real files.
//!
//! [`Stack`] starts `champion up` on free ports in a folder of its own and stops it when dropped;
//! [`Fleet`] starts the services one by one, so that each can be killed and started again. Every helper panics with
//! a sentence that names what is missing: under test, a missing program is a failure and never a silent pass.

pub mod alertmanager;
pub mod chaos;
pub mod client;
pub mod content;
pub mod cut_off;
pub mod exposition;
pub mod fleet;
pub mod gate;
pub mod grafana;
pub mod mailbox;
pub mod object_store_server;
pub mod programs;
pub mod prometheus;
pub mod promql;
pub mod stack;
pub mod tap;
pub mod told;
pub mod wait;
pub mod webhook;

pub use alertmanager::Alertmanager;
pub use client::{Answer, Client};
pub use content::Content;
pub use fleet::Fleet;
pub use object_store_server::ObjectStoreServer;
pub use stack::{Stack, StackBuilder};
