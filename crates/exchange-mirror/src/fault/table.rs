//! Tables that are wrong: changes to the text of a CSV, found by column name whatever the era.

use champion_market_data::number::{format_decimal, parse_decimal};

use super::kind::TableFault;
use super::rule::Rule;

/// Names of the close, the high, the low and the series, in any of the files.
const CLOSE: &[&str] = &["ClsPric", "CLOSE", "CLOSE_PRICE", "PURPOSE"];
const HIGH: &[&str] = &["HghPric", "HIGH", "HIGH_PRICE"];
const LOW: &[&str] = &["LwPric", "LOW", "LOW_PRICE"];
const SERIES: &[&str] = &["SctySrs", "SERIES"];
/// A series no exchange has.
const NO_SERIES: &str = "HX";
/// What a correction adds to a price, in paise.
const CORRECTION: i128 = 5;

/// A CSV as lines of fields. Quotes stay in the fields, so that joining them gives the same bytes.
struct Table {
    lines: Vec<Vec<String>>,
    separator: &'static str,
}

/// Changes a CSV as the rule says, or says why it cannot.
pub(super) fn spoil(fault: TableFault, text: &str, rule: &Rule) -> Result<String, String> {
    let mut table = Table::parse(text);
    let rows = rule.rows.unwrap_or(1);
    match fault {
        TableFault::Crlf => return Ok(text.replace('\n', "\r\n")),
        TableFault::Bom => return Ok(format!("\u{feff}{text}")),
        TableFault::MissingColumn => {
            let name = rule.column.as_deref();
            let index = name.map_or_else(|| table.column(CLOSE), |name| table.column(&[name]))?;
            table.each_line(|line| {
                line.remove(index);
            });
        }
        TableFault::ExtraColumn => table.extend("NewColumn", "7"),
        TableFault::Reordered => table.each_line(|line| line.reverse()),
        TableFault::Corrected => {
            let index = table.column(CLOSE)?;
            table.set(1, index, corrected)?;
            table.drop_last(rule.rows.unwrap_or(0))?;
        }
        TableFault::HighBelowLow => {
            let (high, low) = (table.column(HIGH)?, table.column(LOW)?);
            for row in 1..=rows {
                let text = table.field(row, low)?;
                let below = parse_decimal(text.as_bytes(), 2).map_err(|error| format!("low {text:?}: {error}"))? / 2;
                table.set(row, high, |_| format_decimal(below.into(), 2))?;
            }
        }
        TableFault::PoisonedRows => {
            let index = table.column(CLOSE)?;
            for row in 1..=rows {
                table.set(row, index, |_| "abc".to_owned())?;
            }
        }
        TableFault::UnknownSeries => {
            let index = table.column(SERIES)?;
            for row in 1..=rows {
                table.set(row, index, |_| NO_SERIES.to_owned())?;
            }
        }
        TableFault::DuplicateRow => {
            let first = table.lines.get(1).cloned().ok_or("no row to repeat")?;
            table.lines.insert(1, first);
        }
    }
    Ok(table.text())
}

/// Returns a price 5 paise higher; a text gets a remark.
fn corrected(value: &str) -> String {
    parse_decimal(value.as_bytes(), 2).map_or_else(
        |_| format!("{} (Purpose Revised)\"", value.trim_end_matches('"')),
        |price| format_decimal(i128::from(price) + CORRECTION, 2),
    )
}

impl Table {
    fn parse(text: &str) -> Self {
        let header = text.lines().next().unwrap_or_default();
        let separator = if header.contains(", ") { ", " } else { "," };
        Self { lines: text.lines().map(|line| fields(line, separator)).collect(), separator }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(&line.join(self.separator));
            text.push('\n');
        }
        text
    }

    fn column(&self, names: &[&str]) -> Result<usize, String> {
        let header = self.lines.first().ok_or("an empty file")?;
        let is_one = |field: &String| names.contains(&field.trim_matches(|c| c == '"' || c == ' ' || c == '\u{feff}'));
        header.iter().position(is_one).ok_or_else(|| format!("no column {}", names.join(" or ")))
    }

    fn field(&self, row: usize, column: usize) -> Result<&String, String> {
        self.lines.get(row).and_then(|line| line.get(column)).ok_or_else(|| format!("no row {row}"))
    }

    fn set(&mut self, row: usize, column: usize, change: impl Fn(&str) -> String) -> Result<(), String> {
        let field = self.lines.get_mut(row).and_then(|line| line.get_mut(column));
        let field = field.ok_or_else(|| format!("no row {row}"))?;
        *field = change(field);
        Ok(())
    }

    /// Loses rows at the end; the first row stays.
    fn drop_last(&mut self, rows: usize) -> Result<(), String> {
        let kept = self.lines.len().checked_sub(rows).filter(|kept| *kept >= 2);
        self.lines.truncate(kept.ok_or_else(|| format!("no {rows} rows to lose"))?);
        Ok(())
    }

    fn each_line(&mut self, change: impl Fn(&mut Vec<String>)) {
        self.lines.iter_mut().for_each(change);
    }

    /// Adds a column before the empty field that a trailing comma makes, else at the end.
    fn extend(&mut self, name: &str, value: &str) {
        let trailing = self.lines.first().and_then(|line| line.last()).is_some_and(String::is_empty);
        for (number, line) in self.lines.iter_mut().enumerate() {
            let at = line.len() - usize::from(trailing && !line.is_empty());
            line.insert(at, if number == 0 { name.to_owned() } else { value.to_owned() });
        }
    }
}

/// Splits a line at the separators outside quotes.
fn fields(line: &str, separator: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut rest = line;
    while let Some(char) = rest.chars().next() {
        if !quoted && rest.starts_with(separator) {
            fields.push(String::new());
            rest = &rest[separator.len()..];
            continue;
        }
        quoted ^= char == '"';
        if let Some(last) = fields.last_mut() {
            last.push(char);
        }
        rest = &rest[char.len_utf8()..];
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEGACY: &str = "SYMBOL,SERIES,HIGH,LOW,CLOSE,\n\"A,B\",EQ,12,10,11,\nC,EQ,3,2,2.5,\n";

    fn spoilt(kind: &str) -> String {
        let rule = serde_json::from_str(&format!("{{\"path\":\"\",\"kind\":\"{kind}\"}}")).expect("a rule");
        let fault = TableFault::ALL.iter().find(|fault| fault.as_str() == kind).expect("a fault of tables");
        spoil(*fault, LEGACY, &rule).expect("applies")
    }

    #[test]
    fn each_change_touches_what_it_names_and_nothing_else() {
        assert_eq!(spoilt("missing_column"), "SYMBOL,SERIES,HIGH,LOW,\n\"A,B\",EQ,12,10,\nC,EQ,3,2,\n");
        assert_eq!(spoilt("extra_column").lines().nth(1), Some("\"A,B\",EQ,12,10,11,7,"));
        assert_eq!(spoilt("reordered").lines().nth(1), Some(",11,10,12,EQ,\"A,B\""));
        assert_eq!(spoilt("high_below_low").lines().nth(1), Some("\"A,B\",EQ,5.00,10,11,"));
        assert_eq!(spoilt("corrected").lines().nth(1), Some("\"A,B\",EQ,12,10,11.05,"));
        assert_eq!(spoilt("unknown_series").lines().nth(1), Some("\"A,B\",HX,12,10,11,"));
        assert_eq!(spoilt("poisoned_rows").lines().nth(1), Some("\"A,B\",EQ,12,10,abc,"));
        assert_eq!(spoilt("duplicate_row").lines().count(), 4);
        assert!(spoilt("bom").starts_with('\u{feff}') && spoilt("crlf").ends_with(",\r\n"));
    }

    #[test]
    fn a_correction_may_lose_rows_but_never_the_one_it_changes() {
        let rule = |rows| serde_json::from_value(serde_json::json!({"path": "", "kind": "corrected", "rows": rows}));
        let one = spoil(TableFault::Corrected, LEGACY, &rule(1).expect("a rule")).expect("applies");
        assert_eq!(one, "SYMBOL,SERIES,HIGH,LOW,CLOSE,\n\"A,B\",EQ,12,10,11.05,\n");
        assert!(spoil(TableFault::Corrected, LEGACY, &rule(2).expect("a rule")).is_err());
    }

    #[test]
    fn a_change_that_does_not_fit_says_so() {
        let rule = serde_json::from_str(r#"{"path":"","kind":"high_below_low","rows":9}"#).expect("a rule");
        assert_eq!(spoil(TableFault::HighBelowLow, LEGACY, &rule), Err("no row 3".to_owned()));
    }
}
