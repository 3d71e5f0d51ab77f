//! A whole stack on this machine, started by `champion up`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::client::Client;
use crate::programs;
use crate::wait::wait_until;

/// Starting eight processes and an engine; a loaded machine of two cores takes its time.
const START_DEADLINE: Duration = Duration::from_secs(90);
/// `champion up` gives its children their own deadlines below this one.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// What the stack is started with.
#[derive(Debug, Default)]
pub struct StackBuilder {
    arguments: Vec<OsString>,
    variables: Vec<(String, String)>,
    folder: Option<PathBuf>,
}

impl StackBuilder {
    /// Serves real files instead of a generated market.
    #[must_use]
    pub fn archive(mut self, folder: &Path) -> Self {
        self.arguments.extend(["--archive".into(), folder.into()]);
        self
    }

    /// Sets an environment variable of every process.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps the data in a given folder, which outlives the stack.
    #[must_use]
    pub fn data(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Starts the stack and returns when every service is ready.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(self) -> Stack {
        let owned = tempfile::tempdir().expect("a temporary folder");
        let folder = self.folder.unwrap_or_else(|| owned.path().to_owned());
        let endpoints = folder.join("endpoints.json");
        let _ = std::fs::remove_file(&endpoints);
        let log = std::fs::File::create(owned.path().join("up.log")).expect("a log file");
        let child = Command::new(programs::binary("champion"))
            .args(["up", "--ports", "auto", "--quiet", "--data"])
            .arg(&folder)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            // Ends with the test that started it, also when that is killed.
            .env("CHAMPION_LIFELINE", "stdin")
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the stack starts");
        let client = Client { folder, endpoints: BTreeMap::new(), variables: self.variables };
        let mut stack = Stack { child, client, owned };
        stack.client.endpoints = wait_until("the stack to be ready", START_DEADLINE, || {
            if let Some(status) = stack.child.try_wait().expect("a child can be asked") {
                panic!("the stack ended with {status}:\n{}", stack.up_log());
            }
            let text = std::fs::read_to_string(&endpoints).ok()?;
            serde_json::from_str(&text).ok()
        });
        stack
    }
}

/// A running stack; dropping it stops it.
#[derive(Debug)]
pub struct Stack {
    child: Child,
    client: Client,
    owned: TempDir,
}

impl Deref for Stack {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Stack {
    /// Begins to describe a stack.
    #[must_use]
    pub fn builder() -> StackBuilder {
        StackBuilder::default()
    }

    /// Stops the stack as Ctrl-C would and returns how it ended.
    ///
    /// # Panics
    /// When it does not end within its deadline.
    pub fn stop(mut self) -> ExitStatus {
        self.terminate()
    }

    /// Returns the process id of `champion up` itself.
    #[must_use]
    pub fn up_pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills `champion up` as `kill -9` does and waits until it, and it alone, is gone; its folder stays.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child of ours can be killed");
        let _ = self.child.wait();
    }

    fn up_log(&self) -> String {
        std::fs::read_to_string(self.owned.path().join("up.log")).unwrap_or_default()
    }

    fn terminate(&mut self) -> ExitStatus {
        signal("-TERM", self.child.id());
        let child = &mut self.child;
        wait_until("the stack to stop", STOP_DEADLINE, || child.try_wait().expect("a child can be asked"))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.terminate();
        }
    }
}

/// Sends a signal such as `-TERM` to a process.
pub fn signal(signal: &str, pid: u32) {
    let _ = Command::new("kill").arg(signal).arg(pid.to_string()).status();
}
