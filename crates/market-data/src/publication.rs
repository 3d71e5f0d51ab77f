//! Where an exchange publishes a dataset for a date, and in which era's format (domain §3).

use crate::closed_set::closed_set;
use crate::{Dataset, TradeDate};

closed_set! {
    /// The format of a file; it follows from dataset and date.
    Era, "era" {
        /// Legacy bhavcopy without trades and ISIN, 1994-11-03 to 2011-06-21 (L1).
        LegacyL1 => "legacy_l1",
        /// Legacy bhavcopy with trades and ISIN, 2011-06-22 to 2024-07-05 (L2).
        LegacyL2 => "legacy_l2",
        /// Unified Distilled File Format: official from 2024-07-08, back-filled from 2024-01-01.
        Udiff => "udiff",
        /// `sec_bhavdata_full`, from 2019-09-30.
        Full => "full",
        /// The site's API JSON of corporate actions.
        ApiJson => "api_json",
        /// The site's CSV download of corporate actions.
        ApiCsv => "api_csv",
    }
}

/// One report of one date: whom to ask for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The format the answer is expected in.
    pub era: Era,
    /// The host, without scheme.
    pub host: &'static str,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// The file's name, for humans and for the raw store's extension.
    pub file_name: String,
    /// The human page that the exchange expects as `Referer`.
    pub referer: &'static str,
    /// Whether the host is the cookie-guarded API.
    pub needs_session: bool,
}

/// The static file archive.
pub(crate) const ARCHIVE_HOST: &str = "nsearchives.nseindia.com";
/// The site with the JSON API.
pub(crate) const SITE_HOST: &str = "www.nseindia.com";

impl Dataset {
    /// Returns the first trade date the exchange serves in any era.
    #[must_use]
    pub fn first_date(self) -> TradeDate {
        let (year, month, day) = match self {
            Self::Bhavcopy => (1994, 11, 3),
            Self::FullBhavcopy => (2019, 9, 30),
            Self::CorporateActions => (2001, 1, 1),
        };
        TradeDate::from_ymd(year, month, day).expect("a fixed date")
    }

    /// Returns where the report of a date is found.
    ///
    /// The bhavcopy is taken in the legacy form up to 2024-07-05 and as UDiFF from 2024-07-08 (domain §3); days between
    /// are a weekend and count as UDiFF.
    #[must_use]
    pub fn report(self, date: TradeDate) -> Report {
        match self {
            Self::Bhavcopy if date < udiff_cut_over() => legacy_bhavcopy(date),
            Self::Bhavcopy => udiff_bhavcopy(date),
            Self::FullBhavcopy => {
                let file_name = format!("sec_bhavdata_full_{}.csv", date.format("%d%m%Y"));
                archive(Era::Full, format!("/products/content/{file_name}"), file_name)
            }
            Self::CorporateActions => {
                let day = date.format("%d-%m-%Y");
                Report {
                    era: Era::ApiJson,
                    host: SITE_HOST,
                    path: format!("/api/corporates-corporateActions?index=equities&from_date={day}&to_date={day}"),
                    file_name: format!("corporate_actions_{date}.json"),
                    referer: "https://www.nseindia.com/companies-listing/corporate-filings-actions",
                    needs_session: true,
                }
            }
        }
    }

    /// Returns every report that holds this dataset for a date, the preferred one first: for 2024-01-01 to 2024-07-05
    /// the bhavcopy exists in both forms.
    #[must_use]
    pub fn reports(self, date: TradeDate) -> Vec<Report> {
        let mut reports = vec![self.report(date)];
        if self == Self::Bhavcopy && date >= udiff_back_fill() && date < udiff_cut_over() {
            reports.push(udiff_bhavcopy(date));
        }
        reports
    }
}

fn udiff_cut_over() -> TradeDate {
    TradeDate::from_ymd(2024, 7, 6).expect("a fixed date")
}

fn udiff_back_fill() -> TradeDate {
    TradeDate::from_ymd(2024, 1, 1).expect("a fixed date")
}

fn legacy_l2_start() -> TradeDate {
    TradeDate::from_ymd(2011, 6, 22).expect("a fixed date")
}

fn legacy_bhavcopy(date: TradeDate) -> Report {
    let era = if date < legacy_l2_start() { Era::LegacyL1 } else { Era::LegacyL2 };
    let month = date.format("%b").to_uppercase();
    let file_name = format!("cm{}{month}{}bhav.csv.zip", date.format("%d"), date.format("%Y"));
    archive(era, format!("/content/historical/EQUITIES/{}/{month}/{file_name}", date.format("%Y")), file_name)
}

fn udiff_bhavcopy(date: TradeDate) -> Report {
    let file_name = format!("BhavCopy_NSE_CM_0_0_0_{}_F_0000.csv.zip", date.format("%Y%m%d"));
    archive(Era::Udiff, format!("/content/cm/{file_name}"), file_name)
}

fn archive(era: Era, path: String, file_name: String) -> Report {
    Report { era, host: ARCHIVE_HOST, path, file_name, referer: "https://www.nseindia.com/", needs_session: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(date: &str) -> String {
        Dataset::Bhavcopy.report(date.parse().expect("a date")).path
    }

    #[test]
    fn the_last_legacy_day_and_the_first_udiff_day_have_their_own_urls() {
        assert_eq!(path("2024-07-05"), "/content/historical/EQUITIES/2024/JUL/cm05JUL2024bhav.csv.zip");
        assert_eq!(path("2024-07-08"), "/content/cm/BhavCopy_NSE_CM_0_0_0_20240708_F_0000.csv.zip");
    }

    #[test]
    fn the_legacy_era_changes_on_2011_06_22() {
        let era = |date: &str| Dataset::Bhavcopy.report(date.parse().expect("a date")).era;
        assert_eq!(era("2011-06-21"), Era::LegacyL1);
        assert_eq!(era("2011-06-22"), Era::LegacyL2);
    }

    #[test]
    fn the_overlap_of_2024_offers_both_forms_and_2023_only_the_legacy_one() {
        let eras = |date: &str| -> Vec<Era> {
            Dataset::Bhavcopy.reports(date.parse().expect("a date")).iter().map(|report| report.era).collect()
        };
        assert_eq!(eras("2023-12-29"), [Era::LegacyL2]);
        assert_eq!(eras("2024-01-02"), [Era::LegacyL2, Era::Udiff]);
        assert_eq!(eras("2024-07-05"), [Era::LegacyL2, Era::Udiff]);
        assert_eq!(eras("2024-07-08"), [Era::Udiff]);
    }
}
