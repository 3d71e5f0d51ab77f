//! Faults of content: the file that comes is not the file that should.

use std::fmt;
use std::io;

use champion_market_data::{Era, TradeDate};
use chrono::Duration;
use serde_json::{Map, Value};

use super::rule::{Kind, Rule};
use super::{container, table};
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

/// Spoils a file as a rule of the stage `Content` says. Blocking.
pub(crate) fn spoil(served: Served, rule: &Rule, target: &Target, source: &Source) -> Result<Served, NotApplicable> {
    let dated = report::dated_file(target.host.name, &target.path);
    let date = dated.map(|file| file.date);
    let later = served.modified.map(|modified| modified + Duration::days(1));
    let spoilt = |bytes: Vec<u8>| Served::new(bytes.into(), served.content_type, served.modified);
    let archive = &served.bytes;
    let member = || unpack(archive).map_err(|error| NotApplicable(format!("no archive: {error}")));
    Ok(match rule.kind {
        Kind::Slow => served,
        Kind::TruncatedZip => spoilt(container::half(archive)),
        Kind::NotAZip => spoilt(container::no_archive(archive)),
        Kind::BadCrc => spoilt(container::bad_crc(archive)),
        Kind::LyingSize => spoilt(container::lying_size(archive)),
        Kind::ZipBomb => spoilt(container::bomb(&member()?.0, rule.bytes)?),
        Kind::NestedZip => spoilt(container::nested(&member()?.0, archive, date)?),
        Kind::TraversalMember => {
            let (name, content) = member()?;
            spoilt(container::climbing(&name, &content, date)?)
        }
        Kind::ManyMembers => {
            let (name, content) = member()?;
            spoilt(container::crowded(&name, &content, date, rule.rows)?)
        }
        Kind::WrongDay => other_day(source, dated, rule)?.1,
        Kind::CopiedSession => copied_session(source, dated, rule, target)?,
        Kind::Corrected => Served { modified: later, ..changed(&served, rule, date)? },
        _ => changed(&served, rule, date)?,
    })
}

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
    let redated =
        |text: Vec<u8>| String::from_utf8_lossy(&text).replace(&written(day), &written(file.date)).into_bytes();
    let name = target.path.rsplit('/').next().unwrap_or_default();
    let bytes = match name.strip_suffix(".zip") {
        Some(member) => pack(member, &redated(unpack(&served.bytes)?.1), Some(file.date))?,
        None => redated(served.bytes.to_vec()),
    };
    Ok(Served::new(bytes.into(), served.content_type, served.modified))
}

/// Changes the text within: that of the member, of the table, or of the list of filings.
fn changed(served: &Served, rule: &Rule, date: Option<TradeDate>) -> Result<Served, NotApplicable> {
    let bytes = if served.bytes.starts_with(b"PK") {
        let (name, content) = unpack(&served.bytes)?;
        pack(&name, table::spoil(&text_of(&content)?, rule)?.as_bytes(), date)?
    } else if served.content_type.starts_with("application/json") {
        filings(&served.bytes, rule)?
    } else {
        table::spoil(&text_of(&served.bytes)?, rule)?.into_bytes()
    };
    Ok(Served::new(bytes.into(), served.content_type, served.modified))
}

fn text_of(bytes: &[u8]) -> Result<String, NotApplicable> {
    String::from_utf8(bytes.to_vec()).map_err(|_| NotApplicable("the file is no text".to_owned()))
}

/// Changes the API's list of filings.
fn filings(json: &[u8], rule: &Rule) -> Result<Vec<u8>, NotApplicable> {
    if rule.kind == Kind::Bom {
        return Ok([b"\xef\xbb\xbf", json].concat());
    }
    let mut list: Vec<Map<String, Value>> =
        serde_json::from_slice(json).map_err(|error| NotApplicable(format!("no list of filings: {error}")))?;
    match rule.kind {
        Kind::MissingColumn => {
            let name = rule.column.as_deref().unwrap_or("subject");
            list.iter_mut().for_each(|filing| drop(filing.shift_remove(name)));
        }
        Kind::ExtraColumn => {
            list.iter_mut().for_each(|filing| drop(filing.insert("newField".to_owned(), Value::from(7))));
        }
        Kind::Reordered => {
            list = list.into_iter().map(|filing| filing.into_iter().rev().collect()).collect();
        }
        Kind::UnknownSeries => {
            let touched = list.iter_mut().take(rule.rows.unwrap_or(1));
            touched.for_each(|filing| drop(filing.insert("series".to_owned(), Value::from("QX"))));
        }
        Kind::PoisonedRows => {
            let touched = list.iter_mut().take(rule.rows.unwrap_or(1));
            touched.for_each(|filing| drop(filing.insert("exDate".to_owned(), Value::from("32-Foo-2025"))));
        }
        Kind::DuplicateRow => list.extend(list.first().cloned()),
        Kind::Corrected => {
            if let Some(Value::String(subject)) = list.first_mut().and_then(|filing| filing.get_mut("subject")) {
                subject.push_str(" (Purpose Revised)");
            }
        }
        other => return Err(NotApplicable(format!("{} does not apply to filings", other.as_str()))),
    }
    serde_json::to_vec(&list).map_err(|error| NotApplicable(error.to_string()))
}
