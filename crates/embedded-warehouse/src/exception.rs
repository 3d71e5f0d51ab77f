//! The engine's errors, as clients of ClickHouse know them: a code, a name, a text and the HTTP status that goes with it.

use std::fmt;

use http::StatusCode;

/// An error with ClickHouse's code, in ClickHouse's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception {
    code: Code,
    message: String,
}

/// ClickHouse's error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(i32);

/// The numbers this process gives out itself.
impl Code {
    pub(crate) const BAD_ARGUMENTS: Self = Self(36);
    pub(crate) const CANNOT_DECOMPRESS: Self = Self(271);
    pub(crate) const CHECKSUM_DOESNT_MATCH: Self = Self(40);
    pub(crate) const INCORRECT_DATA: Self = Self(117);
    pub(crate) const NOT_IMPLEMENTED: Self = Self(48);
    pub(crate) const SYNTAX_ERROR: Self = Self(62);
    pub(crate) const TIMEOUT_EXCEEDED: Self = Self(159);
    pub(crate) const QUERY_IS_TOO_LARGE: Self = Self(229);
    pub(crate) const READONLY: Self = Self(164);
    pub(crate) const REQUIRED_PASSWORD: Self = Self(194);
    pub(crate) const TOO_MANY_SIMULTANEOUS_QUERIES: Self = Self(202);
    pub(crate) const SOCKET_TIMEOUT: Self = Self(209);
    pub(crate) const NETWORK_ERROR: Self = Self(210);
    pub(crate) const QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: Self = Self(216);
    pub(crate) const ABORTED: Self = Self(236);
    pub(crate) const SESSION_NOT_FOUND: Self = Self(372);
    pub(crate) const SESSION_IS_LOCKED: Self = Self(373);
    pub(crate) const INVALID_SESSION_TIMEOUT: Self = Self(374);
    pub(crate) const QUERY_WAS_CANCELLED: Self = Self(394);
    pub(crate) const TOO_MANY_BYTES: Self = Self(307);
    pub(crate) const ACCESS_DENIED: Self = Self(497);
    pub(crate) const UNKNOWN_ROLE: Self = Self(511);
    pub(crate) const AUTHENTICATION_FAILED: Self = Self(516);
    /// What ClickHouse calls an error of a library it uses.
    const STD_EXCEPTION: Self = Self(1001);

    fn name(self) -> &'static str {
        match self {
            Self::BAD_ARGUMENTS => "BAD_ARGUMENTS",
            Self::CANNOT_DECOMPRESS => "CANNOT_DECOMPRESS",
            Self::CHECKSUM_DOESNT_MATCH => "CHECKSUM_DOESNT_MATCH",
            Self::INCORRECT_DATA => "INCORRECT_DATA",
            Self::NOT_IMPLEMENTED => "NOT_IMPLEMENTED",
            Self::SYNTAX_ERROR => "SYNTAX_ERROR",
            Self::TIMEOUT_EXCEEDED => "TIMEOUT_EXCEEDED",
            Self::QUERY_IS_TOO_LARGE => "QUERY_IS_TOO_LARGE",
            Self::READONLY => "READONLY",
            Self::REQUIRED_PASSWORD => "REQUIRED_PASSWORD",
            Self::TOO_MANY_SIMULTANEOUS_QUERIES => "TOO_MANY_SIMULTANEOUS_QUERIES",
            Self::SOCKET_TIMEOUT => "SOCKET_TIMEOUT",
            Self::NETWORK_ERROR => "NETWORK_ERROR",
            Self::QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING => "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
            Self::ABORTED => "ABORTED",
            Self::SESSION_NOT_FOUND => "SESSION_NOT_FOUND",
            Self::SESSION_IS_LOCKED => "SESSION_IS_LOCKED",
            Self::INVALID_SESSION_TIMEOUT => "INVALID_SESSION_TIMEOUT",
            Self::QUERY_WAS_CANCELLED => "QUERY_WAS_CANCELLED",
            Self::TOO_MANY_BYTES => "TOO_MANY_BYTES",
            Self::ACCESS_DENIED => "ACCESS_DENIED",
            Self::UNKNOWN_ROLE => "UNKNOWN_ROLE",
            Self::AUTHENTICATION_FAILED => "AUTHENTICATION_FAILED",
            _ => "STD_EXCEPTION",
        }
    }

    /// Returns the number.
    pub(crate) const fn number(self) -> i32 {
        self.0
    }

    /// Returns the HTTP status ClickHouse answers with (`exceptionCodeToHTTPStatus`), with two differences: a full queue
    /// is 503 and a refusal of access is 403, where ClickHouse says 500.
    pub(crate) const fn status(self) -> StatusCode {
        match self.0 {
            194 => StatusCode::UNAUTHORIZED,
            // unknown user, wrong password, access denied, role not granted, authentication failed
            192 | 193 | 497 | 512 | 516 => StatusCode::FORBIDDEN,
            // what the client wrote cannot be read: texts, numbers, dates, columns, syntax, types, expressions
            6
            | 8
            | 15
            | 25..=27
            | 36..=38
            | 41
            | 44
            | 53
            | 62
            | 72
            | 117
            | 123
            | 167
            | 168
            | 223
            | 321
            | 376
            | 427
            | 441
            | 675
            | 676 => StatusCode::BAD_REQUEST,
            // what the client names does not exist: function, column, type, table, format, database, setting, role, …
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 152 | 336 | 511 => StatusCode::NOT_FOUND,
            229 => StatusCode::PAYLOAD_TOO_LARGE,
            48 => StatusCode::NOT_IMPLEMENTED,
            // cannot open a file, queue full, socket timeout, cannot schedule
            76 | 202 | 209 | 439 => StatusCode::SERVICE_UNAVAILABLE,
            381 => StatusCode::LENGTH_REQUIRED,
            159 => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl Exception {
    /// Creates one of this process's own errors.
    pub(crate) fn new(code: Code, text: impl fmt::Display) -> Self {
        let message = format!("Code: {}. DB::Exception: {text}. ({})", code.number(), code.name());
        Self { code, message }
    }

    /// Takes over an error text of the engine; drops the stack trace and the version that some of its paths append.
    pub(crate) fn from_engine(text: &str) -> Self {
        let text = text.split(", Stack trace (when copying").next().unwrap_or(text);
        let text = text.trim();
        let text = without_versions(text.strip_prefix("Error: ").unwrap_or(text));
        match number(&text) {
            Some(code) => Self { code: Code(code), message: text },
            None => {
                let code = Code::STD_EXCEPTION;
                let message = format!("Code: {}. DB::Exception: {text} ({})", code.number(), code.name());
                Self { code, message }
            }
        }
    }

    /// Returns the error's number.
    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    /// Returns the text as ClickHouse writes it into a body: one line, the version at its end.
    pub(crate) fn body(&self, version: &str) -> String {
        format!("{} (version {version})\n", self.message)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Exception {}

/// Takes the versions out; an error that passed through several layers carries one of each.
fn without_versions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(" (version ") {
        let (before, version) = rest.split_at(start);
        out.push_str(before);
        rest = version.find(')').map_or("", |end| &version[end + 1..]);
    }
    out.push_str(rest);
    out
}

fn number(text: &str) -> Option<i32> {
    let rest = text.strip_prefix("Code: ")?;
    rest[..rest.find('.')?].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_error_keeps_its_code_and_loses_its_stack_trace() {
        let error = Exception::from_engine(
            "Code: 27. DB::Exception: Cannot parse input. (CANNOT_PARSE_INPUT_ASSERTION_FAILED), Stack trace (when \
             copying this message, always include the lines below):\n\n0. DB::f (version 26.7.2.1)",
        );
        assert_eq!(error.code().number(), 27);
        assert_eq!(error.code().status(), StatusCode::BAD_REQUEST);
        assert_eq!(
            error.body("26.7.2.1"),
            "Code: 27. DB::Exception: Cannot parse input. (CANNOT_PARSE_INPUT_ASSERTION_FAILED) (version 26.7.2.1)\n"
        );
    }

    #[test]
    fn an_engine_error_without_a_code_becomes_a_server_error() {
        let error = Exception::from_engine("Error: something broke");
        assert_eq!(error.code().status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(error.to_string(), "Code: 1001. DB::Exception: something broke (STD_EXCEPTION)");
    }

    #[test]
    fn the_version_is_written_once() {
        let error = Exception::from_engine(
            "Code: 60. DB::Exception: Table t does not exist. (UNKNOWN_TABLE) (version 26.7.2.1)",
        );
        assert_eq!(error.body("26.7.2.1").matches("version").count(), 1);
        assert_eq!(error.code().status(), StatusCode::NOT_FOUND);
    }
}
