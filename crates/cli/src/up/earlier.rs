//! What an earlier stack has left running on the data folder.
//!
//! A service ends with the `champion up` that started it, also when that was killed (see [`champion_service::LIFELINE`]), but it
//! takes its seconds, and a process that is stopped or stuck in the system may not. The list of the processes is written as
//! they start, so that the next start waits for them and can name one that stays.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// A process of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// The service.
    pub(super) name: String,
    /// Its process id.
    pub(super) pid: u32,
}

/// Longest wait for the processes of an earlier stack; each ends within five seconds of its `champion up`.
const PATIENCE: Duration = Duration::from_secs(15);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

fn path(data: &Path) -> PathBuf {
    data.join("processes.json")
}

/// Notes the processes that run.
///
/// # Errors
/// Fails when the folder cannot be written.
pub(super) fn note(data: &Path, processes: &[Process]) -> io::Result<()> {
    let temporary = data.join("processes.json.tmp");
    std::fs::write(&temporary, serde_json::to_vec_pretty(processes)?)?;
    std::fs::rename(temporary, path(data))
}

/// Forgets them, once all have ended.
pub(super) fn forget(data: &Path) {
    let _ = std::fs::remove_file(path(data));
}

/// Waits until the processes of an earlier stack have ended.
///
/// # Errors
/// Names those that have not within the time, and what to do.
pub(super) async fn gone(data: &Path) -> anyhow::Result<()> {
    let Ok(bytes) = std::fs::read(path(data)) else { return Ok(()) };
    let file = path(data);
    let processes: Vec<Process> = serde_json::from_slice(&bytes)
        .with_context(|| format!("cannot read {}: end what still runs there and remove the file", file.display()))?;
    let end = Instant::now() + PATIENCE;
    loop {
        let left: Vec<&Process> = processes.iter().filter(|process| runs(process)).collect();
        if left.is_empty() {
            forget(data);
            return Ok(());
        }
        if Instant::now() >= end {
            let named: Vec<String> =
                left.iter().map(|process| format!("{} (process {})", process.name, process.pid)).collect();
            let pids: Vec<String> = left.iter().map(|process| process.pid.to_string()).collect();
            bail!(
                "an earlier stack on {} has not ended: {} still runs and may hold its ports and files; end it with \
                 `kill -9 {}` and start again",
                data.display(),
                named.join(", "),
                pids.join(" ")
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Tells whether a process runs and is the service it was: ids are given out again.
fn runs(process: &Process) -> bool {
    let program = format!("champion-{}", process.name);
    program_of(process.pid).is_some_and(|running| running.starts_with(&program))
}

/// Returns the name of the program that a process runs; none of one that has ended.
fn program_of(pid: u32) -> Option<String> {
    let exe = if Path::new("/proc/self/exe").exists() {
        std::fs::read_link(format!("/proc/{pid}/exe")).ok()?
    } else {
        let output = std::process::Command::new("ps").args(["-o", "comm=", "-p"]).arg(pid.to_string()).output().ok()?;
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
    };
    Some(exe.file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn processes_that_have_ended_or_are_others_by_now_are_not_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        gone(folder.path()).await.expect("no stack was here");
        let other = Process { name: "parser".to_owned(), pid: std::process::id() };
        let ended = Process { name: "scraper".to_owned(), pid: u32::MAX - 1 };
        note(folder.path(), &[other, ended]).expect("writable");
        gone(folder.path()).await.expect("nothing is left");
        assert!(!path(folder.path()).exists());
        std::fs::write(path(folder.path()), "{").expect("ours");
        let error = gone(folder.path()).await.expect_err("unreadable").to_string();
        assert!(error.contains("processes.json"), "{error}");
    }
}
