//! The parser service: raw bytes to staged, typed, validated tables.
//!
//! Second stage of the flow: `raw -> staged`. A call names raw bytes in the lake; they are read with their hash checked,
//! decoded on a worker thread and written as one Arrow IPC file a table. Rows set aside go to the quarantine as JSON
//! lines. The report is written last: while it and everything it names is there, the work is done and is not done again.
//!
//! The same bytes give byte-identical artifacts under the same keys: neither run nor time nor host is in them.

mod config;
mod error;
mod grpc;
mod metrics;
mod parse;
mod report;
mod serve;
mod staging;

pub use config::{Config, LakeConfig, LimitsConfig, SPEC};
pub use error::{Error, ParseError};
pub use metrics::Metrics;
pub use parse::{Parse, Parser};
pub use report::Report;
pub use serve::run;
