//! A small OTLP receiver that keeps the spans of one machine in the warehouse.
//!
//! Services export their spans here over gRPC or HTTP; `champion trace` reads them from the table `otel_traces`, whose
//! schema is that of the OpenTelemetry Collector's ClickHouse exporter. In production the Collector writes that table and
//! this process is not needed.
//!
//! An export is answered as soon as its spans are in memory (`intake`, `queue`); one task writes them in batches and
//! outlasts a warehouse that is slow or away (`writer`). Memory is bounded: what does not fit is dropped, counted, and
//! reported to the exporter. Delivery is at least once: when an insert's answer is lost, its spans are sent again.
//!
//! The collector makes no spans, neither for an export nor for an insert, and ignores any that come back to it: it must
//! not feed on itself.
//!
//! ```no_run
//! use champion_service::{Shutdown, config};
//! use champion_telemetry::Registry;
//! use champion_trace_collector::{Bound, CONFIG, Config, run};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config: Config = config::load(&CONFIG, None)?;
//! let bound = Bound::bind(&config).await?;
//! run(config, bound, Registry::new(), Shutdown::on_signals()).await?;
//! # Ok(())
//! # }
//! ```

mod config;
mod convert;
mod error;
mod grpc;
mod http;
mod intake;
mod metrics;
mod queue;
mod row;
mod run;
mod schema;
mod warehouse;
mod writer;

pub use config::{BatchSection, CONFIG, Config, IDENTITY, ServerSection, WarehouseSection};
pub use error::CollectorError;
pub use run::{Bound, run};
