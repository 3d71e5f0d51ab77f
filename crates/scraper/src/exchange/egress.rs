//! What may be connected to: no other origin by redirect, no private address in place of the exchange.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Attempt, Policy};
use thiserror::Error;
use url::{Host, Url};

/// A redirect that is not followed.
#[derive(Debug, Error)]
pub(crate) enum RedirectRefused {
    /// To another scheme, host or port.
    #[error("a redirect to {0} leaves the origin")]
    OtherOrigin(String),
    /// To a number in place of the exchange's name.
    #[error("a redirect to the address {0}")]
    Address(String),
    /// More than allowed.
    #[error("more than {0} redirects")]
    TooMany(usize),
}

/// A name of the exchange that resolves to no public address.
#[derive(Debug, Error)]
#[error("{0} resolves to private addresses only")]
struct PrivateAddress(String);

/// Follows at most `max` redirects, each within the origin that was asked.
pub(crate) fn same_origin(max: usize, public: bool) -> Policy {
    Policy::custom(move |attempt: Attempt<'_>| {
        let refused = match attempt.previous().first() {
            Some(first) => refuse(first, attempt.url(), public),
            None => None,
        };
        match refused {
            Some(reason) => attempt.error(reason),
            None if attempt.previous().len() > max => attempt.error(RedirectRefused::TooMany(max)),
            None => attempt.follow(),
        }
    })
}

fn refuse(first: &Url, next: &Url, public: bool) -> Option<RedirectRefused> {
    if first.origin() != next.origin() {
        return Some(RedirectRefused::OtherOrigin(next.origin().ascii_serialization()));
    }
    match next.host() {
        Some(Host::Ipv4(_) | Host::Ipv6(_)) if public => Some(RedirectRefused::Address(next.to_string())),
        _ => None,
    }
}

/// Resolves names with the system's resolver and drops every address that is not public.
#[derive(Debug)]
pub(crate) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = found.into_iter().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(PrivateAddress(host).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Tells whether an address is reachable over the internet: not private, loopback, link-local (which holds the clouds'
/// metadata service), shared, documentation, multicast or unspecified.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmarking = a == 198 && (18..20).contains(&b);
    let reserved = a == 0 || a >= 240;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || shared
        || benchmarking
        || reserved)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    let global_unicast = first & 0xe000 == 0x2000;
    let documentation = first == 0x2001 && address.segments()[1] == 0x0db8;
    // 6to4 and NAT64-like embeddings of IPv4 addresses could name a private one.
    let six_to_four = first == 0x2002;
    global_unicast && !documentation && !six_to_four
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_28_no_private_loopback_or_metadata_address_is_public() {
        for address in [
            "10.0.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(address.parse().expect("an address")), "{address}");
        }
        for address in ["23.45.67.89", "2600:1f00::1", "::ffff:23.45.67.89"] {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn promise_28_a_redirect_keeps_scheme_host_and_port() {
        let first = Url::parse("https://nsearchives.nseindia.com/a").expect("a URL");
        let refused = |next: &str| refuse(&first, &Url::parse(next).expect("a URL"), true).is_some();
        assert!(!refused("https://nsearchives.nseindia.com/b"));
        for next in [
            "http://nsearchives.nseindia.com/b",
            "https://nsearchives.nseindia.com:8443/b",
            "https://evil.example/b",
            "https://127.0.0.1/b",
            "https://169.254.169.254/latest/meta-data",
        ] {
            assert!(refused(next), "{next}");
        }
    }
}
