//! Which services start, in which order, and what each is told.

use std::path::PathBuf;

use anyhow::Context;
use champion_service::config::Secret;

use super::Options;
use crate::endpoints::Endpoints;

/// What the exchange mirror serves.
#[derive(Debug, Clone)]
pub enum Market {
    /// Recorded files, laid out by host and path.
    Archive(PathBuf),
    /// A generated market.
    Generate(u64),
}

/// Which ports the services take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// The documented ones.
    Default,
    /// Any free ones.
    Auto,
}

pub(super) const MIRROR: &str = "exchange-mirror";
pub(super) const WAREHOUSE: &str = "embedded-warehouse";
pub(super) const COLLECTOR: &str = "trace-collector";
/// The variables by which a person gives the stack's warehouse a user and a password of their own.
const WAREHOUSE_USER: &str = "CHAMPION_EMBEDDED_WAREHOUSE__AUTH__USER";
const WAREHOUSE_PASSWORD: &str = "CHAMPION_EMBEDDED_WAREHOUSE__AUTH__PASSWORD";
const STAGES: [&str; 4] = ["scraper", "parser", "parquet-writer", "clickhouse-loader"];
const ORCHESTRATOR: &str = "orchestrator";

/// Returns the services to start; each finds the addresses it needs among those before it.
pub(super) fn order(options: &Options) -> Vec<&'static str> {
    let mut services = vec![MIRROR];
    if options.warehouse_url.is_none() {
        services.push(WAREHOUSE);
    }
    if options.otlp_endpoint.is_none() {
        services.push(COLLECTOR);
    }
    services.extend(STAGES);
    services.push(ORCHESTRATOR);
    services
}

/// Returns the password of the stack's own warehouse: the person's, or the data folder's; none for a warehouse elsewhere.
///
/// The services get it in their environment, which other users of the machine cannot read, as they can arguments.
///
/// # Errors
/// Fails when the data folder's cannot be read or made.
pub(super) fn password(options: &Options) -> anyhow::Result<Option<Secret>> {
    if options.warehouse_url.is_some() {
        return Ok(None);
    }
    match std::env::var(WAREHOUSE_PASSWORD) {
        Ok(password) if !password.is_empty() => Ok(Some(Secret::new(password))),
        _ => {
            let made = crate::password::read_or_make(&options.data);
            let file = crate::password::path(&options.data);
            made.map(Some).with_context(|| format!("cannot keep the warehouse's password in {}", file.display()))
        }
    }
}

/// Returns the prefix of a service's variables: `parquet-writer` is `CHAMPION_PARQUET_WRITER`.
fn prefix(service: &str) -> String {
    format!("CHAMPION_{}", service.replace('-', "_").to_uppercase())
}

/// Returns the file a service writes its addresses to.
pub(super) fn address_file(data: &std::path::Path, service: &str) -> PathBuf {
    data.join("logs").join(format!("{service}.addresses.json"))
}

/// Returns the environment variables of a service.
///
/// # Errors
/// Fails when a service it needs has no address: the order is wrong.
pub(super) fn variables(
    service: &str,
    options: &Options,
    endpoints: &Endpoints,
    collector: &str,
    password: Option<&Secret>,
) -> anyhow::Result<Vec<(String, String)>> {
    let prefix = prefix(service);
    let mut variables = Vec::new();
    let mut set = |key: &str, value: String| variables.push((format!("{prefix}__{key}"), value));
    let in_data = |name: &str| options.data.join(name).display().to_string();
    set("SERVER__ADDRESS_FILE", address_file(&options.data, service).display().to_string());
    if options.ports == Ports::Auto {
        let any = || "127.0.0.1:0".to_owned();
        set("SERVER__ADMIN__LISTEN", any());
        for key in ports(service) {
            set(&format!("SERVER__{key}"), any());
        }
    }
    match service {
        MIRROR => {}
        WAREHOUSE => {
            set("ENGINE__DATA", in_data("warehouse"));
            if let Some(password) = password {
                set("AUTH__PASSWORD", password.expose().to_owned());
            }
        }
        COLLECTOR => {
            set("SERVER__GRPC_LISTEN", collector.to_owned());
            set("WAREHOUSE__URL", warehouse(options, endpoints)?);
        }
        "scraper" => {
            set("LAKE__FOLDER", in_data("lake"));
            set("SOURCE__MIRROR", endpoints.http_url(MIRROR).context("the mirror has no address")?);
        }
        "parser" | "parquet-writer" => set("LAKE__FOLDER", in_data("lake")),
        "clickhouse-loader" => {
            set("LAKE__FOLDER", in_data("lake"));
            set("WAREHOUSE__URL", warehouse(options, endpoints)?);
        }
        ORCHESTRATOR => {
            set("LAKE__FOLDER", in_data("lake"));
            set("JOURNAL__PATH", in_data("journal.sqlite"));
            for stage in STAGES {
                let key = format!("STAGES__{}__URL", stage.replace('-', "_").to_uppercase());
                set(&key, endpoints.grpc_url(stage).with_context(|| format!("{stage} has no address"))?);
            }
        }
        other => anyhow::bail!("no plan for {other}"),
    }
    if let (Some(password), COLLECTOR | "clickhouse-loader") = (password, service) {
        set("WAREHOUSE__PASSWORD", password.expose().to_owned());
        if let Ok(user) = std::env::var(WAREHOUSE_USER) {
            set("WAREHOUSE__USER", user);
        }
    }
    if service != MIRROR && service != COLLECTOR {
        variables.extend(otlp(options, collector));
    }
    Ok(variables)
}

fn ports(service: &str) -> &'static [&'static str] {
    match service {
        MIRROR | WAREHOUSE => &["HTTP_LISTEN"],
        COLLECTOR => &["HTTP_LISTEN"],
        _ => &["GRPC_LISTEN"],
    }
}

fn warehouse(options: &Options, endpoints: &Endpoints) -> anyhow::Result<String> {
    let own = || endpoints.http_url(WAREHOUSE);
    options.warehouse_url.clone().or_else(own).context("the warehouse has no address")
}

/// Ports below those that systems give to outgoing connections: one of these would take the collector's before it starts.
const COLLECTOR_PORTS: std::ops::Range<u16> = 32_000..32_768;

/// Returns the address of the collector's gRPC port, chosen ahead: the warehouse sends it spans and starts before it,
/// because the collector keeps them in the warehouse.
///
/// # Errors
/// Fails when the machine has no free port.
pub(super) fn collector_address(options: &Options) -> std::io::Result<String> {
    match options.ports {
        Ports::Default => Ok("127.0.0.1:4317".to_owned()),
        Ports::Auto => free_of(COLLECTOR_PORTS),
    }
}

/// Returns the address of a free port, from a place of the range on that is another one for each process.
fn free_of(ports: std::ops::Range<u16>) -> std::io::Result<String> {
    let from = std::process::id() as usize % ports.len();
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let port = ports.clone().cycle().skip(from).take(ports.len()).find(free);
    port.map(|port| format!("127.0.0.1:{port}")).ok_or_else(|| std::io::ErrorKind::AddrInUse.into())
}

/// Spans go to the stack's own collector, unless the person has set another endpoint, which the children inherit.
fn otlp(options: &Options, collector: &str) -> Vec<(String, String)> {
    if options.otlp_endpoint.is_some() {
        return Vec::new();
    }
    vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), format!("http://{collector}")),
        ("OTEL_EXPORTER_OTLP_PROTOCOL".to_owned(), "grpc".to_owned()),
        // A person looks at the trace right after the run.
        ("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "500".to_owned()),
    ]
}
