//! The warehouse behind its HTTP interface: one span a statement and attempt, retries while it cannot be reached.

mod error;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use champion_retry::{Backoff, Budget, BudgetConfig, Deadline, Decision, Policy};
use champion_telemetry::context;
use clickhouse::{Client, Compression, RowOwned, RowRead};
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span, warn};
use url::Url;

pub use error::WarehouseError;

use crate::config::{BodyCompression, WarehouseConfig};
use crate::topology::Topology;

/// Bytes handed to the connection at a time; also the unit of compression.
const SEND_BYTES: usize = 1 << 20;

/// One statement and what its span says about it.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    /// `SELECT`, `INSERT`, `CREATE`.
    pub(crate) operation: &'static str,
    /// The table or view.
    pub(crate) collection: String,
    /// Rows of an insert.
    pub(crate) rows: Option<u64>,
    /// The SQL. It is sent as it is: nothing in it comes from outside but checked names, dates and hashes.
    pub(crate) sql: String,
}

/// A ClickHouse by URL. Cloning is cheap; all clones share connections and the retry budget.
#[derive(Debug, Clone)]
pub struct Warehouse {
    client: Client,
    address: Address,
    topology: Topology,
    query_timeout: Duration,
    insert_timeout: Duration,
    policy: Policy,
    budget: Arc<Mutex<Budget>>,
}

#[derive(Debug, Clone)]
struct Address {
    host: String,
    port: u16,
}

/// Settings of every insert: its outcome is known when it returns, whatever the user's profile says.
const INSERT_SETTINGS: [(&str, &str); 2] = [("async_insert", "0"), ("wait_end_of_query", "1")];

/// Settings on a cluster: an insert has reached the shards and a majority of replicas when it returns, and a query sees
/// it whichever replica answers, since a load is verified by reading it back.
const CLUSTER_SETTINGS: [(&str, &str); 4] = [
    ("distributed_foreground_insert", "1"),
    ("insert_quorum", "auto"),
    ("insert_quorum_parallel", "0"),
    ("select_sequential_consistency", "1"),
];

impl Warehouse {
    /// Makes a client; nothing is asked yet.
    ///
    /// # Errors
    /// [`url::ParseError`] when the URL is none.
    pub fn new(config: &WarehouseConfig, topology: Topology) -> Result<Self, url::ParseError> {
        let url = Url::parse(&config.url)?;
        let address = Address {
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
        };
        let compression = match config.compression {
            BodyCompression::None => Compression::None,
            BodyCompression::Lz4 => Compression::Lz4,
        };
        let mut client = Client::default().with_url(&config.url).with_compression(compression);
        if !config.user.is_empty() {
            client = client.with_user(&config.user);
        }
        if !config.password.expose().is_empty() {
            client = client.with_password(config.password.expose());
        }
        if topology.cluster.is_some() {
            for (name, value) in CLUSTER_SETTINGS {
                client = client.with_setting(name, value);
            }
        }
        let backoff = Backoff::new(
            Duration::from_millis(config.retry_base_milliseconds),
            Duration::from_millis(config.retry_cap_milliseconds),
        );
        Ok(Self {
            client,
            address,
            topology,
            query_timeout: Duration::from_secs(config.query_timeout_seconds.max(1)),
            insert_timeout: Duration::from_secs(config.insert_timeout_seconds.max(1)),
            policy: Policy { backoff, max_attempts: config.max_attempts.max(1) },
            budget: Arc::new(Mutex::new(Budget::new(BudgetConfig::default()))),
        })
    }

    /// Returns where the tables live.
    #[must_use]
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Returns a table's name with its database.
    pub(crate) fn qualified(&self, collection: &str) -> String {
        format!("{}.{collection}", self.topology.database)
    }

    /// Runs a statement without an answer.
    pub(crate) async fn execute(&self, statement: &Statement, deadline: Deadline) -> Result<(), WarehouseError> {
        let sql = &statement.sql;
        self.attempts(
            statement,
            self.query_timeout,
            deadline,
            |client| async move { client.query_raw(sql).execute().await },
        )
        .await
    }

    /// Runs a query and returns all its rows.
    pub(crate) async fn fetch<T: RowOwned + RowRead>(
        &self,
        statement: &Statement,
        deadline: Deadline,
    ) -> Result<Vec<T>, WarehouseError> {
        let sql = &statement.sql;
        self.attempts(statement, self.query_timeout, deadline, |client| async move {
            client.query_raw(sql).fetch_all::<T>().await
        })
        .await
    }

    /// Runs a query once: no span, no second attempt, nothing taken from the retry budget. For what is asked all the time.
    pub(crate) async fn ask_once<T: RowOwned + RowRead>(
        &self,
        statement: &Statement,
        limit: Duration,
    ) -> Result<Vec<T>, WarehouseError> {
        match tokio::time::timeout(limit, self.client.query_raw(&statement.sql).fetch_all::<T>()).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(source)) => Err(WarehouseError::from_client(statement, source)),
            Err(_) => Err(WarehouseError::timeout(statement, limit)),
        }
    }

    /// Runs an insert whose statement names the body's format.
    ///
    /// The token makes a second attempt of the same content a no-op where the first one did arrive.
    pub(crate) async fn insert(
        &self,
        statement: &Statement,
        body: &Bytes,
        token: &str,
        deadline: Deadline,
    ) -> Result<(), WarehouseError> {
        self.attempts(statement, self.insert_timeout, deadline, |client| async move {
            let mut insert =
                client.insert_formatted_with(statement.sql.clone()).with_setting("insert_deduplication_token", token);
            for (name, value) in INSERT_SETTINGS {
                insert = insert.with_setting(name, value);
            }
            let mut rest = body.clone();
            while !rest.is_empty() {
                insert.send(rest.split_to(rest.len().min(SEND_BYTES))).await?;
            }
            insert.end().await
        })
        .await
    }

    /// Tries until the statement succeeds, is refused for good, or attempts, budget or time are used up.
    async fn attempts<T, F>(
        &self,
        statement: &Statement,
        limit: Duration,
        deadline: Deadline,
        attempt: impl Fn(Client) -> F,
    ) -> Result<T, WarehouseError>
    where
        F: Future<Output = Result<T, clickhouse::error::Error>>,
    {
        self.budget().record_call(Instant::now());
        let mut failures = 0;
        loop {
            let limit = limit.min(deadline.remaining(Instant::now()));
            let span = self.span(statement);
            // The header is the span's own, so that the statement's log in the warehouse hangs below it.
            let client = match span.in_scope(context::current_traceparent) {
                Some(traceparent) => self.client.clone().with_header("traceparent", traceparent),
                None => self.client.clone(),
            };
            let outcome = tokio::time::timeout(limit, attempt(client)).instrument(span.clone()).await;
            let error = match outcome {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(source)) => WarehouseError::from_client(statement, source),
                Err(_) => WarehouseError::timeout(statement, limit),
            };
            span.record("error.type", error.error_type()).record("otel.status_code", "ERROR");
            failures += 1;
            if !error.is_transient() {
                return Err(error);
            }
            let decision = self.policy.after_failure(
                failures,
                None,
                deadline,
                &mut self.budget(),
                Instant::now(),
                &mut rand::rng(),
            );
            match decision {
                Decision::RetryAfter(wait) => {
                    warn!(%error, attempt = failures, wait_milliseconds = wait.as_millis() as u64, "trying again");
                    tokio::time::sleep(wait).await;
                }
                Decision::GiveUp(_) => return Err(error),
            }
        }
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn span(&self, statement: &Statement) -> Span {
        let span = info_span!(
            "warehouse statement",
            otel.name = format!("{} {}", statement.operation, statement.collection),
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = "clickhouse",
            db.namespace = %self.topology.database,
            db.collection.name = statement.collection,
            db.operation.name = statement.operation,
            db.operation.batch.size = Empty,
            server.address = self.address.host,
            server.port = self.address.port,
            error.type = Empty,
        );
        if let Some(rows) = statement.rows {
            span.record("db.operation.batch.size", rows);
        }
        span
    }
}
