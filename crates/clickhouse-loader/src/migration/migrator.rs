//! Applying the migrations.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use champion_retry::Deadline;
use chrono::{DateTime, Utc};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::Mutex;
use tracing::{Instrument, info, info_span, warn};

use super::{BOOTSTRAP, MIGRATIONS, Migration};
use crate::warehouse::{Statement, Warehouse, WarehouseError};

/// A schema that could not be brought up to date.
#[derive(Debug, Error)]
pub enum MigrationError {
    /// A statement failed.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// The warehouse was migrated by a program whose migration of this number is another one.
    #[error("migration {name} was applied with another text (sha256 {applied}, ours {ours}): use another database")]
    Changed {
        /// Our migration of the number.
        name: &'static str,
        /// Hash of the applied one.
        applied: String,
        /// Hash of ours.
        ours: String,
    },
}

/// What a call to [`Migrator::migrate`] found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaState {
    /// The schema's version.
    pub version: u32,
    /// The migrations this call applied.
    pub applied: Vec<&'static str>,
}

/// Brings the schema up to date, one call at a time. Cloning is cheap; all clones know the same.
///
/// Two processes may migrate at once: every statement says `IF NOT EXISTS`, and both write the same rows down.
#[derive(Debug, Clone)]
pub struct Migrator {
    warehouse: Warehouse,
    clock: fn() -> DateTime<Utc>,
    turn: Arc<Mutex<()>>,
    current: Arc<AtomicBool>,
}

#[derive(Debug, Row, Deserialize)]
struct Applied {
    version: u32,
    sha256: String,
}

/// One row of `schema_migrations`, as `JSONEachRow`.
#[derive(Debug, Serialize)]
struct NewRow<'a> {
    version: u32,
    name: &'a str,
    sha256: String,
    applied_at: String,
}

const TABLE: &str = "schema_migrations";

impl Migrator {
    /// Makes a migrator that knows nothing of the warehouse yet.
    #[must_use]
    pub fn new(warehouse: Warehouse, clock: fn() -> DateTime<Utc>) -> Self {
        Self { warehouse, clock, turn: Arc::default(), current: Arc::default() }
    }

    /// Tells whether the schema was up to date when it was last looked at.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.current.load(Ordering::Acquire)
    }

    /// Forgets that the schema was up to date: a table turned out to be missing.
    pub(crate) fn forget(&self) {
        self.current.store(false, Ordering::Release);
    }

    /// Migrates unless that was done before.
    ///
    /// # Errors
    /// [`MigrationError`].
    pub async fn ensure(&self, deadline: Deadline) -> Result<(), MigrationError> {
        if self.is_current() {
            return Ok(());
        }
        self.migrate(deadline).await.map(|_| ())
    }

    /// Applies every migration that is not applied yet; a second call applies nothing.
    ///
    /// # Errors
    /// [`MigrationError`]; the migrations before the failed one stay applied.
    pub async fn migrate(&self, deadline: Deadline) -> Result<SchemaState, MigrationError> {
        self.migrate_in_turn(deadline).instrument(info_span!("migrate schema")).await
    }

    /// Migrates, and creates anew what is gone of the applied migrations: their statements say `IF NOT EXISTS`.
    ///
    /// # Errors
    /// [`MigrationError`].
    pub(crate) async fn restore(&self, deadline: Deadline) -> Result<(), MigrationError> {
        self.migrate(deadline).await?;
        for migration in &MIGRATIONS {
            for sql in self.warehouse.topology().render(migration.template) {
                self.create(migration.name, sql, deadline).await?;
            }
        }
        Ok(())
    }

    async fn migrate_in_turn(&self, deadline: Deadline) -> Result<SchemaState, MigrationError> {
        let _turn = self.turn.lock().await;
        for sql in self.warehouse.topology().render(BOOTSTRAP) {
            self.create(TABLE, sql, deadline).await?;
        }
        let known = self.applied(deadline).await?;
        let mut state = SchemaState { version: 0, applied: Vec::new() };
        for migration in &MIGRATIONS {
            match known.iter().find(|applied| applied.version == migration.version) {
                Some(applied) if applied.sha256 == migration.sha256() => {}
                Some(applied) => {
                    return Err(MigrationError::Changed {
                        name: migration.name,
                        applied: applied.sha256.clone(),
                        ours: migration.sha256(),
                    });
                }
                None => {
                    self.apply(migration, deadline).await?;
                    state.applied.push(migration.name);
                }
            }
            state.version = migration.version;
        }
        if let Some(newer) =
            known.iter().map(|applied| applied.version).filter(|version| *version > state.version).max()
        {
            warn!(newer, ours = state.version, "the warehouse was migrated by a newer loader");
            state.version = newer;
        }
        self.current.store(true, Ordering::Release);
        Ok(state)
    }

    async fn apply(&self, migration: &Migration, deadline: Deadline) -> Result<(), MigrationError> {
        for sql in self.warehouse.topology().render(migration.template) {
            self.create(migration.name, sql, deadline).await?;
        }
        let row = NewRow {
            version: migration.version,
            name: migration.name,
            sha256: migration.sha256(),
            applied_at: (self.clock)().format("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        };
        let body = Bytes::from(serde_json::to_vec(&row).expect("numbers and texts always serialise"));
        let statement = Statement {
            operation: "INSERT",
            collection: TABLE.to_owned(),
            rows: Some(1),
            sql: format!(
                "INSERT INTO {} (version, name, sha256, applied_at) FORMAT JSONEachRow",
                self.warehouse.qualified(TABLE)
            ),
        };
        self.warehouse.insert(&statement, &body, &migration.sha256(), deadline).await?;
        info!(migration = migration.name, "migration applied");
        Ok(())
    }

    async fn create(&self, collection: &str, sql: String, deadline: Deadline) -> Result<(), WarehouseError> {
        let statement = Statement { operation: "CREATE", collection: collection.to_owned(), rows: None, sql };
        self.warehouse.execute(&statement, deadline).await
    }

    async fn applied(&self, deadline: Deadline) -> Result<Vec<Applied>, WarehouseError> {
        let sql = format!("SELECT version, sha256 FROM {} FINAL ORDER BY version", self.warehouse.qualified(TABLE));
        let statement = Statement { operation: "SELECT", collection: TABLE.to_owned(), rows: None, sql };
        self.warehouse.fetch(&statement, deadline).await
    }
}
