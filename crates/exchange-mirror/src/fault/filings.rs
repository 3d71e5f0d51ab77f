//! Lists of filings that are wrong: the faults of tables, done to the API's JSON.

use serde_json::{Map, Value};

use super::kind::TableFault;
use super::rule::Rule;

/// Changes the API's list of filings as the rule says, or says why it cannot.
pub(super) fn spoil(fault: TableFault, json: &[u8], rule: &Rule) -> Result<Vec<u8>, String> {
    let mut list: Vec<Map<String, Value>> =
        serde_json::from_slice(json).map_err(|error| format!("no list of filings: {error}"))?;
    let rows = rule.rows.unwrap_or(1);
    match fault {
        TableFault::Bom => return Ok([b"\xef\xbb\xbf", json].concat()),
        TableFault::MissingColumn => {
            let name = rule.column.as_deref().unwrap_or("subject");
            for filing in &mut list {
                filing.shift_remove(name);
            }
        }
        TableFault::ExtraColumn => {
            for filing in &mut list {
                filing.insert("newField".to_owned(), Value::from(7));
            }
        }
        TableFault::Reordered => {
            list = list.into_iter().map(|filing| filing.into_iter().rev().collect()).collect();
        }
        TableFault::UnknownSeries => set(&mut list, rows, "series", "HX"),
        TableFault::PoisonedRows => set(&mut list, rows, "exDate", "32-Foo-2025"),
        TableFault::DuplicateRow => list.extend(list.first().cloned()),
        TableFault::Corrected => {
            if let Some(Value::String(subject)) = list.first_mut().and_then(|filing| filing.get_mut("subject")) {
                subject.push_str(" (Purpose Revised)");
            }
            let kept = list.len().saturating_sub(rule.rows.unwrap_or(0)).max(1);
            list.truncate(kept);
        }
        TableFault::Crlf | TableFault::HighBelowLow => {
            return Err(format!("{} does not apply to filings", fault.as_str()));
        }
    }
    serde_json::to_vec(&list).map_err(|error| error.to_string())
}

fn set(list: &mut [Map<String, Value>], rows: usize, field: &str, value: &str) {
    for filing in list.iter_mut().take(rows) {
        filing.insert(field.to_owned(), Value::from(value));
    }
}
