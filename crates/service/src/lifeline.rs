//! The lifeline of a process to the one that started it: a pipe whose other end closes when that process ends, however it ends.
//!
//! A signal of the kernel at the parent's end (`PR_SET_PDEATHSIG`) exists on Linux only and comes already when the *thread*
//! ends that started the child, which in an async runtime may be any. The end of a pipe comes everywhere, also to a child that
//! looks late.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use tracing::warn;

use crate::Shutdown;

/// The environment variable that says that standard input is a lifeline.
pub const LIFELINE: &str = "CHAMPION_LIFELINE";
/// How long an orderly stop may take once the other end is gone: nobody is left who would wait for it, and the next start
/// wants ports and locks. What is cut off then is as after a crash, which everything here survives.
const ORDERLY: Duration = Duration::from_secs(5);

/// Sets a stop off when the process that holds the other end is gone, and ends this process soon after, whatever it is doing.
pub(crate) fn watch(shutdown: &Shutdown) {
    if std::env::var_os(LIFELINE).is_none_or(|value| value != "stdin") {
        return;
    }
    let shutdown = shutdown.clone();
    // A thread of its own: a runtime that hangs must not keep an orphan alive.
    let watching = std::thread::Builder::new().name("lifeline".to_owned()).spawn(move || {
        wait_for_the_end();
        shutdown.trigger();
        std::thread::sleep(ORDERLY);
        let _ = kill_process(getpid(), Signal::KILL);
    });
    if let Err(error) = watching {
        warn!(%error, "no lifeline: this process outlives the one that started it");
    }
}

fn wait_for_the_end() {
    let mut stdin = std::io::stdin().lock();
    let mut byte = [0; 64];
    loop {
        match stdin.read(&mut byte) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
