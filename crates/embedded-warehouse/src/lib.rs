//! A real ClickHouse without a server: the engine (`libchdb.so`) in one process behind ClickHouse's HTTP interface.
//!
//! It is for one machine: development, tests, the demo, a single user. The loader, the CLI and any ordinary client reach
//! it by URL exactly as they would reach a server or a cluster, which replaces it by another URL and nothing else.
//!
//! A request comes in at `http`, which understands its parameters; its body is read on the async side (`body`) and
//! unpacked (`coding`) on one of a few threads (`pool`), where its statement is found, checked (`sql`) and run on a
//! connection of its own (`execute`, `engine`); the answer goes back block by block (`answer`).
//!
//! ```no_run
//! use champion_embedded_warehouse::{Bound, CONFIG, Config, run};
//! use champion_service::{Shutdown, config};
//! use champion_telemetry::Registry;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config: Config = config::load(&CONFIG, None)?;
//! let bound = Bound::bind(&config).await?;
//! println!("http://{}", bound.http_addr());
//! run(config, bound, Registry::new(), Shutdown::on_signals()).await?;
//! # Ok(())
//! # }
//! ```

mod answer;
mod body;
mod coding;
mod config;
mod engine;
mod error;
mod exception;
mod execute;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod metrics;
mod pool;
mod request;
mod serve;
mod session;
mod settings;
mod sql;

pub use config::{AccessSection, AuthSection, CONFIG, Config, EngineSection, LimitsSection, ServerSection};
pub use error::StartError;
pub use serve::{Bound, run};
