//! The site's CSV download: quoted fields, columns found by name.

use std::borrow::Cow;

use super::fields::{COUNT, FIELDS, Values};
use super::filing::Broken;
use crate::csv::{Fields, Line, Lines, MAX_LINE_BYTES, listed, shown};
use crate::{Refusal, RefusalCode, RuleCode};

/// Where the columns stand in one file.
#[derive(Debug)]
pub(super) struct Header {
    positions: [Option<usize>; COUNT],
    /// Fields a row has, not counting the empty one behind a trailing comma.
    fields: usize,
    /// Columns that no rule knows.
    pub(super) unknown: Vec<String>,
}

impl Header {
    /// Reads the header line.
    pub(super) fn read(lines: &mut Lines<'_>) -> Result<Self, Refusal> {
        let wrong = |reason: String| Refusal::new(RefusalCode::WrongFormat, reason);
        let Some(line) = lines.next() else {
            return Err(Refusal::new(RefusalCode::Empty, "the file is empty"));
        };
        if line.bytes.len() > MAX_LINE_BYTES {
            return Err(wrong(format!("line {}: a header of {} bytes", line.number, line.bytes.len())));
        }
        let text = std::str::from_utf8(line.bytes)
            .map_err(|_| Refusal::new(RefusalCode::NotUtf8, "the header is not UTF-8 text"))?;
        let mut fields = Fields::default();
        fields.split(text).map_err(|_| wrong(format!("line {}: the header's quotes do not close", line.number)))?;
        let mut names: Vec<&str> = (0..fields.len()).map(|index| fields.get(text, index)).collect();
        if names.last().is_some_and(|name| name.is_empty()) {
            names.pop();
        }
        Self::place(&names)
    }

    fn place(names: &[&str]) -> Result<Self, Refusal> {
        let mut positions = [None; COUNT];
        for (field, position) in FIELDS.iter().zip(&mut positions) {
            let mut found = (0..names.len()).filter(|index| is_named(names[*index], field.csv));
            *position = found.next();
            if found.next().is_some() {
                let reason = format!("column {} stands twice in the header", field.csv.unwrap_or(field.json));
                return Err(Refusal::new(RefusalCode::WrongFormat, reason));
            }
        }
        if positions.iter().flatten().count() * 2 < FIELDS.iter().filter(|field| field.csv.is_some()).count() {
            let reason = format!("not corporate_actions: the first line is {:?}", shown(&names.join(",")));
            return Err(Refusal::new(RefusalCode::WrongFormat, reason));
        }
        for (field, position) in FIELDS.iter().zip(&positions) {
            if let (true, None, Some(name)) = (field.required, position, field.csv) {
                let reason = format!("required column {name} is missing from the header");
                return Err(Refusal::new(RefusalCode::MissingColumn, reason));
            }
        }
        let known = |name: &&&str| FIELDS.iter().any(|field| is_named(name, field.csv));
        let unknown = names.iter().filter(|name| !known(name)).take(100).map(|name| listed(name)).collect();
        Ok(Self { positions, fields: names.len(), unknown })
    }

    /// Takes a line apart; the values borrow from the line and from the splitter.
    pub(super) fn values<'s>(&self, line: Line<'s>, fields: &'s mut Fields) -> Result<Values<'s>, Broken> {
        fields.clear();
        if line.bytes.len() > MAX_LINE_BYTES {
            let reason = format!("the line has {} bytes, at most {MAX_LINE_BYTES} are read", line.bytes.len());
            return Err(Broken::new(RuleCode::MalformedFiling, reason));
        }
        let text = std::str::from_utf8(line.bytes)
            .map_err(|error| Broken::new(RuleCode::NotUtf8, format!("not UTF-8 from byte {}", error.valid_up_to())))?;
        fields
            .split(text)
            .map_err(|_| Broken::new(RuleCode::BadQuoting, "a quoted field does not end as it should"))?;
        let trailing = fields.len() == self.fields + 1 && fields.get(text, self.fields).is_empty();
        if fields.len() != self.fields && !trailing {
            let reason = format!("expected {} columns, found {}", self.fields, fields.len());
            return Err(Broken::new(RuleCode::WrongFieldCount, reason));
        }
        let fields: &'s Fields = fields;
        Ok(self.positions.map(|position| Cow::Borrowed(position.map_or("", |index| fields.get(text, index)))))
    }
}

fn is_named(name: &str, wanted: Option<&str>) -> bool {
    wanted.is_some_and(|wanted| wanted.eq_ignore_ascii_case(name))
}
