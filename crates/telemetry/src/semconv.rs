//! Attribute names of spans: OpenTelemetry's semantic conventions, and Champion's own.

/// Resource: the service's name.
pub const SERVICE_NAME: &str = "service.name";
/// Resource: the service's version.
pub const SERVICE_VERSION: &str = "service.version";
/// Resource: the system the service belongs to; `champion`.
pub const SERVICE_NAMESPACE: &str = "service.namespace";
/// Resource: one process, new at each start.
pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";
/// Resource: where the process runs: `production`, `staging`, …
pub const DEPLOYMENT_ENVIRONMENT_NAME: &str = "deployment.environment.name";
/// The RPC system; always `grpc`.
pub const RPC_SYSTEM_NAME: &str = "rpc.system.name";
/// The full method: `package.Service/Method`.
pub const RPC_METHOD: &str = "rpc.method";
/// The gRPC status by name: `OK`, `NOT_FOUND`, …
pub const RPC_RESPONSE_STATUS_CODE: &str = "rpc.response.status_code";
/// The host that is called.
pub const SERVER_ADDRESS: &str = "server.address";
/// The port that is called.
pub const SERVER_PORT: &str = "server.port";
/// The kind of the error that ended the operation; absent when it succeeded.
pub const ERROR_TYPE: &str = "error.type";
/// The database system; `clickhouse`.
pub const DB_SYSTEM_NAME: &str = "db.system.name";
/// The database.
pub const DB_NAMESPACE: &str = "db.namespace";
/// The table.
pub const DB_COLLECTION_NAME: &str = "db.collection.name";
/// The operation: `INSERT`, `SELECT`, …
pub const DB_OPERATION_NAME: &str = "db.operation.name";
/// Number of rows or statements in the batch.
pub const DB_OPERATION_BATCH_SIZE: &str = "db.operation.batch.size";
/// The HTTP method of a request.
pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
/// The attempt after the first: 1 for the first retry; absent on the first attempt.
pub const HTTP_REQUEST_RESEND_COUNT: &str = "http.request.resend_count";
/// The HTTP status.
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
/// The full URL of a request, without credentials.
pub const URL_FULL: &str = "url.full";
/// Champion: the dataset's name.
pub const CHAMPION_DATASET: &str = "champion.dataset";
/// Champion: the trade date, `YYYY-MM-DD`.
pub const CHAMPION_TRADE_DATE: &str = "champion.trade_date";
/// Champion: the exchange.
pub const CHAMPION_EXCHANGE: &str = "champion.exchange";
/// Champion: the run's id.
pub const CHAMPION_RUN_ID: &str = "champion.run_id";
/// Champion: number of rows.
pub const CHAMPION_ROWS: &str = "champion.rows";
/// Champion: number of bytes.
pub const CHAMPION_BYTES: &str = "champion.bytes";
/// Champion: the key of an artifact in the lake.
pub const CHAMPION_ARTIFACT_KEY: &str = "champion.artifact.key";
/// Champion: the table of an artifact.
pub const CHAMPION_TABLE: &str = "champion.table";
