//! What stays on this machine.

use std::net::IpAddr;

/// Tells whether an address is reached from this machine only.
pub(crate) fn is_loopback(address: IpAddr) -> bool {
    // `::ffff:127.0.0.1` is 127.0.0.1.
    address.to_canonical().is_loopback()
}

/// Tells whether a URL's host is this machine, without asking anybody: a name other than `localhost` may be anywhere.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    match host.parse() {
        Ok(address) => is_loopback(address),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_all_interfaces_is_beyond_loopback() {
        for host in ["127.0.0.1", "127.9.9.9", "[::1]", "::1", "localhost", "LOCALHOST", "[::ffff:127.0.0.1]"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in [
            "0.0.0.0",
            "[::]",
            "[::ffff:0.0.0.0]",
            "10.0.0.1",
            "parser",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "",
        ] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }
}
