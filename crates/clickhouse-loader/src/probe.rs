//! Whether the warehouse answers, how many parts its tables are in and how much room its disk has: asked all the time,
//! loads or none, of whatever ClickHouse it is.

use std::time::Duration;

use champion_market_data::Table;
use champion_telemetry::DiskGauges;
use champion_telemetry::metrics::int_gauge_vec;
use clickhouse::Row;
use prometheus::{IntGauge, IntGaugeVec, Registry};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::warehouse::{Statement, Warehouse};

/// Longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Most tables of the database that are shown; the schema has some twenty.
const MOST_TABLES: usize = 64;

/// What the probe shows.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    up: IntGauge,
    parts: IntGaugeVec,
    disk: DiskGauges,
}

#[derive(Debug, Row, Deserialize)]
struct Parts {
    name: String,
    parts: u64,
}

#[derive(Debug, Row, Deserialize)]
struct Room {
    free: f64,
    size: f64,
}

impl Probe {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let up =
            IntGauge::new("champion_warehouse_up", "1 when the last probe of the warehouse was answered, else 0.")?;
        registry.register(Box::new(up.clone()))?;
        let parts = int_gauge_vec(
            registry,
            "champion_warehouse_parts",
            "Most active parts in one partition of the table, as last probed; on a cluster those of the node asked.",
            &["table"],
        )?;
        for table in Table::ALL {
            parts.with_label_values(&[table.as_str()]);
        }
        Ok(Self { up, parts, disk: DiskGauges::register(registry, "warehouse")? })
    }

    /// Asks at once and then at every interval, until the stop.
    pub(crate) async fn keep(self, warehouse: Warehouse, every: Duration, stop: CancellationToken) {
        let mut answered = None;
        loop {
            let outcome = warehouse.ask_once::<Parts>(&parts(&warehouse), LIMIT).await;
            self.up.set(i64::from(outcome.is_ok()));
            if answered != Some(outcome.is_ok()) {
                match &outcome {
                    Ok(_) => info!("the warehouse answers"),
                    Err(error) => warn!(%error, "the warehouse does not answer"),
                }
            }
            answered = Some(outcome.is_ok());
            for row in outcome.unwrap_or_default() {
                self.parts.with_label_values(&[&row.name]).set(i64::try_from(row.parts).unwrap_or(i64::MAX));
            }
            let room = warehouse.ask_once::<Room>(&fullest_disk(), LIMIT).await.unwrap_or_default();
            self.disk.set(room.first().map(|room| (room.free, room.size)));
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
        }
    }
}

/// Asks for the disk with the smallest free share. A bucket says that it has no end, and one that cannot tell is left out.
fn fullest_disk() -> Statement {
    let sql = "SELECT toFloat64(unreserved_space) AS free, toFloat64(total_space) AS size FROM system.disks \
               WHERE total_space > 0 ORDER BY free / size LIMIT 1";
    Statement { operation: "SELECT", collection: "system.disks".to_owned(), rows: None, sql: sql.to_owned() }
}

/// Asks for every table of the database, so that one without parts is told as 0.
fn parts(warehouse: &Warehouse) -> Statement {
    let database = &warehouse.topology().database;
    let sql = format!(
        "SELECT t.name AS name, max(p.parts) AS parts FROM \
         (SELECT name FROM system.tables WHERE database = '{database}' AND engine LIKE '%MergeTree') AS t LEFT JOIN \
         (SELECT table, partition, count() AS parts FROM system.parts WHERE database = '{database}' AND active \
         GROUP BY table, partition) AS p ON p.table = t.name GROUP BY t.name ORDER BY t.name LIMIT {MOST_TABLES}"
    );
    Statement { operation: "SELECT", collection: "system.parts".to_owned(), rows: None, sql }
}
