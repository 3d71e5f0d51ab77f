//! One filing: its printed values turned into dates and numbers, or refused.

use champion_market_data::number::{AMOUNT_SCALE, parse_decimal};
use champion_market_data::plain::escaped;
use champion_market_data::{Exchange, SeriesClass, TradeDate, classify_series};

use super::fields::{
    BOOK_CLOSURE_END, BOOK_CLOSURE_START, BROADCAST_AT, COMPANY, EX_DATE, FACE_VALUE, FIELDS, Field, ISIN,
    NO_DELIVERY_END, NO_DELIVERY_START, RECORD_DATE, SERIES, SUBJECT, SYMBOL, Values,
};
use crate::RuleCode;
use crate::csv::{bad_number, is_null, shown};
use crate::dates::DateForm;
use crate::event_id::EventId;
use crate::findings::Findings;
use crate::isin::{IsinForm, isin_form};
use crate::shape::{Content, Misfit};

/// A filing with typed values. What it announces stands in `subject` and is read elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filing {
    pub(super) symbol: String,
    pub(super) series: String,
    pub(super) company: String,
    pub(super) subject: String,
    /// Rupees scaled by 10^6.
    pub(super) face_value: Option<i64>,
    pub(super) ex_date: Option<TradeDate>,
    pub(super) record_date: Option<TradeDate>,
    pub(super) book_closure_start: Option<TradeDate>,
    pub(super) book_closure_end: Option<TradeDate>,
    pub(super) no_delivery_start: Option<TradeDate>,
    pub(super) no_delivery_end: Option<TradeDate>,
    pub(super) isin: Option<String>,
    pub(super) broadcast_at: Option<String>,
    /// What is odd about it and does not cost it.
    pub(super) findings: Findings,
}

/// Why a filing is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) code: RuleCode,
    pub(super) reason: String,
}

impl Broken {
    pub(super) fn new(code: RuleCode, reason: impl Into<String>) -> Self {
        Self { code, reason: escaped(&reason.into()).into_owned() }
    }
}

impl From<Misfit> for Broken {
    fn from(Misfit { code, reason }: Misfit) -> Self {
        Self { code, reason }
    }
}

impl Filing {
    /// Reads the values of a filing. Symbol, series and subject must be there, dates and face value readable or null.
    pub(super) fn read(values: &Values<'_>) -> Result<Self, Broken> {
        let date = |field: usize| read_date(FIELDS[field].json, values[field].trim());
        let mut findings = Findings::default();
        let series = required(values, SERIES)?;
        if classify_series(series.as_bytes()) == SeriesClass::Unknown {
            findings.insert(RuleCode::UnknownSeries);
        }
        Ok(Self {
            symbol: required(values, SYMBOL)?,
            series,
            company: optional(values, COMPANY)?.unwrap_or_default(),
            subject: subject(values)?,
            face_value: read_face_value(values[FACE_VALUE].trim())?,
            ex_date: date(EX_DATE)?,
            record_date: date(RECORD_DATE)?,
            book_closure_start: date(BOOK_CLOSURE_START)?,
            book_closure_end: date(BOOK_CLOSURE_END)?,
            no_delivery_start: date(NO_DELIVERY_START)?,
            no_delivery_end: date(NO_DELIVERY_END)?,
            isin: isin(values, &mut findings)?,
            broadcast_at: optional(values, BROADCAST_AT)?,
            findings,
        })
    }

    /// Returns the id of the filing among all: a function of its values and of its ordinal among equal ones.
    pub(super) fn id(&self, exchange: Exchange, ordinal: u64, id: &mut EventId) -> String {
        let number = |value: Option<TradeDate>| value.map(|date| i64::from(date.days_since_epoch()));
        id.begin("corporate_action_filing")
            .text(Some(exchange.code()))
            .text(Some(&self.symbol))
            .text(Some(&self.series))
            .text(Some(&self.company))
            .text(Some(&self.subject))
            .number(self.face_value)
            .number(number(self.ex_date))
            .number(number(self.record_date))
            .number(number(self.book_closure_start))
            .number(number(self.book_closure_end))
            .number(number(self.no_delivery_start))
            .number(number(self.no_delivery_end))
            .text(self.isin.as_deref())
            .text(self.broadcast_at.as_deref())
            .number(i64::try_from(ordinal).ok())
            .finish_hex()
    }
}

fn required(values: &Values<'_>, field: usize) -> Result<String, Broken> {
    optional(values, field)?.ok_or_else(|| missing(field))
}

fn missing(field: usize) -> Broken {
    Broken::new(RuleCode::MissingValue, format!("field {} is empty", FIELDS[field].json))
}

fn optional(values: &Values<'_>, field: usize) -> Result<Option<String>, Broken> {
    let value = values[field].trim();
    if is_null(value) {
        return Ok(None);
    }
    check_shape(field, value)?;
    Ok(Some(value.to_owned()))
}

/// The text is kept as published, blanks and all.
fn subject(values: &Values<'_>) -> Result<String, Broken> {
    let subject = &values[SUBJECT];
    if is_null(subject.trim()) {
        return Err(missing(SUBJECT));
    }
    check_shape(SUBJECT, subject)?;
    Ok(subject.clone().into_owned())
}

fn check_shape(field: usize, value: &str) -> Result<(), Broken> {
    let Field { json, content, .. } = &FIELDS[field];
    match content {
        Content::Text(shape) => Ok(shape.check(json, value)?),
        Content::Date | Content::Int64 | Content::Price | Content::Money | Content::Amount => Ok(()),
    }
}

fn read_date(name: &str, value: &str) -> Result<Option<TradeDate>, Broken> {
    if is_null(value) {
        return Ok(None);
    }
    let form = DateForm::DayMonthYear;
    let date = form.parse(value).ok_or_else(|| {
        let reason = format!("field {name}: {:?} is no date of the form {}", shown(value), form.pattern());
        Broken::new(RuleCode::BadDate, reason)
    })?;
    Ok(Some(date))
}

fn read_face_value(value: &str) -> Result<Option<i64>, Broken> {
    if is_null(value) {
        return Ok(None);
    }
    parse_decimal(value.as_bytes(), AMOUNT_SCALE)
        .map(Some)
        .map_err(|error| Broken::new(RuleCode::BadNumber, bad_number(FIELDS[FACE_VALUE].json, value, error)))
}

/// What is not an ISIN is null and flagged: the field is unreliable on old filings anyway.
fn isin(values: &Values<'_>, findings: &mut Findings) -> Result<Option<String>, Broken> {
    let Some(isin) = optional(values, ISIN)? else { return Ok(None) };
    match isin_form(&isin) {
        IsinForm::Good => {}
        IsinForm::WrongCheckDigit => findings.insert(RuleCode::IsinCheckDigit),
        IsinForm::Malformed => {
            findings.insert(RuleCode::IsinMalformed);
            return Ok(None);
        }
    }
    Ok(Some(isin))
}
