//! The mirror over real sockets, and the files of its generated market.

mod archive;
mod faults;
mod harness;
mod market;
mod server;
