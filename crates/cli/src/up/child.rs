//! One service as a child process: its output, its end.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use champion_service::LIFELINE;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::task::JoinHandle;

use super::Options;
use super::log::{LIMITS, Log};
use super::plan::{MIRROR, Market, address_file};

/// A running service.
#[derive(Debug)]
pub(super) struct Child {
    name: &'static str,
    process: tokio::process::Child,
    output: Vec<JoinHandle<()>>,
    log: Arc<Mutex<Log>>,
    /// Closes with this process, however that ends, and the service ends with it. Never written to, and kept out of the hands
    /// of `process`, which would close it before it waits.
    _lifeline: Option<ChildStdin>,
}

impl Child {
    /// Starts a service with its variables.
    pub(super) fn spawn(name: &'static str, variables: &[(String, String)], options: &Options) -> anyhow::Result<Self> {
        let program = program(name)?;
        let _ = std::fs::remove_file(address_file(&options.data, name));
        let mut command = Command::new(&program);
        if name == MIRROR {
            match &options.market {
                Market::Archive(folder) => command.arg("--archive").arg(folder),
                Market::Generate(seed) => command.arg("--generate").arg(seed.to_string()),
            };
        }
        let log = options.data.join("logs").join(format!("{name}.log"));
        let log = Log::open(&log, LIMITS).with_context(|| format!("cannot write {}", log.display()))?;
        let log = Arc::new(Mutex::new(log));
        command
            .envs(variables.iter().map(|(key, value)| (key, value)))
            .env(LIFELINE, "stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A signal of the terminal goes to this process alone, which then stops the children in order.
            .process_group(0)
            .kill_on_drop(true);
        let mut process =
            command.spawn().with_context(|| format!("cannot start {}: is it built?", program.display()))?;
        let lifeline = process.stdin.take();
        let prefix = (!options.quiet).then(|| format!("{name:>18} │ "));
        let mut output = Vec::new();
        if let Some(stdout) = process.stdout.take() {
            output.push(tokio::spawn(copy(stdout, Arc::clone(&log), prefix.clone())));
        }
        if let Some(stderr) = process.stderr.take() {
            output.push(tokio::spawn(copy(stderr, Arc::clone(&log), prefix)));
        }
        Ok(Self { name, process, output, log, _lifeline: lifeline })
    }

    /// Returns the service's name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the process id while the process lives.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Returns how the process ended, if it has.
    pub(super) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Returns the last lines the service wrote.
    pub(super) fn last_words(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).last_lines()
    }

    /// Waits until the process ends by itself.
    pub(super) async fn ended(&mut self) -> (&'static str, String) {
        let status = self.process.wait().await;
        (self.name, status.map_or_else(|error| error.to_string(), |status| status.to_string()))
    }

    /// Asks the process to stop, waits, and kills it after the deadline.
    pub(super) async fn stop(&mut self, deadline: Duration) {
        if let Some(pid) = self.process.id() {
            let asked = std::process::Command::new("kill").arg("-TERM").arg(pid.to_string()).status();
            let stopped = tokio::time::timeout(deadline, self.process.wait()).await.is_ok();
            if asked.is_err() || !stopped {
                eprintln!("{} did not stop within {deadline:?} and is killed", self.name);
                let _ = self.process.kill().await;
            }
        }
        for copying in self.output.drain(..) {
            let _ = tokio::time::timeout(Duration::from_secs(1), copying).await;
        }
    }
}

/// The program of a service: a sibling of this one.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("this program has no path")?;
    Ok(own.with_file_name(format!("champion-{name}")))
}

/// Copies a service's output line by line into its log and, with a prefix, to the screen.
#[expect(clippy::print_stdout, reason = "the services' lines are what `champion up` shows")]
async fn copy(stream: impl AsyncRead + Unpin, log: Arc<Mutex<Log>>, prefix: Option<String>) {
    let mut stream = BufReader::new(stream);
    // Bytes, not text: a line that is no UTF-8 must not end the copying, on which the service then would wait for ever.
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        // A full disk costs lines of the log, not the service.
        let _ = log.lock().unwrap_or_else(PoisonError::into_inner).write(text);
        if let Some(prefix) = &prefix {
            println!("{prefix}{}", String::from_utf8_lossy(text));
        }
        line.clear();
    }
}
