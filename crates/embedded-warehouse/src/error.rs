//! Why the warehouse cannot start or stop.

use std::io;
use std::path::PathBuf;

use champion_service::ListenError;
use thiserror::Error;

/// A warehouse that cannot start or stop.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address is not loopback and that was not asked for.
    #[error(
        "server.http_listen = {0:?} is not loopback: set server.allow_remote = true and a password if other machines are to \
         reach it"
    )]
    NotLoopback(String),
    /// Other machines could ask without a password.
    #[error(
        "server.allow_remote = true needs a password: set auth.password (better as \
         CHAMPION_EMBEDDED_WAREHOUSE__AUTH__PASSWORD), or set server.allow_remote = false"
    )]
    RemoteWithoutPassword,
    /// The memory of one statement is no part of the engine's.
    #[error("limits.query_memory_mebibytes = {one} must be at least 1 and at most engine.memory_mebibytes = {all}")]
    Memory {
        /// What one statement may use.
        one: u64,
        /// What all may use.
        all: u64,
    },
    /// A count that has to be at least one.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// The engine was not fetched.
    #[error(
        "the engine library {0} is not there: fetch it with deploy/setup/fetch-engine.sh, or set \
         CHAMPION_WAREHOUSE_URL to a ClickHouse server"
    )]
    NoLibrary(PathBuf),
    /// Neither a library is configured nor a home folder known.
    #[error("engine.library is empty and HOME is not set, so the engine cannot be found")]
    NoHome,
    /// The library is not the engine.
    #[error("cannot load the engine library {path}: {source}")]
    Load {
        /// The library.
        path: PathBuf,
        /// Why not.
        source: libloading::Error,
    },
    /// The data folder cannot be used.
    #[error("cannot use the data folder {path}: {source}")]
    Data {
        /// The folder or a file in it.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process owns the data folder.
    #[error("the data folder {path} belongs to a running process ({owner}): one process owns it at a time")]
    Owned {
        /// The folder.
        path: PathBuf,
        /// What the owner wrote about itself.
        owner: String,
    },
    /// The engine refused to start; it does not say why.
    #[error("the engine refused to start on the data folder {0}; it gives no reason")]
    Refused(PathBuf),
    /// The engine started and cannot answer.
    #[error("the engine does not answer: {0}")]
    Silent(String),
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The address file cannot be written.
    #[error("cannot write the address file {path}: {source}")]
    AddressFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// A metric cannot be registered.
    #[error("cannot register a metric: {0}")]
    Metrics(#[from] prometheus::Error),
}
