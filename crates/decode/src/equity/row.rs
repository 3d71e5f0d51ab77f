//! One row, typed: text to numbers, dates and borrowed text, or the reason why not.

use champion_market_data::TradeDate;
use champion_market_data::number::{AMOUNT_SCALE, MONEY_SCALE, NumberError, PRICE_SCALE, parse_decimal};
use champion_market_data::plain::escaped;

use super::header::Plan;
use super::layout::{InputColumn, Value, ohlc};
use crate::RuleCode;
use crate::csv::{Fields, Line, MAX_LINE_BYTES, bad_number, is_null, shown};
use crate::dates::{DateForm, looks_resaved};
use crate::shape::{Content, Misfit};

/// Largest number a decimal of 18 digits holds.
pub(crate) const MAX_NUMBER: i64 = 999_999_999_999_999_999;

/// Slots of the widest row.
pub(crate) const SLOTS: usize = ohlc::COUNT;

/// A rule that a row breaks at the cost of the row, and the reason in words.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) code: RuleCode,
    pub(crate) reason: String,
}

impl Broken {
    pub(crate) fn new(code: RuleCode, reason: String) -> Self {
        let reason = escaped(&reason).into_owned();
        Self { code, reason }
    }
}

impl From<Misfit> for Broken {
    fn from(Misfit { code, reason }: Misfit) -> Self {
        Self { code, reason }
    }
}

/// The typed values of one row, by slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'r> {
    reader: &'r RowReader,
    plan: &'r Plan,
    line: &'r str,
}

impl<'r> Row<'r> {
    /// Returns a number, scaled as its column's kind says; a date in days since 1970-01-01.
    pub(crate) fn number(&self, slot: usize) -> Option<i64> {
        self.is_present(slot).then(|| self.reader.numbers[slot])
    }

    /// Returns a number that reading has made sure of; 0 for a null, which [`Value::Required`] excludes.
    pub(crate) fn required(&self, slot: usize) -> i64 {
        if self.is_present(slot) { self.reader.numbers[slot] } else { 0 }
    }

    /// Returns a text.
    pub(crate) fn text(&self, slot: usize) -> Option<&'r str> {
        self.is_present(slot).then(|| self.key(slot))
    }

    /// Returns a text of the natural key, which [`Value::Key`] makes sure of.
    pub(crate) fn key(&self, slot: usize) -> &'r str {
        self.reader.fields.get(self.line, self.plan.positions[slot])
    }

    /// Returns which slots have a value, a bit a slot.
    pub(crate) fn present(&self) -> u64 {
        self.reader.present
    }

    fn is_present(&self, slot: usize) -> bool {
        self.reader.present & (1 << slot) != 0
    }
}

/// Reads rows; keeps its buffers and the date read last from row to row.
#[derive(Debug)]
pub(crate) struct RowReader {
    fields: Fields,
    date_text: String,
    date: Option<TradeDate>,
    /// Numbers of the row read last; valid where `present` says so.
    numbers: [i64; SLOTS],
    present: u64,
}

/// Where a row stands before its values are read: which date and segment it is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'r> {
    pub(crate) date: TradeDate,
    /// Segment and exchange, in formats that print them.
    pub(crate) segment: Option<(&'r str, &'r str)>,
}

impl RowReader {
    pub(crate) fn new() -> Self {
        let (fields, date_text) = (Fields::default(), String::new());
        Self { fields, date_text, date: None, numbers: [0; SLOTS], present: 0 }
    }

    /// Splits a line into as many fields as the header has.
    pub(crate) fn split<'t>(&mut self, plan: &Plan, line: Line<'t>) -> Result<&'t str, Broken> {
        self.fields.clear();
        if line.bytes.len() > MAX_LINE_BYTES {
            let reason = format!("expected {} columns, found a line of {} bytes", plan.fields, line.bytes.len());
            return Err(Broken::new(RuleCode::WrongFieldCount, reason));
        }
        let text = std::str::from_utf8(line.bytes).map_err(|error| {
            Broken::new(RuleCode::NotUtf8, format!("not UTF-8 text from byte {} of the line", error.valid_up_to() + 1))
        })?;
        if self.fields.split(text).is_err() {
            return Err(Broken::new(RuleCode::BadQuoting, "a quoted value does not end properly".to_owned()));
        }
        let found = self.fields.len();
        let comma = plan.width - plan.fields;
        if found != plan.width || (comma == 1 && !self.fields.get(text, plan.fields).is_empty()) {
            let (expected, found) = (plan.fields, if found == plan.width { found } else { found - comma.min(found) });
            let reason = format!("expected {expected} columns, found {found}");
            return Err(Broken::new(RuleCode::WrongFieldCount, reason));
        }
        Ok(text)
    }

    /// Returns the number of fields of the line split last; 0 when it could not be split at all.
    pub(crate) fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// Reads date and segment of the line split last.
    pub(crate) fn place<'r>(&'r mut self, plan: &Plan, line: &'r str) -> Result<Place<'r>, Broken> {
        let text = self.fields.get(line, plan.date);
        let date = match self.date {
            Some(date) if text == self.date_text => date,
            _ => {
                let date = read_date(plan.layout.date(), plan.layout.dates, text)?;
                self.date_text.clear();
                self.date_text.push_str(text);
                *self.date.insert(date)
            }
        };
        let value = |position| self.fields.get(line, position);
        let segment = plan.segment.map(|(segment, exchange)| (value(segment), value(exchange)));
        Ok(Place { date, segment })
    }

    /// Reads all values of the line split last.
    pub(crate) fn read<'r>(&'r mut self, plan: &'r Plan, line: &'r str, date: TradeDate) -> Result<Row<'r>, Broken> {
        let date_slot = plan.layout.date().slot;
        self.numbers[date_slot] = i64::from(date.days_since_epoch());
        self.present = 1 << date_slot;
        for (column, position) in &plan.columns {
            let text = self.fields.get(line, *position);
            if text.is_empty() || (column.value != Value::Key && is_null(text)) {
                if column.value == Value::Optional {
                    continue;
                }
                let reason = format!("column {} has no value ({:?})", column.name, text);
                return Err(Broken::new(RuleCode::MissingValue, reason));
            }
            self.present |= 1 << column.slot;
            self.numbers[column.slot] = match column.content {
                Content::Text(shape) => {
                    shape.check(column.name, text)?;
                    continue;
                }
                Content::Date => i64::from(read_date(column, plan.layout.dates, text)?.days_since_epoch()),
                Content::Int64 => read_number(column, text, 0)?,
                Content::Price => read_number(column, text, PRICE_SCALE)?,
                Content::Money => read_number(column, text, MONEY_SCALE)?,
                Content::Amount => read_number(column, text, AMOUNT_SCALE)?,
            };
        }
        Ok(Row { reader: self, plan, line })
    }
}

fn read_number(column: &InputColumn, text: &str, scale: u32) -> Result<i64, Broken> {
    match parse_decimal(text.as_bytes(), scale) {
        Ok(value) if value <= MAX_NUMBER => Ok(value),
        Ok(_) => Err(refused_number(column, text, NumberError::OutOfRange)),
        Err(error) => Err(refused_number(column, text, error)),
    }
}

#[cold]
fn refused_number(column: &InputColumn, text: &str, error: NumberError) -> Broken {
    let code = match error {
        NumberError::Negative => RuleCode::NegativeNumber,
        NumberError::Empty | NumberError::Malformed | NumberError::TooPrecise(_) | NumberError::OutOfRange => {
            RuleCode::BadNumber
        }
    };
    Broken::new(code, bad_number(column.name, text, error))
}

fn read_date(column: &InputColumn, form: DateForm, text: &str) -> Result<TradeDate, Broken> {
    form.parse(text).ok_or_else(|| bad_date(column, form, text))
}

#[cold]
fn bad_date(column: &InputColumn, form: DateForm, text: &str) -> Broken {
    let guess = if looks_resaved(text) { "; it looks re-saved by a spreadsheet" } else { "" };
    let reason = format!("column {}: {:?} is not a date {}{guess}", column.name, shown(text), form.pattern());
    Broken::new(RuleCode::BadDate, reason)
}
