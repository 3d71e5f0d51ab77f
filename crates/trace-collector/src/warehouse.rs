//! The warehouse, as far as spans need it.

use std::time::Duration;

use clickhouse::error::Error as ClientError;
use clickhouse::{Client, Compression};
use thiserror::Error;
use tracing::info;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::config::WarehouseSection;
use crate::row::SpanRow;
use crate::schema::{TABLE, aging_tables, expiry, statements};

/// A statement that failed.
#[derive(Debug, Error)]
pub(crate) enum WarehouseError {
    /// No answer: away, or slow beyond the time allowed.
    #[error("the warehouse does not answer: {0}")]
    Silent(String),
    /// An answer that says no.
    #[error("the warehouse refused: {0}")]
    Refused(String),
}

/// Longest part of the warehouse's message that is kept.
const MESSAGE_CHARS: usize = 300;

/// A ClickHouse by URL.
#[derive(Debug, Clone)]
pub(crate) struct Warehouse {
    client: Client,
    database: String,
    retention_days: u32,
    timeout: Duration,
}

impl Warehouse {
    /// Makes a client; nothing is asked yet.
    pub(crate) fn new(config: &WarehouseSection) -> Self {
        // The row type is checked against the table by a test, so that no insert need ask for the table's columns.
        let mut client =
            Client::default().with_url(&config.url).with_compression(Compression::None).with_validation(false);
        if !config.user.is_empty() {
            client = client.with_user(&config.user);
        }
        if !config.password.is_empty() {
            client = client.with_password(config.password.expose());
        }
        Self {
            client,
            database: config.database.clone(),
            retention_days: config.retention_days,
            timeout: Duration::from_secs(config.timeout_seconds),
        }
    }

    /// Makes database, tables and view where they are absent.
    pub(crate) async fn create(&self) -> Result<(), WarehouseError> {
        for statement in statements(&self.database, self.retention_days) {
            self.in_time(self.client.query_raw(&statement).execute()).await?;
        }
        for (table, column) in aging_tables() {
            self.age(&table, column).await?;
        }
        Ok(())
    }

    /// Lets a table that was made with another retention, or none, keep spans as long as is configured now.
    ///
    /// Only where it differs: a change reads every part of the table.
    async fn age(&self, table: &str, column: &str) -> Result<(), WarehouseError> {
        let wanted = expiry(column, self.retention_days);
        let asked =
            "SELECT extract(engine_full, ' TTL (.*) SETTINGS ') FROM system.tables WHERE database = ? AND name = ?";
        let query = self.client.query(asked).bind(&self.database).bind(table);
        let mut found = String::new();
        self.in_time(async {
            found = query.fetch_one::<String>().await?;
            Ok(())
        })
        .await?;
        if found == wanted.as_deref().unwrap_or_default() {
            return Ok(());
        }
        info!(table, found, wanted = wanted.as_deref().unwrap_or("none"), "changing how long spans are kept");
        let change = wanted.map_or_else(|| "REMOVE TTL".to_owned(), |expiry| format!("MODIFY TTL {expiry}"));
        let statement = format!("ALTER TABLE `{}`.`{table}` {change}", self.database);
        self.in_time(self.client.query_raw(&statement).execute()).await
    }

    /// Inserts rows with one statement.
    pub(crate) async fn insert(&self, rows: &[SpanRow]) -> Result<(), WarehouseError> {
        self.in_time(async {
            let table = format!("`{}`.`{TABLE}`", self.database);
            let mut insert = self.client.insert_unescaped::<SpanRow>(&table).await?;
            for row in rows {
                insert.write(row).await?;
            }
            insert.end().await
        })
        .await
    }

    async fn in_time(&self, statement: impl Future<Output = Result<(), ClientError>>) -> Result<(), WarehouseError> {
        // The client makes a span a statement; traced, each batch of spans would beget more of them.
        let statement = statement.with_subscriber(NoSubscriber::default());
        match tokio::time::timeout(self.timeout, statement).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(ClientError::BadResponse(message))) => {
                Err(WarehouseError::Refused(message.trim().chars().take(MESSAGE_CHARS).collect()))
            }
            Ok(Err(error)) => Err(WarehouseError::Silent(error.to_string())),
            Err(_) => Err(WarehouseError::Silent(format!("no answer within {:?}", self.timeout))),
        }
    }
}
