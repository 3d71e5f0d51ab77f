//! The fields of a filing as the two forms print them.

use std::borrow::Cow;

use crate::shape;
use crate::shape::Content::{self, Amount, Date, Text};

/// One field of a filing: its key in the API's JSON and its name in the CSV download.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) json: &'static str,
    /// `None` where the download does not have it.
    pub(super) csv: Option<&'static str>,
    /// Whether a file without it is refused as a whole.
    pub(super) required: bool,
    /// What the value is; of a text also which shape it has, in both forms.
    pub(super) content: Content,
}

impl Field {
    const fn required(json: &'static str, csv: &'static str, content: Content) -> Self {
        Self { json, csv: Some(csv), required: true, content }
    }

    const fn optional(json: &'static str, csv: Option<&'static str>, content: Content) -> Self {
        Self { json, csv, required: false, content }
    }
}

/// Number of fields.
pub(super) const COUNT: usize = FIELDS.len();

/// The fields, at the positions that the constants below name.
pub(super) const FIELDS: [Field; 13] = [
    Field::required("symbol", "SYMBOL", Text(&shape::NSE_SYMBOL)),
    Field::required("series", "SERIES", Text(&shape::SERIES)),
    Field::required("comp", "COMPANY NAME", Text(&shape::COMPANY)),
    Field::required("subject", "PURPOSE", Text(&shape::SUBJECT)),
    Field::required("faceVal", "FACE VALUE", Amount),
    Field::required("exDate", "EX-DATE", Date),
    Field::optional("recDate", Some("RECORD DATE"), Date),
    Field::optional("bcStartDate", Some("BOOK CLOSURE START DATE"), Date),
    Field::optional("bcEndDate", Some("BOOK CLOSURE END DATE"), Date),
    Field::optional("ndStartDate", None, Date),
    Field::optional("ndEndDate", None, Date),
    Field::optional("isin", None, Text(&shape::ISIN)),
    Field::optional("caBroadcastDate", None, Text(&shape::BROADCAST_TIME)),
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
