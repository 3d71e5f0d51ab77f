//! What each service of a fleet is told.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// Every service, in the order they start in.
pub const ALL: [&str; 7] = [
    "exchange-mirror",
    "embedded-warehouse",
    "scraper",
    "parser",
    "parquet-writer",
    "clickhouse-loader",
    "orchestrator",
];
/// The service that a fleet has only when it is asked for.
pub const COLLECTOR: &str = "trace-collector";
/// A second orchestrator with a journal of its own, which a fleet has only when it is asked for.
pub const STANDBY: &str = "orchestrator-standby";
/// The services of the product, which may be killed at any time. The mirror stands for the exchange.
pub const KILLABLE: [&str; 6] =
    ["scraper", "parser", "parquet-writer", "clickhouse-loader", "orchestrator", "embedded-warehouse"];

/// Returns the name of the program that a service is.
pub(super) fn program(service: &str) -> &str {
    if service == STANDBY { "orchestrator" } else { service }
}

/// Returns the environment of a service; `warehouse` is the address through which the loader reaches it.
pub(super) fn variables(
    service: &str,
    endpoints: &BTreeMap<String, Value>,
    folder: &Path,
    lake: &Path,
    warehouse: &str,
) -> Vec<(String, String)> {
    let prefix = format!("CHAMPION_{}", program(service).replace('-', "_").to_uppercase());
    let address = |service: &str, kind: &str| {
        let address = endpoints.get(service).and_then(|endpoint| endpoint[kind].as_str());
        address.unwrap_or_else(|| panic!("no {kind} address of {service}")).to_owned()
    };
    let in_data = |name: &str| folder.join(name).display().to_string();
    let mut variables = Vec::new();
    let mut set = |key: &str, value: String| variables.push((format!("{prefix}__{key}"), value));
    set("SERVER__ADMIN__LISTEN", address(service, "admin"));
    set("SERVER__ADMIN__REQUIRED", "true".to_owned());
    match service {
        "exchange-mirror" | "embedded-warehouse" => set("SERVER__HTTP_LISTEN", address(service, "http")),
        _ => set("SERVER__GRPC_LISTEN", address(service, "grpc")),
    }
    if service == COLLECTOR {
        set("SERVER__HTTP_LISTEN", address(service, "http"));
    }
    if matches!(service, "scraper" | "parser" | "parquet-writer" | "clickhouse-loader" | "orchestrator" | STANDBY) {
        set("LAKE__FOLDER", lake.display().to_string());
    }
    match service {
        "embedded-warehouse" => set("ENGINE__DATA", in_data("warehouse")),
        "scraper" => set("SOURCE__MIRROR", format!("http://{}", address("exchange-mirror", "http"))),
        "clickhouse-loader" | COLLECTOR => set("WAREHOUSE__URL", format!("http://{warehouse}")),
        "orchestrator" | STANDBY => {
            set("JOURNAL__PATH", in_data(&format!("{service}.sqlite")));
            for stage in ["scraper", "parser", "parquet-writer", "clickhouse-loader"] {
                let key = format!("STAGES__{}__URL", stage.replace('-', "_").to_uppercase());
                set(&key, format!("http://{}", address(stage, "grpc")));
            }
        }
        _ => {}
    }
    variables
}
