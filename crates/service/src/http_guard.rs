//! What every plain HTTP port asks of a request before anything looks at it: was it meant for this server, and did a page of
//! another site send it?
//!
//! Loopback keeps other machines out, but not the pages that a person's browser shows: a page may send requests to
//! `127.0.0.1` (`Sec-Fetch-Site`, `Origin` say so), and a name of its own may be made to resolve to it, so that it reads the
//! answers as well (`Host` says so). A password in the URL or a cookie is no help against either.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::uri::{Authority, Uri};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use thiserror::Error;

/// The values of `Sec-Fetch-Site` of a request that a person typed, or that a page of this server sent.
const OWN_SITES: [&str; 2] = ["none", "same-origin"];

/// The names of a server, and the methods it takes.
#[derive(Debug, Clone)]
pub struct HttpGuard {
    bound: IpAddr,
    /// Lower case, without a port.
    names: Arc<[String]>,
    any_name: bool,
    methods: &'static [Method],
}

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HttpRefusal {
    /// The method is none that the server takes.
    #[error("the method {0} is not taken here")]
    Method(Method, &'static [Method]),
    /// It does not say for whom it is, or says it several times.
    #[error("the request has no single Host header")]
    NoHost,
    /// It is for another server: a name that somebody lets resolve to this address.
    #[error("the request is for the host {0:?}, which is no name of this server (server.host_names)")]
    Host(String),
    /// A page of another site sent it.
    #[error("requests of web pages from elsewhere are refused (Sec-Fetch-Site: {0})")]
    Site(String),
    /// A page of another origin sent it.
    #[error("requests of web pages from elsewhere are refused (Origin: {0})")]
    Origin(String),
}

impl HttpGuard {
    /// Creates the guard of a port: its names are those of loopback, the address it is bound to and the given ones, without
    /// a port; bound to every address of the machine, every address is one, because none can be made to resolve elsewhere.
    #[must_use]
    pub fn new(bound: SocketAddr, names: &[String], methods: &'static [Method]) -> Self {
        let names = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { bound: bound.ip(), names, any_name: false, methods }
    }

    /// Creates the guard of an admin port.
    ///
    /// On loopback it is as strict as every other: a browser of this machine could be led there. Elsewhere it is scraped by
    /// pod addresses and by names that only the deployment knows, and whoever reaches the network can ask without a
    /// browser: there `Host` is not looked at. What it shows are counts and health; nothing on it changes anything.
    #[must_use]
    pub fn admin(bound: SocketAddr) -> Self {
        let any_name = !bound.ip().to_canonical().is_loopback();
        Self { any_name, ..Self::new(bound, &[], &[Method::GET, Method::HEAD]) }
    }

    /// Checks a request's head.
    ///
    /// # Errors
    ///
    /// Says why the request is not to be looked at.
    pub fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), HttpRefusal> {
        if !self.methods.contains(method) {
            return Err(HttpRefusal::Method(method.clone(), self.methods));
        }
        let host = self.check_host(uri, headers)?;
        for site in headers.get_all("sec-fetch-site") {
            if !OWN_SITES.iter().any(|own| site.as_bytes() == own.as_bytes()) {
                return Err(HttpRefusal::Site(shown(site)));
            }
        }
        for origin in headers.get_all(header::ORIGIN) {
            let given = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
            let given = given.as_ref().and_then(Uri::host).map(str::to_ascii_lowercase);
            if !given.is_some_and(|given| given == host || self.is_name(&given)) {
                return Err(HttpRefusal::Origin(shown(origin)));
            }
        }
        Ok(())
    }

    /// Returns the host a request is for; both places that name one have to name a host of this server.
    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, HttpRefusal> {
        let mut given = headers.get_all(header::HOST).iter();
        if self.any_name && headers.get(header::HOST).is_none() {
            // A health check over HTTP/1.0; no browser leaves the header out.
            return Ok(String::new());
        }
        let (Some(header), None) = (given.next(), given.next()) else { return Err(HttpRefusal::NoHost) };
        let foreign = || HttpRefusal::Host(shown(header));
        let authority: Authority = header.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(foreign)?;
        let host = authority.host().to_ascii_lowercase();
        // A name before an @ is none of a Host header.
        let plain = !authority.as_str().contains('@');
        if !plain || !(self.any_name || self.is_name(&host)) {
            return Err(foreign());
        }
        match uri.host() {
            Some(target) if !target.eq_ignore_ascii_case(&host) => Err(HttpRefusal::Host(target.to_owned())),
            _ => Ok(host),
        }
    }

    fn is_name(&self, host: &str) -> bool {
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match literal.parse::<IpAddr>() {
            Ok(address) => {
                let (address, bound) = (address.to_canonical(), self.bound.to_canonical());
                address.is_loopback() || address == bound || bound.is_unspecified()
            }
            Err(_) => host == "localhost" || self.names.iter().any(|name| name == host),
        }
    }
}

/// A header as an error shows it; a short beginning says enough.
fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).chars().take(100).collect()
}

impl HttpRefusal {
    /// Returns the status to answer with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Method(..) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoHost => StatusCode::BAD_REQUEST,
            Self::Host(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Site(_) | Self::Origin(_) => StatusCode::FORBIDDEN,
        }
    }
}

impl IntoResponse for HttpRefusal {
    fn into_response(self) -> Response {
        let mut response = (self.status(), format!("{self}\n")).into_response();
        if let Self::Method(_, methods) = &self {
            let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
            if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
                response.headers_mut().insert(header::ALLOW, methods);
            }
        }
        response
    }
}

/// Puts a guard before a router: a request it refuses reaches no handler.
pub fn guarded(router: Router, guard: HttpGuard) -> Router {
    router.layer(from_fn_with_state(guard, admit))
}

async fn admit(State(guard): State<HttpGuard>, request: Request, next: Next) -> Response {
    match guard.check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: &[Method] = &[Method::GET, Method::POST];

    fn guard(bound: &str) -> HttpGuard {
        HttpGuard::new(bound.parse().unwrap(), &["Warehouse.example".to_owned()], METHODS)
    }

    fn check(guard: &HttpGuard, uri: &str, headers: &[(&'static str, &str)]) -> Result<(), HttpRefusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        guard.check(&Method::GET, &uri.parse().unwrap(), &map)
    }

    fn status(guard: &HttpGuard, headers: &[(&'static str, &str)]) -> u16 {
        check(guard, "/", headers).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn only_the_servers_names_are_hosts() {
        let guard = guard("127.0.0.1:8123");
        for host in [
            "127.0.0.1",
            "127.0.0.1:8123",
            "127.0.0.2",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8123",
            "warehouse.example:80",
        ] {
            assert_eq!(status(&guard, &[("host", host)]), 200, "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "localhost.",
            "192.168.1.7",
            "localhost@evil.example",
            "evil.example:8123",
            "0.0.0.0",
            "127.1",
            "[::2]",
            "a b",
            "",
        ] {
            assert_eq!(status(&guard, &[("host", host)]), 421, "{host}");
        }
        assert_eq!(status(&guard, &[]), 400);
        assert_eq!(status(&guard, &[("host", "localhost"), ("host", "localhost")]), 400);
        assert_eq!(check(&guard, "http://localhost/", &[("host", "localhost")]), Ok(()));
        let refused = check(&guard, "http://evil.example/", &[("host", "localhost")]);
        assert_eq!(refused, Err(HttpRefusal::Host("evil.example".to_owned())));
    }

    #[test]
    fn on_every_address_of_the_machine_every_address_is_a_name_and_no_name_is() {
        let guard = guard("0.0.0.0:8123");
        assert_eq!(status(&guard, &[("host", "192.168.1.7:8123")]), 200);
        assert_eq!(status(&guard, &[("host", "evil.example")]), 421);
    }

    #[test]
    fn pages_of_other_sites_are_refused_by_what_browsers_say_of_them() {
        let guard = guard("127.0.0.1:8123");
        let with = |name, value| status(&guard, &[("host", "localhost"), (name, value)]);
        for site in ["cross-site", "same-site", "None", "", "none, cross-site"] {
            assert_eq!(with("sec-fetch-site", site), 403, "{site}");
        }
        assert_eq!((with("sec-fetch-site", "none"), with("sec-fetch-site", "same-origin")), (200, 200));
        let twice = [("host", "localhost"), ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
        assert_eq!(status(&guard, &twice), 403);
        for origin in ["https://evil.example", "null", "http://localhost.evil.example", "", "file://"] {
            assert_eq!(with("origin", origin), 403, "{origin}");
        }
        for origin in ["http://localhost:3000", "http://127.0.0.1:8123", "https://warehouse.example"] {
            assert_eq!(with("origin", origin), 200, "{origin}");
        }
    }

    #[test]
    fn an_admin_port_takes_no_method_that_changes_and_knows_its_names_on_loopback_only() {
        let (here, elsewhere) =
            (HttpGuard::admin("127.0.0.1:9101".parse().unwrap()), HttpGuard::admin("0.0.0.0:9090".parse().unwrap()));
        assert_eq!(status(&here, &[("host", "scraper:9090")]), 421);
        assert_eq!(status(&elsewhere, &[("host", "scraper:9090")]), 200);
        assert_eq!((status(&elsewhere, &[]), status(&here, &[])), (200, 400), "a health check over HTTP/1.0");
        assert_eq!(status(&elsewhere, &[("host", "scraper:9090"), ("sec-fetch-site", "cross-site")]), 403);
        let refused = elsewhere.check(&Method::POST, &Uri::from_static("/"), &HeaderMap::new()).unwrap_err();
        assert_eq!(refused.into_response().headers()["allow"], "GET, HEAD");
    }
}
