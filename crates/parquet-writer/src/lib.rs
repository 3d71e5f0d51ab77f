//! The parquet-writer service: staged tables become curated Parquet, atomically.
//!
//! It stands between the parser and the clickhouse-loader. `Write` takes keys of Arrow IPC in the lake, traces each to
//! the parser's report and the raw facts, checks that it is the table of its key, encodes it ([`Encoding`]: the same rows give the same bytes) and publishes it as
//! the one file of its table, exchange and trade date. The manifest is written last ([`Manifest`]); a corrected file
//! becomes the next version and the earlier one stays readable under `history/` ([`Publisher`]).
//!
//! It also keeps the lake: [`verify`] finds and repairs damage, [`Collector`] removes what nobody needs, by hand or
//! by itself ([`Collecting`]), [`Compactor`] makes
//! one file of a month.

mod collect;
mod collecting;
mod compact;
mod config;
mod error;
mod grpc;
mod manifest;
mod metrics;
mod origin;
mod parquet_file;
mod publisher;
mod run;
mod session_locks;
mod staged;
mod upkeep;
pub mod verify;

pub use collect::{CollectFailure, Collection, Collector, Kind, RetentionConfig, Tally};
pub use collecting::{CollectConfig, Collecting};
pub use compact::{Compacted, Compaction, Compactor, Month, MonthFinding, MonthManifest, SessionFile};
pub use config::{Config, LakeConfig, ParquetConfig, SPEC, WriteConfig};
pub use error::WriteError;
pub use manifest::{Manifest, Replacement};
pub use metrics::{CollectMetrics, Metrics};
pub use parquet_file::{Encoding, WRITER_VERSION};
pub use publisher::{Publisher, Run, Written};
pub use run::{IDENTITY, RunError, run};
pub use staged::StagedError;
