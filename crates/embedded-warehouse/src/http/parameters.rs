//! What a request says in its URL, its headers and its form.

use std::time::Duration;

use axum::extract::{Multipart, Request as HttpRequest};
use http::{HeaderMap, Method, header};
use tokio::time::timeout;
use url::form_urlencoded;
use uuid::Uuid;

use crate::exception::{Code, Exception};
use crate::request::{AnswerCoding, BodyCoding, Encoding, Request, SessionRequest};
use crate::session::{DEFAULT_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS};

/// Parameters that ClickHouse's HTTP interface understands and this one has no use for.
const IGNORED: [&str; 7] = [
    "quota_key",
    "stacktrace",
    "buffer_size",
    "client_protocol_version",
    "http_zlib_compression_level",
    "framing",
    "handle",
];

/// The fields of a request, sorted by what they are for.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    query: String,
    query_id: String,
    compress: bool,
    decompress: bool,
    http_compression: bool,
    session_id: String,
    session_timeout: Option<String>,
    session_check: bool,
    close_session: bool,
    request: Request,
    left: usize,
}

fn is_true(value: &str) -> bool {
    value == "1" || value.eq_ignore_ascii_case("true")
}

impl Fields {
    /// Reads the fields of the URL.
    ///
    /// # Errors
    ///
    /// Fails when there are too many.
    pub(super) fn of(http: &HttpRequest, most: usize) -> Result<Self, Exception> {
        let mut fields = Self { left: most, ..Self::default() };
        for (name, value) in form_urlencoded::parse(http.uri().query().unwrap_or_default().as_bytes()) {
            fields.add(&name, value.into_owned())?;
        }
        Ok(fields)
    }

    fn add(&mut self, name: &str, value: String) -> Result<(), Exception> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(Exception::new(Code::BAD_ARGUMENTS, "Too many parameters and settings (limits.parameters)"));
        };
        self.left = left;
        match name {
            "" => {}
            "query" => self.query.push_str(&value),
            "query_id" => self.query_id = value,
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            "database" => self.request.database = Some(value),
            "default_format" => self.request.default_format = Some(value),
            "compress" => self.compress = is_true(&value),
            "decompress" => self.decompress = is_true(&value),
            "enable_http_compression" => self.http_compression = is_true(&value),
            "wait_end_of_query" => self.request.whole_answer |= is_true(&value),
            "session_id" => self.session_id = value,
            "session_timeout" => self.session_timeout = Some(value),
            "session_check" => self.session_check = is_true(&value),
            "close_session" => self.close_session = is_true(&value),
            "role" if value.is_empty() => {}
            "role" => return Err(Exception::new(Code::UNKNOWN_ROLE, format!("There is no role {value:?}"))),
            name if IGNORED.contains(&name) => {}
            name => match name.strip_prefix("param_") {
                Some(parameter) => self.request.parameters.push(parameter.to_owned(), value),
                None => self.add_setting(name, value),
            },
        }
        Ok(())
    }

    fn add_setting(&mut self, name: &str, value: String) {
        // Both make one document of any format.
        self.request.whole_answer |= matches!(name, "extremes" | "output_format_json_array_of_rows") && is_true(&value);
        self.request.settings.push((name.to_owned(), value));
    }

    /// Reads the fields of a form, as the Rust client sends statements with parameters.
    ///
    /// # Errors
    ///
    /// Fails when the form is broken, too large or holds a file, which would be a table of its own.
    pub(super) async fn add_form(
        &mut self,
        mut form: Multipart,
        most_bytes: usize,
        idle: Duration,
    ) -> Result<(), Exception> {
        let broken = |error: &dyn std::fmt::Display| {
            Exception::new(Code::INCORRECT_DATA, format!("Cannot read the form: {error}"))
        };
        let slow =
            || Exception::new(Code::SOCKET_TIMEOUT, "Timeout exceeded while reading the form (limits.idle_seconds)");
        let mut size = 0;
        while let Some(mut field) =
            timeout(idle, form.next_field()).await.map_err(|_| slow())?.map_err(|error| broken(&error))?
        {
            if field.file_name().is_some() {
                return Err(Exception::new(
                    Code::NOT_IMPLEMENTED,
                    "External tables (files in a form) are not supported",
                ));
            }
            let name = field.name().unwrap_or_default().to_owned();
            let mut value = Vec::new();
            while let Some(chunk) =
                timeout(idle, field.chunk()).await.map_err(|_| slow())?.map_err(|error| broken(&error))?
            {
                size += chunk.len();
                if size > most_bytes {
                    return Err(Exception::new(Code::QUERY_IS_TOO_LARGE, "The form is longer than limits.query_bytes"));
                }
                value.extend_from_slice(&chunk);
            }
            let value = String::from_utf8(value).map_err(|error| broken(&error))?;
            self.add(&name, value)?;
        }
        Ok(())
    }

    /// Puts the fields and the headers together.
    ///
    /// # Errors
    ///
    /// Fails when an encoding is unknown or a session's time is not a number within bounds.
    pub(super) fn into_request(self, method: &Method, headers: &HeaderMap) -> Result<Request, Exception> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let session = self.session()?;
        let mut request = self.request;
        request.session = session;
        request.query = self.query;
        request.query_id = if self.query_id.is_empty() { Uuid::now_v7().to_string() } else { self.query_id };
        request.read_only = !matches!(*method, Method::POST | Method::PUT);
        request.database = request.database.or_else(|| text("x-clickhouse-database"));
        let format = request.default_format.take().filter(|format| !format.is_empty());
        request.default_format = format.or_else(|| text("x-clickhouse-format"));
        request.body_coding = BodyCoding { encoding: content_encoding(headers)?, native_blocks: self.decompress };
        let accepted = text(header::ACCEPT_ENCODING.as_str()).unwrap_or_default();
        request.answer_coding = match accepted_encoding(&accepted) {
            _ if self.compress => AnswerCoding::NativeBlocks,
            Some(encoding) if self.http_compression => AnswerCoding::Encoded(encoding),
            _ => AnswerCoding::Plain,
        };
        Ok(request)
    }

    fn session(&self) -> Result<Option<SessionRequest>, Exception> {
        if self.session_id.is_empty() {
            return Ok(None);
        }
        let timeout_seconds = match &self.session_timeout {
            None => DEFAULT_TIMEOUT_SECONDS,
            Some(text) => text.parse().ok().filter(|seconds| *seconds <= MAX_TIMEOUT_SECONDS).ok_or_else(|| {
                let text = format!("Session timeout {text:?} is not a number of seconds up to {MAX_TIMEOUT_SECONDS}");
                Exception::new(Code::INVALID_SESSION_TIMEOUT, text)
            })?,
        };
        Ok(Some(SessionRequest {
            id: self.session_id.clone(),
            timeout_seconds,
            must_exist: self.session_check,
            close: self.close_session,
        }))
    }
}

fn content_encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Exception> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
    let name = String::from_utf8_lossy(value.as_bytes());
    if name.is_empty() || name.eq_ignore_ascii_case("identity") {
        return Ok(None);
    }
    let unknown = || Exception::new(Code::NOT_IMPLEMENTED, format!("Unknown Content-Encoding {name:?}"));
    Encoding::parse(&name).map(Some).ok_or_else(unknown)
}

/// Picks the best encoding that a client accepts.
fn accepted_encoding(accepted: &str) -> Option<Encoding> {
    let accepts = |encoding: &Encoding| {
        accepted.split(',').any(|part| {
            let (name, quality) = part.split_once(';').unwrap_or((part, ""));
            Encoding::parse(name) == Some(*encoding) && quality.replace(' ', "") != "q=0"
        })
    };
    Encoding::ALL.into_iter().find(accepts)
}
