//! One service as a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use champion_e2e::programs;
use champion_e2e::wait::wait_until;
use champion_service::TlsFiles;
use serde_json::Value;

/// Longest wait for a service to start on a busy machine.
const START: Duration = Duration::from_secs(60);

pub(crate) struct Service {
    name: String,
    child: Child,
    folder: PathBuf,
}

/// The variable of a service's key.
pub(crate) fn variable(service: &str, key: &str) -> String {
    format!("CHAMPION_{}__{key}", service.replace('-', "_").to_uppercase())
}

/// The variables of one side's files.
pub(crate) fn tls(service: &str, section: &str, authorities: &str, files: &TlsFiles) -> Vec<(String, String)> {
    [("CERTIFICATE", &files.certificate), ("PRIVATE_KEY", &files.private_key), (authorities, &files.ca)]
        .map(|(key, path)| (variable(service, &format!("{section}__{key}")), path.display().to_string()))
        .to_vec()
}

impl Service {
    /// Starts the program with ports of its own in a folder.
    pub(crate) fn start(name: &str, folder: &Path, variables: &[(String, String)]) -> Self {
        let folder = folder.to_owned();
        let log = std::fs::File::create(folder.join(format!("{name}.log"))).expect("a log");
        let mut command = Command::new(programs::binary(&format!("champion-{name}")));
        for (key, value) in [("GRPC_LISTEN", "127.0.0.1:0"), ("ADMIN__LISTEN", "127.0.0.1:0")] {
            if !(name == "exchange-mirror" && key == "GRPC_LISTEN") {
                command.env(variable(name, &format!("SERVER__{key}")), value);
            }
        }
        command.env(variable(name, "SERVER__ADDRESS_FILE"), folder.join(format!("{name}.json")));
        if name == "orchestrator" {
            command.env(variable(name, "JOURNAL__PATH"), folder.join("journal.sqlite"));
        }
        if !matches!(name, "exchange-mirror" | "trace-collector") {
            command.env(variable(name, "LAKE__FOLDER"), folder.join("lake"));
        }
        command.envs(variables.iter().map(|(key, value)| (key, value)));
        let log_too = log.try_clone().expect("a second handle");
        let child = command.current_dir(&folder).stdin(Stdio::null()).stdout(log).stderr(log_too).spawn();
        Self { name: name.to_owned(), child: child.expect("the program runs"), folder }
    }

    /// Waits for the address of a port.
    pub(crate) fn address(&mut self, port: &str) -> String {
        let file = self.folder.join(format!("{}.json", self.name));
        let addresses: Value = wait_until(&format!("the addresses of {}", self.name), START, || {
            let ended = self.child.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "{} ended: {}", self.name, self.log());
            serde_json::from_slice(&std::fs::read(&file).ok()?).ok()
        });
        addresses[port].as_str().unwrap_or_else(|| panic!("no port {port} in {addresses}")).to_owned()
    }

    pub(crate) fn url(&mut self) -> String {
        format!("https://{}", self.address("grpc").replace("127.0.0.1", "localhost"))
    }

    /// Waits for its end and returns the exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let name = self.name.clone();
        let status = wait_until(&format!("the end of {name}"), START, || self.child.try_wait().expect("a child"));
        status.code()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join(format!("{}.log", self.name))).unwrap_or_default()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
