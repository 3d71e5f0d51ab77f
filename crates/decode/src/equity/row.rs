//! One row, typed: text to numbers, dates and borrowed text, or the reason why not.

use champion_market_data::TradeDate;
use champion_market_data::columnar::ColumnKind;
use champion_market_data::number::{NumberError, parse_decimal};

use super::header::Plan;
use super::layout::{InputColumn, Value, ohlc};
use crate::RuleCode;
use crate::csv::{Fields, Line, MAX_LINE_BYTES, bad_number, is_null, shown};
use crate::dates::{DateForm, looks_resaved};

/// Largest number a decimal of 18 digits holds.
pub(crate) const MAX_NUMBER: i64 = 999_999_999_999_999_999;

/// Slots of the widest row.
const SLOTS: usize = ohlc::COUNT;

/// A rule that a row breaks at the cost of the row, and the reason in words.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) code: RuleCode,
    pub(crate) reason: String,
}

impl Broken {
    pub(crate) fn new(code: RuleCode, reason: String) -> Self {
        Self { code, reason }
    }
}

/// The typed values of one row, by slot.
#[derive(Debug)]
pub(crate) struct Row<'r> {
    numbers: [i64; SLOTS],
    texts: [&'r str; SLOTS],
    present: u64,
}

impl<'r> Row<'r> {
    /// Returns a number, scaled as its column's kind says; a date in days since 1970-01-01.
    pub(crate) fn number(&self, slot: usize) -> Option<i64> {
        self.is_present(slot).then(|| self.numbers[slot])
    }

    /// Returns a number that reading has made sure of; 0 for a null, which [`Value::Required`] excludes.
    pub(crate) fn required(&self, slot: usize) -> i64 {
        self.numbers[slot]
    }

    /// Returns a text.
    pub(crate) fn text(&self, slot: usize) -> Option<&'r str> {
        self.is_present(slot).then(|| self.texts[slot])
    }

    /// Returns a text of the natural key, which [`Value::Key`] makes sure of.
    pub(crate) fn key(&self, slot: usize) -> &'r str {
        self.texts[slot]
    }

    fn is_present(&self, slot: usize) -> bool {
        self.present & (1 << slot) != 0
    }

    fn set_number(&mut self, slot: usize, value: i64) {
        self.numbers[slot] = value;
        self.present |= 1 << slot;
    }

    fn set_text(&mut self, slot: usize, value: &'r str) {
        self.texts[slot] = value;
        self.present |= 1 << slot;
    }
}

/// Reads rows; keeps its buffers and the date read last from row to row.
#[derive(Debug, Default)]
pub(crate) struct RowReader {
    fields: Fields,
    date_text: String,
    date: Option<TradeDate>,
}

/// Where a row stands before its values are read: which date and segment it is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'r> {
    pub(crate) date: TradeDate,
    /// Segment and exchange, in formats that print them.
    pub(crate) segment: Option<(&'r str, &'r str)>,
}

impl RowReader {
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
    pub(crate) fn read<'r>(&'r self, plan: &Plan, line: &'r str, date: TradeDate) -> Result<Row<'r>, Broken> {
        let mut row = Row { numbers: [0; SLOTS], texts: [""; SLOTS], present: 0 };
        for (slot, text) in plan.layout.constants {
            row.set_text(*slot, text);
        }
        row.set_number(plan.layout.date().slot, i64::from(date.days_since_epoch()));
        for (column, position) in &plan.columns {
            let text = self.fields.get(line, *position);
            if text.is_empty() || (column.value != Value::Key && is_null(text)) {
                if column.value == Value::Optional {
                    continue;
                }
                let reason = format!("column {} has no value ({:?})", column.name, text);
                return Err(Broken::new(RuleCode::MissingValue, reason));
            }
            match column.kind {
                ColumnKind::Text | ColumnKind::Bool => row.set_text(column.slot, text),
                ColumnKind::Date => {
                    let date = read_date(column, plan.layout.dates, text)?;
                    row.set_number(column.slot, i64::from(date.days_since_epoch()));
                }
                ColumnKind::Int64 => row.set_number(column.slot, read_number(column, text, 0)?),
                ColumnKind::Price | ColumnKind::Money | ColumnKind::Amount => {
                    let scale = column.kind.scale().unwrap_or(0);
                    row.set_number(column.slot, read_number(column, text, scale)?);
                }
            }
        }
        Ok(row)
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
