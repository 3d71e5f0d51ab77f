//! Who is on the other side of a connection.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// Names shown of a certificate, and characters of each: it may bear any number, of any length.
const SHOWN: (usize, usize) = (4, 128);

/// The names of a certificate whose authority and validity the handshake has checked: its URIs and its DNS names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    names: Arc<[String]>,
}

impl Caller {
    /// Reads the names of the caller's certificate, the first of its chain; one that cannot be read bears none.
    pub(crate) fn of(chain: Option<&[CertificateDer<'_>]>) -> Self {
        let parsed = chain.and_then(<[_]>::first).and_then(|certificate| EndEntityCert::try_from(certificate).ok());
        let names: Option<Vec<String>> = parsed.map(|certificate| {
            certificate.valid_uri_names().chain(certificate.valid_dns_names()).map(ToOwned::to_owned).collect()
        });
        Self { names: names.unwrap_or_default().into() }
    }

    /// Tells whether one of its names is one of these, to the letter.
    pub(crate) fn is_one_of(&self, names: &[String]) -> bool {
        self.names.iter().any(|name| names.contains(name))
    }
}

/// Every name as text that breaks no line and is no longer than it is worth.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.names.is_empty() {
            return f.write_str("a certificate without a URI or a DNS name");
        }
        for (number, name) in self.names.iter().take(SHOWN.0).enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            let short: String = name.chars().take(SHOWN.1).collect();
            write!(f, "{separator}{}", short.escape_default())?;
        }
        if self.names.len() > SHOWN.0 {
            write!(f, " and {} more", self.names.len() - SHOWN.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(names: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    fn dns(text: &str) -> SanType {
        SanType::DnsName(text.try_into().unwrap())
    }

    #[test]
    fn a_caller_is_known_by_uri_and_dns_name_to_the_letter() {
        let chain = [certificate(vec![uri("spiffe://champion/monitor"), dns("dashboard.internal")])];
        let caller = Caller::of(Some(&chain));
        for name in ["spiffe://champion/monitor", "dashboard.internal"] {
            assert!(caller.is_one_of(&[name.to_owned()]), "{name}");
        }
        for name in ["spiffe://champion/monito", "spiffe://champion/monitor/", "Dashboard.internal", "internal", ""] {
            assert!(!caller.is_one_of(&[name.to_owned()]), "{name}");
        }
        assert_eq!(caller.to_string(), "spiffe://champion/monitor, dashboard.internal");
    }

    #[test]
    fn a_certificate_that_bears_nothing_is_nobody() {
        for chain in [vec![], vec![certificate(Vec::new())], vec![CertificateDer::from(vec![1, 2, 3])]] {
            let caller = Caller::of(Some(&chain));
            assert!(!caller.is_one_of(&["spiffe://champion/operator".to_owned(), String::new()]));
            assert!(caller.to_string().contains("without"));
        }
        assert!(!Caller::of(None).is_one_of(&[String::new()]));
    }

    #[test]
    fn a_name_made_to_break_a_log_line_is_shown_on_one() {
        let names = (0..9).map(|number| uri(&format!("spiffe://a\n\u{1b}[2J{}{number}", "x".repeat(4_000))));
        let shown = Caller::of(Some(&[certificate(names.collect())])).to_string();
        assert!(shown.len() < 1_000 && shown.contains("and 5 more"), "{shown}");
        assert!(!shown.contains(['\n', '\u{1b}']), "{shown}");
    }
}
