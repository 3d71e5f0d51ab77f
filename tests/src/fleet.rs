//! The services as single processes, each of which can be killed and started again on its ports and folders.
//!
//! `champion up` brings the whole stack down when one service ends, so a test that kills keeps the processes itself.

mod plan;
mod ports;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Client;
use crate::gate::Gate;
use crate::wait::wait_until;
use crate::{content::Content, programs, stack};
pub use plan::{ALL, COLLECTOR, KILLABLE, STANDBY};
use plan::{program, variables};
use ports::Ports;

/// Starting one process on a loaded machine of two cores.
const READY_DEADLINE: Duration = Duration::from_secs(60);
/// Longest wait for one process that was asked to stop.
const STOP_DEADLINE: Duration = Duration::from_secs(35);

/// What a fleet is started with.
#[derive(Debug, Default)]
pub struct FleetBuilder {
    folder: Option<PathBuf>,
    lake: Option<PathBuf>,
    services: Option<Vec<&'static str>>,
    given: BTreeMap<String, Value>,
    gate: Option<Arc<Gate>>,
    otlp: Option<String>,
    variables: Vec<(String, String)>,
    of_service: Vec<(String, String, String)>,
}

impl FleetBuilder {
    /// Keeps the data in a given folder, which outlives the fleet.
    #[must_use]
    pub fn data(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Keeps the lake in a given folder.
    #[must_use]
    pub fn lake(mut self, folder: &Path) -> Self {
        self.lake = Some(folder.to_owned());
        self
    }

    /// Uses a service of another fleet instead of one of its own.
    #[must_use]
    pub fn sharing(mut self, other: &Fleet, service: &'static str) -> Self {
        self.services.get_or_insert_with(|| ALL.to_vec()).retain(|one| *one != service);
        self.given.insert(service.to_owned(), other.endpoints[service].clone());
        self
    }

    /// Starts these services only.
    #[must_use]
    pub fn only(mut self, services: &[&'static str]) -> Self {
        self.services = Some(services.to_vec());
        self
    }

    /// Leads the loader to the warehouse through a gate.
    #[must_use]
    pub fn gate(mut self, gate: &Arc<Gate>) -> Self {
        self.gate = Some(Arc::clone(gate));
        self
    }

    /// Sends spans to an OTLP/HTTP endpoint. Otherwise none are sent.
    #[must_use]
    pub fn otlp(mut self, endpoint: &str) -> Self {
        self.otlp = Some(endpoint.to_owned());
        self
    }

    /// Starts the trace collector too, and sends spans to it.
    #[must_use]
    pub fn collector(mut self) -> Self {
        self.services.get_or_insert_with(|| ALL.to_vec()).push(COLLECTOR);
        self
    }

    /// Starts a second orchestrator on the lake, with a journal of its own.
    #[must_use]
    pub fn standby(mut self) -> Self {
        self.services.get_or_insert_with(|| ALL.to_vec()).push(STANDBY);
        self
    }

    /// Sets an environment variable of every process.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets an environment variable of one service.
    #[must_use]
    pub fn variable_of(mut self, service: &str, name: &str, value: &str) -> Self {
        self.of_service.push((service.to_owned(), name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the services and returns when every one is ready.
    ///
    /// # Panics
    /// When one does not start.
    #[must_use]
    pub fn start(self) -> Fleet {
        let owned = tempfile::tempdir().expect("a temporary folder");
        let folder = self.folder.unwrap_or_else(|| owned.path().to_owned());
        let lake = self.lake.unwrap_or_else(|| folder.join("lake"));
        std::fs::create_dir_all(folder.join("logs")).expect("a folder of ours");
        let ports = Ports::take();
        let services = self.services.unwrap_or_else(|| ALL.to_vec());
        let mut endpoints = self.given;
        for service in &services {
            endpoints.insert((*service).to_owned(), ports.endpoint(service));
        }
        let warehouse = endpoints["embedded-warehouse"]["http"].as_str().expect("an address").to_owned();
        let through = self.gate.as_ref().map_or(warehouse.clone(), |gate| gate.lead_to(&warehouse));
        let mut processes = BTreeMap::new();
        for service in &services {
            let mut variables = variables(service, &endpoints, &folder, &lake, &through);
            let collector = endpoints.get(COLLECTOR).and_then(|endpoint| endpoint["http"].as_str());
            let collector = collector.filter(|_| *service != COLLECTOR).map(|address| format!("http://{address}"));
            if let Some(endpoint) = self.otlp.as_ref().or(collector.as_ref()) {
                variables.push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), endpoint.clone()));
                variables.push(("OTEL_EXPORTER_OTLP_PROTOCOL".to_owned(), "http/protobuf".to_owned()));
                variables.push(("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "200".to_owned()));
            }
            variables.extend(self.variables.iter().cloned());
            let own = self.of_service.iter().filter(|(name, ..)| name == service);
            variables.extend(own.map(|(_, name, value)| (name.clone(), value.clone())));
            processes.insert(*service, Process { variables, child: None });
        }
        std::fs::write(folder.join("endpoints.json"), json!(endpoints).to_string()).expect("a file of ours");
        let client = Client { folder, endpoints, variables: Vec::new() };
        let fleet = Fleet { client, lake, processes: Mutex::new(processes), _ports: ports, _owned: owned };
        for service in services {
            fleet.start(service);
        }
        fleet
    }
}

/// Running services; dropping the fleet kills them.
#[derive(Debug)]
pub struct Fleet {
    client: Client,
    lake: PathBuf,
    processes: Mutex<BTreeMap<&'static str, Process>>,
    _ports: Ports,
    _owned: TempDir,
}

#[derive(Debug)]
struct Process {
    variables: Vec<(String, String)>,
    child: Option<Child>,
}

impl Deref for Fleet {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Fleet {
    /// Begins to describe a fleet.
    #[must_use]
    pub fn builder() -> FleetBuilder {
        FleetBuilder::default()
    }

    /// Returns the folder of the lake.
    #[must_use]
    pub fn lake(&self) -> &Path {
        &self.lake
    }

    /// Reads the content of lake and warehouse.
    #[must_use]
    pub fn content(&self) -> Content {
        Content::of(&self.lake, self)
    }

    /// Starts a service and waits until it is ready; its log goes on where it ended.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start(&self, service: &'static str) {
        self.spawn(service);
        self.wait_ready(service);
    }

    /// Starts a service and does not wait for it.
    ///
    /// # Panics
    /// When the program cannot be started or the service runs already.
    pub fn spawn(&self, service: &'static str) {
        let path = self.folder().join("logs").join(format!("{service}.log"));
        let log = std::fs::File::options().create(true).append(true).open(&path).expect("a log file");
        let mut processes = self.processes.lock().expect("no holder panics");
        let process = processes.get_mut(service).unwrap_or_else(|| panic!("no {service} in this fleet"));
        assert!(process.child.is_none(), "{service} runs already");
        let mut command = Command::new(programs::binary(&format!("champion-{}", program(service))));
        if service == "exchange-mirror" {
            command.args(["--generate", "42"]);
        }
        let child = command
            .envs(process.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn();
        process.child = Some(child.unwrap_or_else(|error| panic!("{service} does not start: {error}")));
    }

    /// Waits until a service says that it is ready.
    ///
    /// # Panics
    /// When it ends or does not become ready.
    pub fn wait_ready(&self, service: &'static str) {
        let admin = self.address(service, "admin");
        wait_until(&format!("{service} to be ready"), READY_DEADLINE, || {
            if let Some(status) = self.ended(service) {
                let log = self.log(service);
                let tail = log.len().saturating_sub(3000);
                panic!("{service} ended with {status}:\n{}", log.get(tail..).unwrap_or(&log));
            }
            ready(&admin).then_some(())
        });
    }

    /// Kills a service as `kill -9` does and waits until it is gone.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&self, service: &'static str) {
        let mut child = self.take(service);
        child.kill().unwrap_or_else(|error| panic!("{service} cannot be killed: {error}"));
        let _ = child.wait();
    }

    /// Sends a signal such as `-STOP` to a service.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, service: &'static str, name: &str) {
        let processes = self.processes.lock().expect("no holder panics");
        let child = processes[service].child.as_ref().unwrap_or_else(|| panic!("{service} does not run"));
        stack::signal(name, child.id());
    }

    /// Removes the journal of an orchestrator, which may run.
    ///
    /// # Panics
    /// When the service has no journal.
    pub fn lose_journal(&self, service: &'static str) {
        let processes = self.processes.lock().expect("no holder panics");
        let path = processes[service].variables.iter().rfind(|(name, _)| name.ends_with("__JOURNAL__PATH"));
        let path = &path.unwrap_or_else(|| panic!("{service} has no journal")).1;
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{path}{end}"));
        }
    }

    /// Asks a service to stop and waits until it has.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&self, service: &'static str) {
        let mut child = self.take(service);
        stack::signal("-TERM", child.id());
        wait_until(&format!("{service} to stop"), STOP_DEADLINE, || child.try_wait().expect("a child can be asked"));
    }

    /// Sets an environment variable of a service from its next start on.
    ///
    /// # Panics
    /// When the fleet has no such service.
    pub fn set_variable(&self, service: &'static str, name: &str, value: &str) {
        let mut processes = self.processes.lock().expect("no holder panics");
        let process = processes.get_mut(service).unwrap_or_else(|| panic!("no {service} in this fleet"));
        process.variables.retain(|(known, _)| known != name);
        process.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Returns the highest memory a service has held since its start, in MiB.
    ///
    /// # Panics
    /// When the service does not run.
    #[must_use]
    pub fn peak_mib(&self, service: &'static str) -> u64 {
        let processes = self.processes.lock().expect("no holder panics");
        let child = processes[service].child.as_ref().unwrap_or_else(|| panic!("{service} does not run"));
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap_or_else(|_| panic!("no VmHWM of {service}"));
        kib / 1024
    }

    fn take(&self, service: &'static str) -> Child {
        let mut processes = self.processes.lock().expect("no holder panics");
        let process = processes.get_mut(service).unwrap_or_else(|| panic!("no {service} in this fleet"));
        process.child.take().unwrap_or_else(|| panic!("{service} does not run"))
    }

    fn ended(&self, service: &'static str) -> Option<std::process::ExitStatus> {
        let mut processes = self.processes.lock().expect("no holder panics");
        processes.get_mut(service)?.child.as_mut()?.try_wait().ok().flatten()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let Ok(processes) = self.processes.get_mut() else { return };
        for child in processes.values_mut().filter_map(|process| process.child.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Asks `/readyz` over a plain socket: a service that restarts refuses connections, which is no fault here.
fn ready(admin: &str) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect(admin) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    let mut status = [0; 12];
    stream.write_all(request.as_bytes()).is_ok() && stream.read_exact(&mut status).is_ok() && status.ends_with(b" 200")
}
