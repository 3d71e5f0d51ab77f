//! The scraper as its callers see it: real gRPC, a real HTTP exchange on loopback, a real lake in a temporary folder.

mod answers;
mod believed;
mod calendar;
mod copies;
mod disk_faults;
mod exchange;
mod faults;
mod fencing;
mod harness;
mod mirror;
mod rechecks;
mod refused_whole;
mod sessions;
mod shared;
mod sockets;
mod sources;
mod traces;
