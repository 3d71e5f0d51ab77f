//! Responses with ClickHouse's headers.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::answer::{Answer, AnswerBody, Head};
use crate::exception::{Code, Exception};
use crate::execute::Shared;
use crate::format::media_type;
use crate::pool::CancelOnDrop;
use crate::request::AnswerCoding;

const DISPLAY_NAME: &str = "champion-embedded-warehouse";
const EXPOSED: &str = "X-ClickHouse-Query-Id,X-ClickHouse-Summary,X-ClickHouse-Server-Display-Name,X-ClickHouse-Format,\
                       X-ClickHouse-Timezone,X-ClickHouse-Exception-Code,X-ClickHouse-Exception-Tag";

/// Builds the response of one request.
pub(super) struct Responder<'s> {
    shared: &'s Shared,
    tag: String,
    headers: HeaderMap,
    coding: AnswerCoding,
}

impl<'s> Responder<'s> {
    /// Starts with the headers that every response has.
    pub(super) fn new(shared: &'s Shared, tag: String) -> Self {
        let mut responder = Self { shared, tag, headers: HeaderMap::new(), coding: AnswerCoding::Plain };
        responder.put("x-clickhouse-server-display-name", DISPLAY_NAME);
        responder.put("x-clickhouse-timezone", shared.engine.timezone());
        responder.put("access-control-expose-headers", EXPOSED);
        let tag = responder.tag.clone();
        responder.put("x-clickhouse-exception-tag", &tag);
        responder
    }

    /// Returns the mark of an error inside the answer.
    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    /// Notes the query id, and how the answer is packed.
    pub(super) fn about(&mut self, query_id: &str, coding: AnswerCoding) {
        self.put("x-clickhouse-query-id", query_id);
        self.coding = coding;
    }

    /// A text that cannot stand in a header is left out rather than refused.
    fn put(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }

    /// Builds the response of a statement that worked, or has begun to.
    pub(super) fn answer(&mut self, answer: Answer, cancel: CancelOnDrop) -> Response {
        let Answer { head, body } = answer;
        self.put("x-clickhouse-summary", &summary(&head));
        self.put("x-clickhouse-format", &head.format);
        self.put("content-type", media_type(&head.format));
        if let AnswerCoding::Encoded(encoding) = self.coding {
            self.put("content-encoding", encoding.as_str());
        }
        let streamed = matches!(body, AnswerBody::Stream(..));
        let mut response = Response::new(body.into_body(cancel));
        *response.headers_mut() = std::mem::take(&mut self.headers);
        if streamed {
            // The end of a streamed answer decides whether it is one.
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        response
    }

    /// Builds the response of an error.
    pub(super) fn exception(&mut self, error: &Exception) -> Response {
        self.put("x-clickhouse-exception-code", &error.code().number().to_string());
        self.put("content-type", "text/plain; charset=UTF-8");
        if error.code() == Code::REQUIRED_PASSWORD {
            self.put("www-authenticate", "Basic realm=\"ClickHouse server HTTP API\"");
        }
        let mut response = Response::new(Body::from(error.body(self.shared.engine.version())));
        *response.status_mut() = error.code().status();
        *response.headers_mut() = std::mem::take(&mut self.headers);
        response
    }
}

/// ClickHouse's summary: a JSON object whose numbers are texts.
fn summary(head: &Head) -> String {
    let counts = &head.counts;
    format!(
        "{{\"read_rows\":\"{}\",\"read_bytes\":\"{}\",\"written_rows\":\"{}\",\"written_bytes\":\"{}\",\
         \"total_rows_to_read\":\"0\",\"result_rows\":\"{}\",\"result_bytes\":\"{}\",\"elapsed_ns\":\"{}\"}}",
        counts.read_rows,
        counts.read_bytes,
        counts.written_rows,
        counts.written_bytes,
        counts.result_rows,
        counts.result_bytes,
        head.elapsed.as_nanos(),
    )
}
