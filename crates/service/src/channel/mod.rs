//! Channels to other services.

mod deadline;

use std::time::Duration;

use champion_telemetry::grpc::{ClientLayer, ClientService};
use http::Uri;
use thiserror::Error;
use tonic::transport::Endpoint;
use tower::Layer;

pub use deadline::DeadlineChannel;

/// A channel with a deadline, a span, metrics and the trace context on every call; cheap to clone.
pub type ServiceChannel = ClientService<DeadlineChannel>;

/// How a channel behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelOptions {
    /// Longest time until a call's response begins; the caller can set a shorter one with `Request::set_timeout`.
    pub timeout: Duration,
    /// Longest time a connection may take to come up.
    pub connect_timeout: Duration,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(60), connect_timeout: Duration::from_secs(5) }
    }
}

/// A URL that no channel can be made of.
#[derive(Debug, Error)]
#[error("invalid service URL {url}: {reason}")]
pub struct ChannelError {
    /// The URL.
    pub url: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Interval of the pings that find a dead connection before a call has to.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Longest wait for the answer to such a ping.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Port of a URL that names none.
const HTTP_PORT: u16 = 80;

/// Creates a channel that connects at its first call and again whenever the connection is lost; its calls have spans and
/// no metrics.
///
/// # Errors
///
/// Fails when the URL is not `http://host:port`.
pub fn connect_lazy(url: &str, options: &ChannelOptions) -> Result<ServiceChannel, ChannelError> {
    connect_lazy_with(url, options, &ClientLayer::unmeasured())
}

/// Creates a channel like [`connect_lazy`] whose calls are counted; one layer serves all channels of a process.
///
/// # Errors
///
/// Fails when the URL is not `http://host:port`.
pub fn connect_lazy_with(
    url: &str,
    options: &ChannelOptions,
    layer: &ClientLayer,
) -> Result<ServiceChannel, ChannelError> {
    let invalid = |reason: String| ChannelError { url: url.to_owned(), reason };
    let uri: Uri = url.parse().map_err(|error| invalid(format!("{error}")))?;
    let (Some("http"), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return Err(invalid("expected http://host:port".to_owned()));
    };
    let layer = layer.clone().with_target(host, uri.port_u16().unwrap_or(HTTP_PORT));
    let endpoint = Endpoint::from(uri.clone())
        .timeout(options.timeout)
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    Ok(layer.layer(DeadlineChannel::new(endpoint.connect_lazy(), options.timeout)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_scheme_or_host_is_refused_by_name() {
        for url in ["localhost:50051", "https://host:1", "/path", "http://", "not a url"] {
            let error = connect_lazy(url, &ChannelOptions::default()).unwrap_err();
            assert!(error.to_string().contains(url), "{error}");
        }
    }
}
