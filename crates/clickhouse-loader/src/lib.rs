//! The clickhouse-loader service: curated Parquet comes into the warehouse, exactly once in effect.
//!
//! It is the last stage. `Load` takes references to curated files in the lake and makes one insert of each table and month
//! ([`Loader`]); what the ledger names already is not sent. The tables replace rows by version, so that a re-sent row is
//! the same row; a corrected file is a new version, with tombstones for the keys that vanished. What it takes the place of
//! goes to the table's history first, so that the views `<table>_as_of` tell what was known when. The ledger row is written
//! last, after a session was verified in its table by distinct keys and a content checksum ([`Fingerprint`]).
//! Rows set aside on the way come beside the sessions, from the lake's JSON lines into the table `quarantine`.
//! `Reconcile` compares the lake's manifests with ledger and rows, loads again what differs and looks once more. `Audit`
//! holds the newest raw observation of every session against both, and changes nothing.
//! `Migrate` brings the schema up to date ([`Migrator`]), on one server or a cluster ([`Topology`]).

mod audit;
mod config;
mod curated;
mod error;
mod fingerprint;
mod grpc;
mod history;
mod insert_body;
mod ledger;
mod loader;
mod manifest;
mod metrics;
mod migration;
mod probe;
mod quarantine;
mod raw;
mod reconciliation;
mod row_key;
mod run;
mod shelf;
mod topology;
mod verification;
mod warehouse;

pub use audit::{AuditEvent, AuditSummary, Difference, DifferenceKind};
pub use config::{BodyCompression, ClusterConfig, Config, LakeConfig, LoadConfig, SPEC, WarehouseConfig};
pub use curated::CuratedError;
pub use error::LoadError;
pub use fingerprint::Fingerprint;
pub use loader::{AuditScope, Bounds, Loader, Receipt, Run};
pub use metrics::Metrics;
pub use migration::{MigrationError, Migrator, SchemaState};
pub use quarantine::{QuarantineError, SetAside};
pub use reconciliation::{Finding, FindingKind, Reconciliation, Remedy, Scope};
pub use run::{IDENTITY, RunError, run};
pub use topology::{Identifier, InvalidIdentifier, Topology};
pub use warehouse::{Warehouse, WarehouseError};
