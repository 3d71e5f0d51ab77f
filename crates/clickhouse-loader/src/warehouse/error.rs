//! What can go wrong with a statement, and whether a second attempt may help.

use std::time::Duration;

use clickhouse::error::Error as ClientError;
use thiserror::Error;

use super::Statement;

/// A statement that failed.
#[derive(Debug, Error)]
pub enum WarehouseError {
    /// The warehouse cannot be reached, or the connection broke. An insert may have arrived all the same.
    #[error("cannot reach the warehouse for {operation} {collection}: {source}")]
    Connection {
        /// The operation.
        operation: &'static str,
        /// The table.
        collection: String,
        /// The client's error.
        source: ClientError,
    },
    /// No answer in time. An insert may have arrived all the same.
    #[error("{operation} {collection} did not end within {limit:?}")]
    Timeout {
        /// The operation.
        operation: &'static str,
        /// The table.
        collection: String,
        /// The time allowed.
        limit: Duration,
    },
    /// The warehouse answered with an error.
    #[error("the warehouse refused {operation} {collection}: {message}")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// The table.
        collection: String,
        /// ClickHouse's error code, where the answer has one; otherwise the HTTP status, negated.
        code: i32,
        /// What it said.
        message: String,
    },
    /// The answer is not what the statement asks for.
    #[error("cannot read the answer to {operation} {collection}: {source}")]
    Answer {
        /// The operation.
        operation: &'static str,
        /// The table.
        collection: String,
        /// The client's error.
        source: ClientError,
    },
}

/// Longest part of the warehouse's message that is kept; it may quote the statement.
const MESSAGE_CHARS: usize = 500;

/// ClickHouse error codes after which the same statement may succeed later (`src/Common/ErrorCodes.cpp`).
const TRANSIENT_CODES: [i32; 18] = [
    159, // TIMEOUT_EXCEEDED
    202, // TOO_MANY_SIMULTANEOUS_QUERIES
    209, // SOCKET_TIMEOUT
    210, // NETWORK_ERROR
    225, // NO_ZOOKEEPER
    236, // ABORTED
    241, // MEMORY_LIMIT_EXCEEDED
    242, // TABLE_IS_READ_ONLY
    243, // NOT_ENOUGH_SPACE
    252, // TOO_MANY_PARTS
    279, // ALL_CONNECTION_TRIES_FAILED
    285, // TOO_FEW_LIVE_REPLICAS
    286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    289, // REPLICA_IS_NOT_IN_QUORUM
    319, // UNKNOWN_STATUS_OF_INSERT
    394, // QUERY_WAS_CANCELLED
    733, // TOO_SLOW_PARSING
    999, // KEEPER_EXCEPTION
];

/// UNKNOWN_TABLE, UNKNOWN_DATABASE.
const SCHEMA_MISSING_CODES: [i32; 2] = [60, 81];

/// READONLY, UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, ACCESS_DENIED, AUTHENTICATION_FAILED.
const ACCESS_CODES: [i32; 6] = [164, 192, 193, 194, 497, 516];

impl WarehouseError {
    pub(super) fn timeout(statement: &Statement, limit: Duration) -> Self {
        Self::Timeout { operation: statement.operation, collection: statement.collection.clone(), limit }
    }

    pub(super) fn from_client(statement: &Statement, source: ClientError) -> Self {
        let (operation, collection) = (statement.operation, statement.collection.clone());
        match source {
            ClientError::Network(_) | ClientError::TimedOut => Self::Connection { operation, collection, source },
            ClientError::BadResponse(text) => Self::Refused {
                operation,
                collection,
                code: code_of(&text),
                message: text.trim().chars().take(MESSAGE_CHARS).collect(),
            },
            source => Self::Answer { operation, collection, source },
        }
    }

    /// Tells whether the same statement may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Timeout { .. } => true,
            // A proxy that answers for a warehouse that is away: 502, 503, 504.
            Self::Refused { code, .. } => TRANSIENT_CODES.contains(code) || (-504..=-502).contains(code),
            Self::Answer { .. } => false,
        }
    }

    /// Tells whether the database or a table is not there.
    pub(crate) fn is_schema_missing(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if SCHEMA_MISSING_CODES.contains(code))
    }

    /// Tells whether the user may not do this.
    pub(crate) fn is_access(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if ACCESS_CODES.contains(code))
    }

    /// Returns the value of `error.type`: ClickHouse's code, or what happened to the connection.
    pub(crate) fn error_type(&self) -> String {
        match self {
            Self::Connection { .. } => "connection".to_owned(),
            Self::Timeout { .. } => "timeout".to_owned(),
            Self::Refused { code, .. } => code.unsigned_abs().to_string(),
            Self::Answer { .. } => "invalid_answer".to_owned(),
        }
    }
}

/// Reads `Code: 60. DB::Exception: …`, or the status of an answer without a body, `503 Service Unavailable`.
fn code_of(text: &str) -> i32 {
    let number = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next()?.parse::<i32>().ok();
    match text.split_once("Code: ") {
        Some((_, rest)) => number(rest).unwrap_or(0),
        None => number(text).map_or(0, |status| -status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> WarehouseError {
        let statement = Statement { operation: "SELECT", collection: "t".to_owned(), rows: None, sql: String::new() };
        WarehouseError::from_client(&statement, ClientError::BadResponse(text.to_owned()))
    }

    #[test]
    fn the_code_decides_whether_a_second_attempt_may_help() {
        let unknown_table = refused("Code: 60. DB::Exception: Table champion.t does not exist. (UNKNOWN_TABLE)");
        assert!(unknown_table.is_schema_missing() && !unknown_table.is_transient());
        assert!(refused("Code: 252. DB::Exception: Too many parts (300)").is_transient());
        assert!(refused("Code: 516. DB::Exception: default: Authentication failed").is_access());
        assert!(refused("503 Service Unavailable").is_transient());
        assert!(!refused("404 Not Found").is_transient());
        assert!(!refused("<html>captive portal</html>").is_transient());
        assert_eq!(unknown_table.error_type(), "60");
    }
}
