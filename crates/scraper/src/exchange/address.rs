//! From a report to the URL that is really asked.

use std::collections::BTreeMap;

use url::Url;

use crate::FetchError;
use crate::config::SourceConfig;

/// Where each host is to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    allow_network: bool,
    mirror: String,
    base_urls: BTreeMap<String, String>,
}

/// A URL and how far it is to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// What is asked.
    pub(crate) url: Url,
    /// Whether it is the exchange itself: then no private address may answer for it.
    pub(crate) public: bool,
}

impl Addresses {
    pub(crate) fn new(config: &SourceConfig) -> Self {
        let trimmed = |url: &str| url.trim_end_matches('/').to_owned();
        Self {
            allow_network: config.allow_network,
            mirror: trimmed(&config.mirror),
            base_urls: config.base_urls.iter().map(|(host, base)| (host.clone(), trimmed(base))).collect(),
        }
    }

    /// Returns where to ask a host for a path: its base URL, else the exchange if that is allowed, else the mirror.
    ///
    /// # Errors
    /// [`FetchError::NoSource`] when nothing is configured, [`FetchError::Invalid`] when the result is no URL.
    pub(crate) fn resolve(&self, host: &'static str, path: &str) -> Result<Address, FetchError> {
        let base = self.base_urls.get(host).filter(|base| !base.is_empty());
        let (text, public) = match base {
            Some(base) => (format!("{base}{path}"), false),
            None if self.allow_network => (format!("https://{host}{path}"), true),
            None if !self.mirror.is_empty() => (format!("{}/{host}{path}", self.mirror), false),
            None => return Err(FetchError::NoSource { host }),
        };
        match Url::parse(&text) {
            Ok(url) => Ok(Address { url, public }),
            Err(error) => Err(FetchError::Invalid(format!("{text}: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "nsearchives.nseindia.com";

    fn addresses(allow_network: bool, mirror: &str, base: &str) -> Addresses {
        let base_urls = BTreeMap::from([(HOST.to_owned(), base.to_owned())]);
        Addresses { allow_network, mirror: mirror.to_owned(), base_urls }
    }

    fn url(addresses: &Addresses) -> Option<(String, bool)> {
        addresses.resolve(HOST, "/content/x.zip").ok().map(|address| (address.url.to_string(), address.public))
    }

    #[test]
    fn a_base_url_wins_over_the_exchange_and_the_exchange_over_the_mirror() {
        let feed = "http://127.0.0.1:1/feed";
        let expected = |url: &str, public| Some((url.to_owned(), public));
        assert_eq!(url(&addresses(true, "http://m", feed)), expected("http://127.0.0.1:1/feed/content/x.zip", false));
        assert_eq!(url(&addresses(true, "http://m", "")), expected(&format!("https://{HOST}/content/x.zip"), true));
        assert_eq!(url(&addresses(false, "http://m", "")), expected(&format!("http://m/{HOST}/content/x.zip"), false));
    }

    #[test]
    fn without_leave_and_without_mirror_nobody_is_asked() {
        let error = addresses(false, "", "").resolve(HOST, "/x").expect_err("nothing configured");
        assert!(error.to_string().contains("source.allow_network"), "{error}");
    }
}
