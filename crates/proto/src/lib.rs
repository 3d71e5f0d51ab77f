//! The contract between the services: generated code and its conversions to the domain's types.
//!
//! Wire types are not domain types. What comes in is checked once by `TryFrom` ([`WireError`] names the field), what goes
//! out is built by `From`.

mod convert;
mod error;

pub use convert::{instant, parse_date, parse_instant, parse_name, parse_reference, required};
pub use error::WireError;

/// The metadata in which an orchestrator that stands by says where the active one is.
pub const ACTIVE_ORCHESTRATOR: &str = "champion-active-orchestrator";

/// Package `champion.artifact.v1`: references to what lies in the lake.
pub mod artifact {
    #[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code; the .proto is its documentation")]
    pub mod v1 {
        tonic::include_proto!("champion.artifact.v1");
    }
}

/// Package `champion.scraper.v1`: the scraper's contract.
pub mod scraper {
    #[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code; the .proto is its documentation")]
    pub mod v1 {
        tonic::include_proto!("champion.scraper.v1");
    }
}

/// Package `champion.parser.v1`: the parser's contract.
pub mod parser {
    #[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code; the .proto is its documentation")]
    pub mod v1 {
        tonic::include_proto!("champion.parser.v1");
    }
}

/// Package `champion.writer.v1`: the parquet-writer's contract.
pub mod writer {
    #[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code; the .proto is its documentation")]
    pub mod v1 {
        tonic::include_proto!("champion.writer.v1");
    }
}

/// Package `champion.loader.v1`: the clickhouse-loader's contract.
pub mod loader {
    #[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code; the .proto is its documentation")]
    pub mod v1 {
        tonic::include_proto!("champion.loader.v1");
    }
}

/// Package `champion.orchestrator.v1`: the orchestrator's contract.
pub mod orchestrator {
    #[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code; the .proto is its documentation")]
    pub mod v1 {
        tonic::include_proto!("champion.orchestrator.v1");
    }
}

/// The file descriptors of every package, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Largest message a service receives; messages carry references, and a month of them fits many times.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
