//! A corporate-action filing in the exchange's two spellings: the API's JSON and the site's CSV download.

use champion_market_data::TradeDate;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// One filing, with the API's field names in the API's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Filing {
    pub(crate) symbol: String,
    pub(crate) series: String,
    pub(crate) ind: String,
    pub(crate) face_val: String,
    pub(crate) subject: String,
    pub(crate) ex_date: String,
    pub(crate) rec_date: String,
    pub(crate) bc_start_date: String,
    pub(crate) bc_end_date: String,
    pub(crate) nd_start_date: String,
    pub(crate) comp: String,
    pub(crate) isin: String,
    pub(crate) nd_end_date: String,
    pub(crate) ca_broadcast_date: Option<String>,
}

/// Header of the CSV download, which begins with a byte-order mark.
const CSV_HEADER: &str = "\u{feff}\"SYMBOL\",\"COMPANY NAME\",\"SERIES\",\"PURPOSE\",\"FACE VALUE\",\"EX-DATE\",\
\"RECORD DATE\",\"BOOK CLOSURE START DATE\",\"BOOK CLOSURE END DATE\"";

impl Filing {
    /// Returns the ex-date, when there is one.
    pub(crate) fn ex_day(&self) -> Option<TradeDate> {
        NaiveDate::parse_from_str(&self.ex_date, "%d-%b-%Y").ok().and_then(|date| date.try_into().ok())
    }

    /// Reads one line of the CSV download.
    fn from_csv_fields(fields: &[String]) -> Option<Self> {
        let [symbol, comp, series, subject, face_val, ex_date, rec_date, bc_start_date, bc_end_date] = fields else {
            return None;
        };
        Some(Self {
            symbol: symbol.clone(),
            series: series.clone(),
            ind: "-".to_owned(),
            face_val: face_val.clone(),
            subject: subject.clone(),
            ex_date: ex_date.clone(),
            rec_date: rec_date.clone(),
            bc_start_date: bc_start_date.clone(),
            bc_end_date: bc_end_date.clone(),
            nd_start_date: "-".to_owned(),
            comp: comp.clone(),
            isin: "-".to_owned(),
            nd_end_date: "-".to_owned(),
            ca_broadcast_date: None,
        })
    }
}

/// Renders the API's answer: one line of JSON, `[]` when there is nothing.
pub(crate) fn to_json(filings: &[Filing]) -> Vec<u8> {
    serde_json::to_vec(filings).expect("texts always serialise")
}

/// Renders the site's download: every value quoted, lines end with LF, none after the last.
pub(crate) fn to_csv(filings: &[Filing]) -> Vec<u8> {
    let mut out = CSV_HEADER.to_owned();
    for filing in filings {
        let fields = [
            &filing.symbol,
            &filing.comp,
            &filing.series,
            &filing.subject,
            &filing.face_val,
            &filing.ex_date,
            &filing.rec_date,
            &filing.bc_start_date,
            &filing.bc_end_date,
        ];
        let quoted: Vec<String> = fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
        out.push('\n');
        out.push_str(&quoted.join(","));
    }
    out.into_bytes()
}

/// Reads the CSV download; lines of another shape are skipped.
pub(crate) fn from_csv(text: &str) -> Vec<Filing> {
    let body = text.trim_start_matches('\u{feff}');
    body.lines().skip(1).filter_map(|line| Filing::from_csv_fields(&unquote(line))).collect()
}

fn unquote(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                fields.last_mut().expect("never empty").push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields.last_mut().expect("never empty").push(other),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_download_reads_back_what_it_writes() {
        let line =
            "\"A&B\",\"A, \"\"B\"\" Limited\",\"EQ\",\"Bonus 1:1\",\"5\",\"01-Jan-2025\",\"01-Jan-2025\",\"-\",\"-\"";
        let filings = from_csv(&format!("{CSV_HEADER}\n{line}"));
        assert_eq!(filings[0].comp, "A, \"B\" Limited");
        assert_eq!(filings[0].ex_day(), "2025-01-01".parse().ok());
        assert_eq!(String::from_utf8(to_csv(&filings)).expect("UTF-8"), format!("{CSV_HEADER}\n{line}"));
    }

    #[test]
    fn nothing_is_an_empty_list() {
        assert_eq!(to_json(&[]), b"[]");
    }
}
