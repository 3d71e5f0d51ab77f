//! Faults of content: the file that comes is not the file that should.

use std::fmt;
use std::io;

use champion_market_data::{Era, TradeDate};
use chrono::Duration;

use super::kind::{DayFault, Kind, TableFault};
use super::rule::Rule;
use super::{container, filings, table};
use crate::address::Target;
use crate::market::{pack, unpack};
use crate::report::{self, DatedFile};
use crate::served::Served;
use crate::source::Source;

/// A rule that asks for what cannot be done to the file: the test that posted it is wrong and must hear of it.
#[derive(Debug)]
pub(crate) struct NotApplicable(String);

impl fmt::Display for NotApplicable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for NotApplicable {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<String> for NotApplicable {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

/// Spoils a file as a rule says; a fault that is not one of content leaves it whole. Blocking.
pub(crate) fn spoil(served: Served, rule: &Rule, target: &Target, source: &Source) -> Result<Served, NotApplicable> {
    let dated = report::dated_file(target.host.name, &target.path);
    let date = dated.map(|file| file.date);
    match rule.kind {
        Kind::Slow | Kind::Page(_) | Kind::Wire(_) => Ok(served),
        Kind::Day(DayFault::WrongDay) => Ok(other_day(source, dated, rule)?.1),
        Kind::Day(DayFault::CopiedSession) => copied_session(source, dated, rule, target),
        Kind::Container(fault) => {
            let bytes = container::spoil(fault, &served.bytes, rule, date)?;
            Ok(Served::new(bytes.into(), served.content_type, served.modified))
        }
        Kind::Table(fault) => {
            let later = Duration::days(i64::from(fault == TableFault::Corrected));
            let modified = served.modified.map(|modified| modified + later);
            Ok(Served { modified, ..changed(fault, &served, rule, date)? })
        }
    }
}

/// Returns the requested file's place in the market, the file of another day, and that day.
fn other_day(
    source: &Source,
    file: Option<DatedFile>,
    rule: &Rule,
) -> Result<(DatedFile, Served, TradeDate), NotApplicable> {
    let file = file.ok_or_else(|| NotApplicable("the URL is not that of a dated file".to_owned()))?;
    let found = source.other_day(file, rule.date)?;
    let (day, served) = found.ok_or_else(|| NotApplicable("no other day has a file".to_owned()))?;
    Ok((file, served, day))
}

/// Returns the rows of the session before under the requested date and name.
fn copied_session(
    source: &Source,
    file: Option<DatedFile>,
    rule: &Rule,
    target: &Target,
) -> Result<Served, NotApplicable> {
    let (file, served, day) = other_day(source, file, rule)?;
    let written = |date: TradeDate| match file.era {
        Era::Udiff => date.to_string(),
        Era::LegacyL1 | Era::LegacyL2 => date.format("%d-%b-%Y").to_uppercase(),
        Era::Full | Era::ApiJson | Era::ApiCsv => date.format("%d-%b-%Y"),
    };
    let redated = |text: &[u8]| String::from_utf8_lossy(text).replace(&written(day), &written(file.date)).into_bytes();
    let name = target.path.rsplit('/').next().unwrap_or_default();
    let bytes = match name.strip_suffix(".zip") {
        Some(member) => pack(member, &redated(&unpack(&served.bytes)?.1), Some(file.date))?,
        None => redated(&served.bytes),
    };
    Ok(Served::new(bytes.into(), served.content_type, served.modified))
}

/// Changes the text within: that of the member, of the table, or of the list of filings.
fn changed(fault: TableFault, served: &Served, rule: &Rule, date: Option<TradeDate>) -> Result<Served, NotApplicable> {
    let bytes = if served.bytes.starts_with(b"PK") {
        let (name, content) = unpack(&served.bytes)?;
        pack(&name, table::spoil(fault, &text_of(content)?, rule)?.as_bytes(), date)?
    } else if served.content_type.starts_with("application/json") {
        filings::spoil(fault, &served.bytes, rule)?
    } else {
        table::spoil(fault, &text_of(served.bytes.to_vec())?, rule)?.into_bytes()
    };
    Ok(Served::new(bytes.into(), served.content_type, served.modified))
}

fn text_of(bytes: Vec<u8>) -> Result<String, NotApplicable> {
    String::from_utf8(bytes).map_err(|_| NotApplicable("the file is no text".to_owned()))
}
