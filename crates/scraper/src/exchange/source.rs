//! Whom a report is asked from.

use std::fmt;

use champion_market_data::Report;

/// A host of an exchange with its own pace, breaker and session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// NSE's static file archive.
    NseArchive,
    /// NSE's JSON API behind cookies.
    NseApi,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 2] = [Self::NseArchive, Self::NseApi];

    /// Returns the spelling in labels, logs and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NseArchive => "nse_archive",
            Self::NseApi => "nse_api",
        }
    }

    /// Returns the host that is asked, as the exchange names it.
    #[must_use]
    pub const fn host(self) -> &'static str {
        match self {
            Self::NseArchive => "nsearchives.nseindia.com",
            Self::NseApi => "www.nseindia.com",
        }
    }

    /// Returns the source that publishes a report: the API is what needs a session.
    #[must_use]
    pub const fn of(report: &Report) -> Self {
        if report.needs_session { Self::NseApi } else { Self::NseArchive }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use champion_market_data::Dataset;

    use super::*;

    #[test]
    fn every_report_is_published_by_the_host_of_its_source() {
        for dataset in Dataset::ALL {
            for report in dataset.reports("2024-02-26".parse().expect("a date")) {
                assert_eq!(Source::of(&report).host(), report.host, "{dataset}");
            }
        }
    }
}
