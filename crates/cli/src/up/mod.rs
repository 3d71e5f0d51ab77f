//! `champion up`: the whole stack as processes of this machine.
//!
//! The programs are siblings of this one. They start in an order in which each finds what it needs (what has an address
//! first, who asks it afterwards), each is waited for until its `/readyz` says yes, and they stop in the reverse order. A
//! service that ends by itself brings the stack down: half a stack hides its fault.

mod child;
mod earlier;
mod log;
mod plan;
mod ready;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use champion_service::Shutdown;

use crate::endpoints::{Endpoint, Endpoints};
use child::Child;
use earlier::Process;
pub use plan::{Market, Ports};

/// The database of the tables, as the loader and the trace collector are configured by default.
pub const WAREHOUSE_DATABASE: &str = "champion";

/// How the stack is to be started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of the lake, the warehouse, the journal, the logs and the endpoints file.
    pub data: PathBuf,
    /// What the exchange mirror serves.
    pub market: Market,
    /// The documented ports or any free ones.
    pub ports: Ports,
    /// Writes the services' logs to `<data>/logs` only and not to the screen.
    pub quiet: bool,
    /// A ClickHouse to use instead of the embedded one.
    pub warehouse_url: Option<String>,
    /// An OTLP endpoint to send spans to instead of the stack's own collector.
    pub otlp_endpoint: Option<String>,
}

/// Longest time one service may take to become ready.
const READY_DEADLINE: Duration = Duration::from_secs(60);
/// Longest time one service may take to stop before it is killed; services keep shorter deadlines themselves.
const STOP_DEADLINE: Duration = Duration::from_secs(35);

/// Starts the stack, reports its addresses, and returns when it was asked to stop.
///
/// # Errors
/// Fails when a service cannot be started, does not become ready or ends by itself.
pub async fn run(options: Options, report: impl FnOnce(&Endpoints)) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals();
    std::fs::create_dir_all(options.data.join("logs"))
        .with_context(|| format!("cannot use the data folder {}", options.data.display()))?;
    let options = Options { data: options.data.canonicalize().context("the data folder has no path")?, ..options };
    let _lock = own(&options.data)?;
    Endpoints::remove(&options.data);
    earlier::gone(&options.data).await?;
    let mut children = Vec::new();
    let result = live(&options, &shutdown, &mut children, report).await;
    Endpoints::remove(&options.data);
    for child in children.iter_mut().rev() {
        child.stop(STOP_DEADLINE).await;
    }
    earlier::forget(&options.data);
    result
}

/// Takes the data folder for this stack alone; the lock goes with the process, however it ends.
fn own(data: &Path) -> anyhow::Result<File> {
    let path = data.join("up.lock");
    let unusable = || format!("cannot write {}", path.display());
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).with_context(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // What the owner wrote is a help, not a need.
            let _ = file.read_to_string(&mut owner);
            let (owner, data) = (owner.trim(), data.display());
            bail!(
                "another stack is running on the data folder {data} ({owner}): stop it, or give --data another folder"
            );
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(unusable),
    }
    file.set_len(0).and_then(|()| writeln!(file, "process {}", std::process::id())).with_context(unusable)?;
    Ok(file)
}

async fn live(
    options: &Options,
    shutdown: &Shutdown,
    children: &mut Vec<Child>,
    report: impl FnOnce(&Endpoints),
) -> anyhow::Result<()> {
    let collector = plan::collector_address(options).context("no free port for the trace collector")?;
    let password = plan::password(options)?;
    let mut endpoints = Endpoints::default();
    let mut processes = Vec::new();
    for service in plan::order(options) {
        let variables = plan::variables(service, options, &endpoints, &collector, password.as_ref())?;
        let mut child = Child::spawn(service, &variables, options)?;
        processes.extend(child.pid().map(|pid| Process { name: service.to_owned(), pid }));
        earlier::note(&options.data, &processes).context("cannot note the processes")?;
        let started = tokio::select! {
            started = ready::wait(&mut child, &options.data, READY_DEADLINE) => started,
            () = shutdown.cancelled() => { children.push(child); return Ok(()) }
        };
        let pid = child.pid();
        children.push(child);
        endpoints.0.insert(service.to_owned(), Endpoint { pid, ..started? });
    }
    endpoints.save(&options.data).context("cannot write the endpoints file")?;
    report(&endpoints);
    watch(children, shutdown).await
}

/// Waits for the wish to stop or for the first service that ends by itself.
async fn watch(children: &mut [Child], shutdown: &Shutdown) -> anyhow::Result<()> {
    let ended = futures::future::select_all(children.iter_mut().map(|child| Box::pin(child.ended())));
    tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        ((name, status), _, _) = ended => bail!("{name} ended by itself with {status}; stopping the stack"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_belongs_to_one_stack_at_a_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = own(folder.path()).expect("free");
        let refused = own(folder.path()).expect_err("taken");
        let named = format!("(process {})", std::process::id());
        let refused = refused.to_string();
        assert!(refused.contains("another stack is running") && refused.contains(&named), "{refused}");
        drop(first);
        assert!(own(folder.path()).is_ok(), "free again");
    }
}
