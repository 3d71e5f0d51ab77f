//! Channels to other services.

mod deadline;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use champion_telemetry::grpc::{ClientLayer, ClientService};
use http::Uri;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tonic::transport::Endpoint;
use tower::Layer;

use crate::ClientTlsConfig;
use crate::loopback::is_loopback_host;
use crate::tls::{Reloading, client};
use deadline::Connections;
pub use deadline::DeadlineChannel;
use tls::{Connector, MovingChannel};

/// A channel with a deadline, a span, metrics and the trace context on every call; cheap to clone.
pub type ServiceChannel = ClientService<DeadlineChannel>;

/// How a channel behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelOptions {
    /// Longest time until a call's response begins; the caller can set a shorter one with `Request::set_timeout`.
    pub timeout: Duration,
    /// Longest time a connection may take to come up.
    pub connect_timeout: Duration,
    /// What `https://` URLs are called with, and whether `http://` ones may lead to other machines.
    pub tls: ClientTlsConfig,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(60), connect_timeout: Duration::from_secs(5), tls: ClientTlsConfig::none() }
    }
}

/// A URL that no channel can be made of, or TLS that cannot be used for it.
#[derive(Debug, Error)]
#[error("no channel to {url}: {reason}")]
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
/// The same behind TLS.
const HTTPS_PORT: u16 = 443;

/// Creates a channel that connects at its first call and again whenever the connection is lost; its calls have spans and
/// no metrics.
///
/// # Errors
///
/// Fails when the URL is neither `http://host:port` nor `https://host:port`, when the files of TLS that the latter needs
/// cannot be used, and when the former leads to another machine and `insecure` is not said.
pub fn connect_lazy(url: &str, options: &ChannelOptions) -> Result<ServiceChannel, ChannelError> {
    connect_lazy_with(url, options, &ClientLayer::unmeasured())
}

/// Creates a channel like [`connect_lazy`] whose calls are counted; one layer serves all channels of a process.
///
/// # Errors
///
/// Fails when the URL is neither `http://host:port` nor `https://host:port`, when the files of TLS that the latter needs
/// cannot be used, and when the former leads to another machine and `insecure` is not said.
pub fn connect_lazy_with(
    url: &str,
    options: &ChannelOptions,
    layer: &ClientLayer,
) -> Result<ServiceChannel, ChannelError> {
    let invalid = |reason: String| ChannelError { url: url.to_owned(), reason };
    let uri: Uri = url.parse().map_err(|error| invalid(format!("{error}")))?;
    let (Some(scheme @ ("http" | "https")), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return Err(invalid("expected http://host:port or https://host:port".to_owned()));
    };
    if scheme == "http" && !options.tls.insecure && !is_loopback_host(host) {
        let remedy =
            "give https:// and the files of [tls], or say [tls] insecure = true (the command: CHAMPION_INSECURE=true)";
        return Err(invalid(format!("calls to another machine would be plain: {remedy}")));
    }
    let port = uri.port_u16().unwrap_or(if scheme == "https" { HTTPS_PORT } else { HTTP_PORT });
    let layer = layer.clone().with_target(host, port);
    let endpoint = Endpoint::from(uri.clone())
        .timeout(options.timeout)
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    let connections = if scheme == "https" {
        let connector = connector(host, &options.tls).map_err(invalid)?;
        let reconnect = Duration::from_secs(options.tls.reconnect_seconds.get());
        Connections::Moving(MovingChannel::new(endpoint, connector, reconnect))
    } else {
        Connections::Plain(endpoint.connect_lazy())
    };
    Ok(layer.layer(DeadlineChannel::new(connections, options.timeout)))
}

fn connector(host: &str, tls: &ClientTlsConfig) -> Result<Connector, String> {
    let files = tls.files.as_ref().ok_or("https needs a certificate, its key and the authorities to trust")?;
    let name = tls.server_name.as_deref().unwrap_or(host).trim_matches(['[', ']']);
    let name = ServerName::try_from(name.to_owned()).map_err(|error| format!("{name}: {error}"))?;
    let config = Reloading::load(files, client).map_err(|error| error.to_string())?;
    Ok(Connector { config: Arc::new(config), name })
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

    #[tokio::test]
    async fn promise_39_a_plain_channel_to_another_machine_is_refused_until_insecure_is_said() {
        let plain = ClientTlsConfig { insecure: true, ..ClientTlsConfig::none() };
        let insecure = ChannelOptions { tls: plain, ..ChannelOptions::default() };
        for url in [
            "http://parser:50052",
            "http://10.0.0.7:1",
            "http://0.0.0.0:1",
            "http://[::]:1",
            "http://localhost.example:1",
        ] {
            let error = connect_lazy(url, &ChannelOptions::default()).unwrap_err().to_string();
            assert!(error.contains(url) && error.contains("https://") && error.contains("insecure = true"), "{error}");
            connect_lazy(url, &insecure).unwrap();
        }
        for url in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
            connect_lazy(url, &ChannelOptions::default()).unwrap();
        }
    }
}
