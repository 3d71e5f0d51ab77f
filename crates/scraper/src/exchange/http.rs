//! One HTTP request: the only place of the scraper that touches the network.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use champion_retry::Deadline;
use champion_telemetry::semconv;
use reqwest::header::{
    ACCEPT, ACCEPT_LANGUAGE, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, REFERER,
};
use reqwest::{Client, Response};
use tokio::time::{Instant, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

use super::address::Address;
use super::egress::{PublicOnly, same_origin};
use super::session::Cookies;
use crate::Error;
use crate::config::{LimitsConfig, SourceConfig, seconds};
use crate::received::{Answer, Failure, FailureKind, HeaderFacts, Received};

/// The client of one source.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    /// For base URLs and the mirror: any address.
    configured: Client,
    /// For the exchange itself: https and public addresses only.
    public: Option<Client>,
    max_body_bytes: usize,
    progress_window: Duration,
    progress_min_bytes: usize,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Get<'a> {
    pub(crate) address: &'a Address,
    pub(crate) referer: &'static str,
    /// The headers of an earlier answer, when only a changed one is wanted.
    pub(crate) known: Option<&'a HeaderFacts>,
    /// 0 for the first attempt.
    pub(crate) resend_count: u32,
    pub(crate) deadline: Deadline,
}

impl HttpClient {
    pub(crate) fn new(
        source: &SourceConfig,
        limits: &LimitsConfig,
        cookies: Option<Arc<Cookies>>,
    ) -> Result<Self, Error> {
        let build = |public: bool| -> Result<Client, Error> {
            let mut builder = Client::builder()
                .default_headers(customary_headers(source)?)
                .user_agent(header_value("source.user_agent", &source.user_agent)?)
                .connect_timeout(seconds(limits.connect_seconds))
                .redirect(same_origin(source.max_redirects, public))
                // A proxy would resolve names for us, past the check of addresses.
                .no_proxy();
            if let Some(cookies) = &cookies {
                builder = builder.cookie_provider(Arc::clone(cookies));
            }
            if public {
                builder = builder.https_only(true).dns_resolver(Arc::new(PublicOnly));
            }
            Ok(builder.build()?)
        };
        Ok(Self {
            configured: build(false)?,
            public: if source.allow_network { Some(build(true)?) } else { None },
            max_body_bytes: source.max_body_bytes,
            progress_window: seconds(limits.progress_window_seconds),
            progress_min_bytes: limits.progress_min_bytes,
        })
    }

    /// Makes one request under its own span and returns what it brought, whatever that is.
    pub(crate) async fn get(&self, get: Get<'_>) -> Received {
        let url = &get.address.url;
        let span = info_span!(
            "GET",
            otel.kind = "client",
            otel.status_code = Empty,
            { semconv::HTTP_REQUEST_METHOD } = "GET",
            { semconv::URL_FULL } = %url,
            { semconv::SERVER_ADDRESS } = url.host_str().unwrap_or_default(),
            { semconv::SERVER_PORT } = url.port_or_known_default().map(i64::from),
            { semconv::HTTP_REQUEST_RESEND_COUNT } = (get.resend_count > 0).then_some(i64::from(get.resend_count)),
            { semconv::HTTP_RESPONSE_STATUS_CODE } = Empty,
            { semconv::ERROR_TYPE } = Empty,
        );
        let received = match self.exchange(get).instrument(span.clone()).await {
            Ok(answer) => Received::Answer(answer),
            Err(failure) => Received::Failure(failure),
        };
        describe(&span, &received);
        received
    }

    async fn exchange(&self, get: Get<'_>) -> Result<Answer, Failure> {
        let client = match (&self.public, get.address.public) {
            (Some(public), true) => public,
            (None, true) => return Err(failure(FailureKind::NoAnswer, "the network is not allowed")),
            (_, false) => &self.configured,
        };
        let deadline = Instant::from_std(get.deadline.instant());
        let mut request = client.get(get.address.url.clone()).header(REFERER, get.referer);
        if let Some(known) = get.known {
            request = request.headers(conditions(known));
        }
        let request = request.send();
        let first_byte = (Instant::now() + self.progress_window).min(deadline);
        let response = match timeout_at(first_byte, request).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(before_answer(error)),
            Err(_) => return Err(self.stalled(0)),
        };
        let status = response.status().as_u16();
        let headers = facts_of(response.headers());
        let body = self.read(response, deadline).await?;
        Ok(Answer { status, headers, body })
    }

    /// Reads the body under the progress timeout: in each window some bytes have to come.
    async fn read(&self, mut response: Response, deadline: Instant) -> Result<Bytes, Failure> {
        let mut body = BytesMut::new();
        let mut window_ends = Instant::now() + self.progress_window;
        let mut in_window = 0;
        loop {
            let chunk = match timeout_at(window_ends.min(deadline), response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(body.freeze()),
                Ok(Err(error)) => {
                    let detail =
                        format!("the body broke off after {} bytes: {}", body.len(), chain(&error.without_url()));
                    return Err(failure(FailureKind::BrokenBody, detail));
                }
                Err(_) => return Err(self.stalled(body.len())),
            };
            if body.len() + chunk.len() > self.max_body_bytes {
                let detail = format!("the body is longer than {} bytes", self.max_body_bytes);
                return Err(failure(FailureKind::TooLong, detail));
            }
            body.extend_from_slice(&chunk);
            in_window += chunk.len();
            if in_window >= self.progress_min_bytes {
                in_window = 0;
                window_ends = Instant::now() + self.progress_window;
            }
        }
    }

    fn stalled(&self, received: usize) -> Failure {
        let detail = format!(
            "fewer than {} bytes in {:.1} s or the deadline reached, {received} bytes in all",
            self.progress_min_bytes,
            self.progress_window.as_secs_f64()
        );
        failure(FailureKind::Stalled, detail)
    }
}

impl FailureKind {
    /// Returns the value of `error.type`.
    const fn as_str(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::Certificate => "certificate",
            Self::Stalled => "timeout",
            Self::BrokenBody => "broken_body",
            Self::TooLong => "body_too_long",
            Self::Redirect => "redirect_refused",
        }
    }
}

fn describe(span: &Span, received: &Received) {
    match received {
        Received::Answer(answer) => {
            span.record(semconv::HTTP_RESPONSE_STATUS_CODE, i64::from(answer.status));
            if answer.status >= 400 {
                span.record(semconv::ERROR_TYPE, answer.status.to_string());
                span.record("otel.status_code", "ERROR");
            }
        }
        Received::Failure(failure) => {
            span.record(semconv::ERROR_TYPE, failure.kind.as_str());
            span.record("otel.status_code", "ERROR");
        }
    }
}

/// Headers a browser sends and the exchange expects; `Accept-Encoding` comes from the client, which names what it decodes.
fn customary_headers(source: &SourceConfig) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_LANGUAGE, header_value("source.accept_language", &source.accept_language)?);
    Ok(headers)
}

/// Asks for the file only in case it is another than before; `If-None-Match` outweighs the date (RFC 9110, 13.2.2).
fn conditions(known: &HeaderFacts) -> HeaderMap {
    let validators = [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.last_modified)];
    let valid = validators.into_iter().filter_map(|(name, text)| {
        let value = HeaderValue::from_str(text.as_deref()?).ok()?;
        Some((name, value))
    });
    valid.collect()
}

fn header_value(key: &'static str, text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|error| Error::Config { key, reason: error.to_string() })
}

fn facts_of(headers: &HeaderMap) -> HeaderFacts {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    HeaderFacts {
        content_type: text(reqwest::header::CONTENT_TYPE),
        content_length: text(reqwest::header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        last_modified: text(reqwest::header::LAST_MODIFIED),
        etag: text(reqwest::header::ETAG),
        date: text(reqwest::header::DATE),
        retry_after: text(reqwest::header::RETRY_AFTER),
    }
}

/// Names a request that broke off before the answer began.
fn before_answer(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let kind = if error.is_redirect() {
        FailureKind::Redirect
    } else if certificate_is_refused(&error) {
        FailureKind::Certificate
    } else {
        FailureKind::NoAnswer
    };
    failure(kind, chain(&error))
}

fn certificate_is_refused(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return true;
        }
        // An I/O error does not give what it wraps as its source.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if wrapped.is_some_and(|wrapped| certificate_is_refused(wrapped)) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Writes an error and its causes in one line.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn failure(kind: FailureKind, detail: impl Into<String>) -> Failure {
    Failure { kind, detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listener that must see nobody, and a client of the exchange itself asked for a URL on that port.
    async fn asked_in_public(url: impl FnOnce(u16) -> String) -> (Received, bool) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = url(listener.local_addr().expect("bound").port());
        let mut config = crate::Config::defaults().expect("the defaults load");
        config.source.allow_network = true;
        let client = HttpClient::new(&config.source, &config.limits, None).expect("a client");
        let address = Address { url: url.parse().expect("a URL"), public: true };
        let deadline = Deadline::after(std::time::Instant::now(), Duration::from_secs(5));
        let get = Get { address: &address, referer: "https://x/", known: None, resend_count: 0, deadline };
        let received = client.get(get).await;
        let connected = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await.is_ok();
        (received, connected)
    }

    #[tokio::test]
    async fn promise_28_a_name_that_resolves_to_a_private_address_is_refused_before_connecting() {
        let (received, connected) = asked_in_public(|port| format!("https://localhost:{port}/report.csv")).await;
        assert!(matches!(&received, Received::Failure(failure) if failure.detail.contains("private")), "{received:?}");
        assert!(!connected);
    }

    #[tokio::test]
    async fn promise_28_the_exchange_itself_is_never_asked_without_tls() {
        let (received, connected) = asked_in_public(|port| format!("http://localhost:{port}/report.csv")).await;
        assert!(matches!(received, Received::Failure(_)), "{received:?}");
        assert!(!connected);
    }

    #[test]
    fn a_refused_certificate_is_told_from_a_broken_handshake() {
        let wrap = |error: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        let expired = wrap(rustls::Error::InvalidCertificate(rustls::CertificateError::Expired));
        assert!(certificate_is_refused(&expired));
        assert!(certificate_is_refused(&io::Error::other(expired)), "wrapped once more");
        assert!(!certificate_is_refused(&wrap(rustls::Error::HandshakeNotComplete)));
        assert!(!certificate_is_refused(&io::Error::from(io::ErrorKind::ConnectionReset)));
    }
}
