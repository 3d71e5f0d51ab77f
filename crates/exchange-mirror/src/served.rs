//! A file as an exchange serves it: bytes with the facts of its headers.

use bytes::Bytes;
use chrono::{DateTime, Utc};

/// A file with what its headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The body.
    pub bytes: Bytes,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// Value of `Last-Modified`; whole seconds. The API has none.
    pub modified: Option<DateTime<Utc>>,
    /// Value of `ETag`, with its quotes.
    pub etag: String,
}

impl Served {
    /// Describes a body; the tag follows from its content.
    #[must_use]
    pub fn new(bytes: Bytes, content_type: &'static str, modified: Option<DateTime<Utc>>) -> Self {
        let etag = format!("\"{:016x}\"", fnv1a(&bytes));
        Self { bytes, content_type, modified, etag }
    }

    /// Returns the date as HTTP writes it.
    #[must_use]
    pub fn last_modified(&self) -> Option<String> {
        self.modified.map(http_date)
    }
}

/// Writes an instant as HTTP does: `Mon, 24 Feb 2025 12:05:00 GMT`.
pub(crate) fn http_date(instant: DateTime<Utc>) -> String {
    instant.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Returns the content type of a file name.
pub(crate) fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "zip" => "application/zip",
        "csv" => "text/csv",
        "json" => "application/json; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "gz" => "application/x-gzip",
        _ => "application/octet-stream",
    }
}

/// FNV-1a with 64 bits: a tag needs to differ when content does, not to withstand an attacker.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_follows_the_content() {
        let of = |text: &'static str| Served::new(Bytes::from_static(text.as_bytes()), "text/csv", None).etag;
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
    }

    #[test]
    fn dates_are_written_as_http_does() {
        let instant = "2025-02-24T12:05:00Z".parse().expect("an instant");
        assert_eq!(http_date(instant), "Mon, 24 Feb 2025 12:05:00 GMT");
    }
}
