//! An HTTP answer as data, so that it can be sent by the server or, spoilt, past it.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use crate::served::Served;

/// Status, headers and body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Creates an answer with a body of a type.
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Self { status, headers, body: body.into() }
    }

    /// Creates an HTML page.
    pub(crate) fn html(status: StatusCode, page: impl Into<Bytes>) -> Self {
        Self::new(status, "text/html; charset=utf-8", page)
    }

    /// Creates the answer to a control request.
    pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", value.to_string())
    }

    /// Adds a header; a value HTTP does not allow is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Answers with a file, or 304 when the client's copy is the same.
    pub(crate) fn file(served: Served, request: &HeaderMap) -> Self {
        let unchanged = is_unchanged(&served, request);
        let mut answer = if unchanged {
            Self { status: StatusCode::NOT_MODIFIED, headers: Vec::new(), body: Bytes::new() }
        } else {
            Self::new(StatusCode::OK, served.content_type, served.bytes.clone())
        };
        answer = answer.with(header::ETAG, &served.etag);
        match served.last_modified() {
            Some(date) => answer.with(header::LAST_MODIFIED, &date),
            None => answer,
        }
    }

    /// Renders the head as it stands on the wire, with a framing header of the caller's choice.
    pub(crate) fn raw_head(&self, framing: &str) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(framing.as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        head
    }

    /// Renders the answer for the server; `HEAD` gets the headers alone.
    pub(crate) fn into_http(self, method: &Method) -> Response {
        let mut response = if method == Method::HEAD {
            Body::empty().into_response()
        } else {
            Body::from(self.body.clone()).into_response()
        };
        *response.status_mut() = self.status;
        response.headers_mut().clear();
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        if self.status != StatusCode::NOT_MODIFIED {
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        response
    }
}

/// Decides a conditional request; `If-None-Match` outweighs `If-Modified-Since` (RFC 9110, 13.1.3).
fn is_unchanged(served: &Served, request: &HeaderMap) -> bool {
    let text = |name: HeaderName| request.get(name).and_then(|value| value.to_str().ok());
    if let Some(tags) = text(header::IF_NONE_MATCH) {
        let same = |tag: &str| tag == "*" || tag.trim_start_matches("W/") == served.etag;
        return tags.split(',').any(|tag| same(tag.trim()));
    }
    let Some(modified) = served.modified else { return false };
    text(header::IF_MODIFIED_SINCE)
        .and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok())
        .is_some_and(|since| modified <= since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: HeaderName, value: &str) -> StatusCode {
        let modified = "2025-02-24T12:05:00Z".parse().expect("an instant");
        let served = Served::new(Bytes::from_static(b"x"), "text/csv", Some(modified));
        let mut request = HeaderMap::new();
        let value = if value == "same" { &served.etag } else { value };
        request.insert(name, value.parse().expect("a value"));
        Answer::file(served, &request).status
    }

    #[test]
    fn a_copy_that_is_the_same_is_not_sent_again() {
        assert_eq!(status(header::IF_NONE_MATCH, "same"), StatusCode::NOT_MODIFIED);
        assert_eq!(status(header::IF_NONE_MATCH, "\"other\""), StatusCode::OK);
        assert_eq!(status(header::IF_MODIFIED_SINCE, "Mon, 24 Feb 2025 12:05:00 GMT"), StatusCode::NOT_MODIFIED);
        assert_eq!(status(header::IF_MODIFIED_SINCE, "Mon, 24 Feb 2025 12:04:59 GMT"), StatusCode::OK);
        assert_eq!(status(header::IF_MODIFIED_SINCE, "yesterday"), StatusCode::OK);
    }
}
