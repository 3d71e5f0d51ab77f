//! Which report a URL asks for: the address scheme read backwards.

use champion_market_data::{Dataset, Era, TradeDate};
use chrono::NaiveDate;

/// The file archive.
pub(crate) const ARCHIVE_HOST: &str = "nsearchives.nseindia.com";
/// The site with the API.
pub(crate) const SITE_HOST: &str = "www.nseindia.com";
/// Path of the corporate-action API.
pub(crate) const ACTIONS_PATH: &str = "/api/corporates-corporateActions";
/// Path of the holiday API.
pub(crate) const HOLIDAYS_PATH: &str = "/api/holiday-master";

/// A dated file of a known dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DatedFile {
    pub(crate) dataset: Dataset,
    pub(crate) date: TradeDate,
    pub(crate) era: Era,
}

/// Reads a path of the archive as a dated file. Paths the exchange never served (UDiFF before 2024-01-01, legacy after
/// 2024-07-05) are none.
pub(crate) fn dated_file(host: &str, path: &str) -> Option<DatedFile> {
    if host != ARCHIVE_HOST {
        return None;
    }
    let file = path.rsplit('/').next()?;
    let (dataset, date) = [
        (Dataset::Bhavcopy, "BhavCopy_NSE_CM_0_0_0_", "_F_0000.csv.zip", "%Y%m%d"),
        (Dataset::Bhavcopy, "cm", "bhav.csv.zip", "%d%b%Y"),
        (Dataset::FullBhavcopy, "sec_bhavdata_full_", ".csv", "%d%m%Y"),
    ]
    .into_iter()
    .find_map(|(dataset, prefix, suffix, format)| {
        let text = file.strip_prefix(prefix)?.strip_suffix(suffix)?;
        let date: TradeDate = NaiveDate::parse_from_str(text, format).ok()?.try_into().ok()?;
        Some((dataset, date))
    })?;
    if date < dataset.first_date() {
        return None;
    }
    let report = dataset.reports(date).into_iter().find(|report| report.path == path)?;
    Some(DatedFile { dataset, date, era: report.era })
}

/// A parsed query string.
#[derive(Debug, Default, Clone)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses `a=b&c=d`; percent escapes are decoded.
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decoded(name), percent_decoded(value))
        });
        Self(pairs.collect())
    }

    /// Returns a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Returns a parameter as the site writes dates, `DD-MM-YYYY`.
    pub(crate) fn day(&self, name: &str) -> Option<TradeDate> {
        NaiveDate::parse_from_str(self.get(name)?, "%d-%m-%Y").ok()?.try_into().ok()
    }
}

/// Decodes percent escapes; what is none stays as it is, and invalid UTF-8 is replaced.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Option<(Dataset, String, Era)> {
        dated_file(ARCHIVE_HOST, path).map(|file| (file.dataset, file.date.to_string(), file.era))
    }

    #[test]
    fn every_url_of_a_report_is_read_back() {
        for (dataset, date) in [
            (Dataset::Bhavcopy, "1999-03-04"),
            (Dataset::Bhavcopy, "2016-06-01"),
            (Dataset::Bhavcopy, "2024-07-08"),
            (Dataset::FullBhavcopy, "2025-02-24"),
        ] {
            let report = dataset.report(date.parse().expect("a date"));
            assert_eq!(file(&report.path), Some((dataset, date.to_owned(), report.era)));
        }
    }

    #[test]
    fn both_forms_exist_in_the_first_half_of_2024_and_neither_outside_its_years() {
        let udiff = |date: &str| file(&format!("/content/cm/BhavCopy_NSE_CM_0_0_0_{date}_F_0000.csv.zip")).is_some();
        assert!(udiff("20240102") && udiff("20240705") && udiff("20240708") && !udiff("20231229"));
        let legacy = |path: &str| file(&format!("/content/historical/EQUITIES/{path}bhav.csv.zip")).is_some();
        assert!(legacy("2023/DEC/cm29DEC2023") && legacy("2024/JUL/cm05JUL2024") && !legacy("2024/JUL/cm08JUL2024"));
        assert!(!legacy("2023/JAN/cm29DEC2023"), "the folder must fit the name");
    }

    #[test]
    fn a_query_is_decoded() {
        let query = Query::parse("index=equities&from_date=24-02-2025&name=M%26M");
        assert_eq!(query.day("from_date"), "2025-02-24".parse().ok());
        assert_eq!(query.get("name"), Some("M&M"));
        assert_eq!(percent_decoded("a%2e%2e%zz"), "a..%zz");
    }
}
