//! Recognises a file's format by its header and finds the columns by name.

use std::cmp::Ordering;

use champion_market_data::{Dataset, Era};

use super::layout::{InputColumn, LAYOUTS, LEGACY_L1, LEGACY_L2, Layout, ohlc};
use super::row::SLOTS;
use crate::container::{beginning, looks_like_html};
use crate::csv::{Fields, Line, Lines, MAX_LINE_BYTES, listed};
use crate::{Refusal, RefusalCode};

/// Rows by which it is judged whether lines end with a comma.
const ROWS_TO_JUDGE_BY: usize = 9;

/// Where the columns of a format stand in one file.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The format.
    pub(crate) layout: &'static Layout,
    /// Position of the trade date.
    pub(crate) date: usize,
    /// Positions of segment and exchange, in formats that print them.
    pub(crate) segment: Option<(usize, usize)>,
    /// Positions by slot, for the slots of the columns below.
    pub(crate) positions: [usize; SLOTS],
    /// The other columns that are in the file, with their positions.
    pub(crate) columns: Vec<(&'static InputColumn, usize)>,
    /// Columns the header names.
    pub(crate) fields: usize,
    /// Fields a row has: the same, or one more when the file's lines end with a comma.
    pub(crate) width: usize,
    /// Columns of the file that the format does not know.
    pub(crate) unknown: Vec<String>,
}

/// Reads the header line and plans the reading of the rows behind it.
pub(crate) fn plan(lines: &mut Lines<'_>, dataset: Dataset, text: &[u8]) -> Result<Plan, Refusal> {
    let Some(header) = lines.next() else {
        return Err(Refusal::new(RefusalCode::Empty, "the file is empty"));
    };
    let names = names(header)?;
    let Some(layout) = recognise(&names) else {
        if looks_like_html(text) {
            return Err(Refusal::new(RefusalCode::Html, "an HTML page in place of a file"));
        }
        let reason = format!("not a {dataset}: the first line is {:?}", beginning(header.bytes));
        return Err(Refusal::new(RefusalCode::WrongFormat, reason));
    };
    if layout.dataset != dataset {
        let reason = format!("expected {dataset}, the header is of {} ({})", layout.dataset, layout.era);
        return Err(Refusal::new(RefusalCode::WrongFormat, reason).of_era(layout.era));
    }
    let mut plan = place(layout, names)?;
    plan.width = width(lines.clone(), plan.fields, plan.width);
    Ok(plan)
}

/// Tells with how many fields a file's rows are written: as many as columns, or one more because each line ends with a
/// comma. The first rows decide and then all must have it: taking each row as it comes, one that lost a value before
/// its final comma would be read with all its values moved.
fn width(rows: Lines<'_>, columns: usize, of_header: usize) -> usize {
    let mut fields = Fields::default();
    let mut plain = 0;
    let mut with_comma = 0;
    for line in rows.take(ROWS_TO_JUDGE_BY) {
        let text = std::str::from_utf8(line.bytes).unwrap_or_default();
        if line.bytes.len() > MAX_LINE_BYTES || fields.split(text).is_err() {
            continue;
        }
        plain += usize::from(fields.len() == columns);
        with_comma += usize::from(fields.len() == columns + 1 && fields.get(text, columns).is_empty());
    }
    match plain.cmp(&with_comma) {
        Ordering::Greater => columns,
        Ordering::Less => columns + 1,
        Ordering::Equal => of_header,
    }
}

fn names(header: Line<'_>) -> Result<Vec<String>, Refusal> {
    if header.bytes.len() > MAX_LINE_BYTES {
        let reason = format!("line {}: a header of {} bytes", header.number, header.bytes.len());
        return Err(Refusal::new(RefusalCode::WrongFormat, reason));
    }
    let line = std::str::from_utf8(header.bytes)
        .map_err(|_| Refusal::new(RefusalCode::NotUtf8, "the header is not UTF-8 text"))?;
    let mut fields = Fields::default();
    if fields.split(line).is_err() {
        let reason = format!("line {}: the header's quotes do not close", header.number);
        return Err(Refusal::new(RefusalCode::WrongFormat, reason));
    }
    Ok((0..fields.len()).map(|index| fields.get(line, index).to_owned()).collect())
}

/// Returns the format with which the header shares the largest part of its names, if that is at least seven in ten: a
/// file with renamed columns is then still recognised and the column named, and BSE's legacy file, which shares the six
/// names of prices, is not taken for NSE's.
fn recognise(names: &[String]) -> Option<&'static Layout> {
    let shared = |layout: &Layout| layout.columns.iter().filter(|column| position(names, column).is_some()).count();
    let best = LAYOUTS.into_iter().max_by_key(|layout| shared(layout) * 1000 / layout.columns.len())?;
    if shared(best) * 10 < best.columns.len() * 7 {
        return None;
    }
    if best.era == Era::LegacyL1 || best.era == Era::LegacyL2 {
        // L2 is L1 with two more columns: either of them tells it.
        let later = LEGACY_L2.columns[LEGACY_L1.columns.len()..].iter().any(|column| position(names, column).is_some());
        return Some(if later { &LEGACY_L2 } else { &LEGACY_L1 });
    }
    Some(best)
}

fn position(names: &[String], column: &InputColumn) -> Option<usize> {
    names.iter().position(|name| is_named(name, column))
}

fn is_named(name: &str, column: &InputColumn) -> bool {
    name.eq_ignore_ascii_case(column.name) || column.alias.is_some_and(|alias| name.eq_ignore_ascii_case(alias))
}

fn place(layout: &'static Layout, mut names: Vec<String>) -> Result<Plan, Refusal> {
    let width = names.len();
    let refuse = |code, reason: String| Err(Refusal::new(code, reason).of_era(layout.era));
    if names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    let mut columns = Vec::with_capacity(layout.columns.len());
    for column in layout.columns {
        let mut found = (0..names.len()).filter(|index| is_named(&names[*index], column));
        match (found.next(), found.next()) {
            (Some(index), None) => columns.push((column, index)),
            (Some(_), Some(_)) => {
                return refuse(RefusalCode::WrongFormat, format!("column {} stands twice in the header", column.name));
            }
            (None, _) if column.required => {
                let reason = format!("required column {} is missing from the {} header", column.name, layout.era);
                return refuse(RefusalCode::MissingColumn, reason);
            }
            (None, _) => {}
        }
    }
    let position = |slot| columns.iter().find(|(column, _)| column.slot == slot).map(|(_, position)| *position);
    let segment = match layout.dataset {
        Dataset::Bhavcopy => position(ohlc::SEGMENT).zip(position(ohlc::SOURCE)),
        Dataset::FullBhavcopy | Dataset::CorporateActions => None,
    };
    let mut positions = [usize::MAX; SLOTS];
    columns.iter().for_each(|(column, position)| positions[column.slot] = *position);
    let (_, date) = columns.remove(0); // the date is a required column and stands first in every layout
    let known = |name: &String| layout.columns.iter().any(|column| is_named(name, column));
    let unknown = names.iter().filter(|name| !known(name)).take(100).map(|name| listed(name)).collect();
    Ok(Plan { layout, date, segment, positions, columns, fields: names.len(), width, unknown })
}
