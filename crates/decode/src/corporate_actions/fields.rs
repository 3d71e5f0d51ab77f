//! The fields of a filing as the two forms print them.

use std::borrow::Cow;

/// One field of a filing: its key in the API's JSON and its name in the CSV download.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) json: &'static str,
    /// `None` where the download does not have it.
    pub(super) csv: Option<&'static str>,
    /// Whether a file without it is refused as a whole.
    pub(super) required: bool,
}

impl Field {
    const fn required(json: &'static str, csv: &'static str) -> Self {
        Self { json, csv: Some(csv), required: true }
    }

    const fn optional(json: &'static str, csv: Option<&'static str>) -> Self {
        Self { json, csv, required: false }
    }
}

/// Number of fields.
pub(super) const COUNT: usize = FIELDS.len();

/// The fields, at the positions that the constants below name.
pub(super) const FIELDS: [Field; 13] = [
    Field::required("symbol", "SYMBOL"),
    Field::required("series", "SERIES"),
    Field::required("comp", "COMPANY NAME"),
    Field::required("subject", "PURPOSE"),
    Field::required("faceVal", "FACE VALUE"),
    Field::required("exDate", "EX-DATE"),
    Field::optional("recDate", Some("RECORD DATE")),
    Field::optional("bcStartDate", Some("BOOK CLOSURE START DATE")),
    Field::optional("bcEndDate", Some("BOOK CLOSURE END DATE")),
    Field::optional("ndStartDate", None),
    Field::optional("ndEndDate", None),
    Field::optional("isin", None),
    Field::optional("caBroadcastDate", None),
];

pub(super) const SYMBOL: usize = 0;
pub(super) const SERIES: usize = 1;
pub(super) const COMPANY: usize = 2;
pub(super) const SUBJECT: usize = 3;
pub(super) const FACE_VALUE: usize = 4;
pub(super) const EX_DATE: usize = 5;
pub(super) const RECORD_DATE: usize = 6;
pub(super) const BOOK_CLOSURE_START: usize = 7;
pub(super) const BOOK_CLOSURE_END: usize = 8;
pub(super) const NO_DELIVERY_START: usize = 9;
pub(super) const NO_DELIVERY_END: usize = 10;
pub(super) const ISIN: usize = 11;
pub(super) const BROADCAST_AT: usize = 12;

/// Keys that are known and left out on purpose: `ind`, an industry flag that is always `-`.
pub(super) const LEFT_OUT: &[&str] = &["ind"];

/// The values of one filing as printed; empty where the file has none.
pub(super) type Values<'a> = [Cow<'a, str>; COUNT];
