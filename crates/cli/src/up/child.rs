//! One service as a child process: its output, its end.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::task::JoinHandle;

use super::Options;
use super::plan::{MIRROR, Market, address_file};

/// A running service.
#[derive(Debug)]
pub(super) struct Child {
    name: &'static str,
    process: tokio::process::Child,
    output: Vec<JoinHandle<()>>,
    log: PathBuf,
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
        command
            .envs(variables.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A signal of the terminal goes to this process alone, which then stops the children in order.
            .process_group(0)
            .kill_on_drop(true);
        let mut process =
            command.spawn().with_context(|| format!("cannot start {}: is it built?", program.display()))?;
        let log = options.data.join("logs").join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let file = Arc::new(Mutex::new(file));
        let prefix = (!options.quiet).then(|| format!("{name:>18} │ "));
        let mut output = Vec::new();
        if let Some(stdout) = process.stdout.take() {
            output.push(tokio::spawn(copy(stdout, Arc::clone(&file), prefix.clone())));
        }
        if let Some(stderr) = process.stderr.take() {
            output.push(tokio::spawn(copy(stderr, file, prefix)));
        }
        Ok(Self { name, process, output, log })
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
        const LINES: usize = 10;
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
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
async fn copy(stream: impl AsyncRead + Unpin, log: Arc<Mutex<File>>, prefix: Option<String>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(mut log) = log.lock() {
            let _ = writeln!(log, "{line}");
        }
        if let Some(prefix) = &prefix {
            println!("{prefix}{line}");
        }
    }
}
