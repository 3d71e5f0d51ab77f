//! Which exchange host and path a request is for.
//!
//! A request names its host either as the first part of its path (`/nsearchives.nseindia.com/content/…`), which any
//! client can do with a base URL a host, or in the `Host` header, which serves a client whose names are redirected.

use crate::report::percent_decoded;

/// A host that is mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VirtualHost {
    pub(crate) name: &'static str,
    pub(crate) kind: HostKind,
}

/// How a host behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostKind {
    /// Static files; a missing one is 404.
    Archive,
    /// Pages that set the session cookie, and the API that wants it.
    Site,
    /// A site where whatever is unknown is 200 with a page.
    Shell,
    /// BSE's API, which wants a referer.
    BseApi,
}

/// Every mirrored host.
const HOSTS: [VirtualHost; 7] = [
    VirtualHost { name: "nsearchives.nseindia.com", kind: HostKind::Archive },
    VirtualHost { name: "archives.nseindia.com", kind: HostKind::Archive },
    VirtualHost { name: "www.nseindia.com", kind: HostKind::Site },
    VirtualHost { name: "www.bseindia.com", kind: HostKind::Shell },
    VirtualHost { name: "api.bseindia.com", kind: HostKind::BseApi },
    VirtualHost { name: "niftyindices.com", kind: HostKind::Shell },
    VirtualHost { name: "www.niftyindices.com", kind: HostKind::Shell },
];

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: VirtualHost,
    /// Decoded path, beginning with `/`.
    pub(crate) path: String,
    /// Query as it came, without `?`.
    pub(crate) query: String,
}

/// Why a request goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Neither path nor `Host` names a mirrored host.
    UnknownHost,
    /// The path climbs, doubles a slash or holds a byte no path of the exchanges has.
    BadPath,
}

/// Returns the names of every mirrored host.
pub(crate) fn host_names() -> impl Iterator<Item = String> {
    HOSTS.iter().map(|host| host.name.to_owned())
}

impl Target {
    /// Finds the target of a request.
    pub(crate) fn of(host_header: Option<&str>, path: &str, query: Option<&str>) -> Result<Self, Refused> {
        let (first, rest) = path[1.min(path.len())..].split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        let named = |name: &str| HOSTS.iter().find(|host| host.name.eq_ignore_ascii_case(name)).copied();
        let without_port =
            |header: &str| header.rsplit_once(':').map_or(header.to_owned(), |(name, _)| name.to_owned());
        let (host, path) = match named(first) {
            Some(host) => (host, format!("/{rest}")),
            None => {
                let host = host_header.map(without_port).and_then(|name| named(&name)).ok_or(Refused::UnknownHost)?;
                (host, path.to_owned())
            }
        };
        let path = percent_decoded(&path);
        let climbs = path[1..].split('/').any(|part| part == ".." || part == ".");
        if climbs || path.contains("//") || path.contains(['\\', '\0', '\u{fffd}']) {
            return Err(Refused::BadPath);
        }
        Ok(Self { host, path, query: query.unwrap_or_default().to_owned() })
    }

    /// Returns host, path and query as one text, for rules and the log.
    pub(crate) fn full(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{}{}{mark}{}", self.host.name, self.path, self.query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(host: Option<&str>, path: &str) -> Result<String, Refused> {
        Target::of(host, path, None).map(|target| target.full())
    }

    #[test]
    fn the_host_stands_in_the_path_or_in_the_header() {
        let wanted = Ok("www.nseindia.com/api/x".to_owned());
        assert_eq!(full(Some("127.0.0.1:8980"), "/www.nseindia.com/api/x"), wanted);
        assert_eq!(full(Some("WWW.nseindia.com:8980"), "/api/x"), wanted);
        assert_eq!(full(Some("127.0.0.1"), "/www.nseindia.com"), Ok("www.nseindia.com/".to_owned()));
        assert_eq!(full(Some("127.0.0.1:8980"), "/api/x"), Err(Refused::UnknownHost));
        assert_eq!(full(None, "/"), Err(Refused::UnknownHost));
    }

    #[test]
    fn a_path_that_climbs_is_refused_in_every_spelling() {
        for path in ["/../x", "/a/%2e%2e/x", "/a/..%2fx", "/a\\b", "/a//b", "/%00", "/./a", "/%ff"] {
            assert_eq!(full(Some("www.nseindia.com"), path), Err(Refused::BadPath), "{path}");
        }
    }
}
