//! Tables and numbers for people, and the one way to a person's screen.

use std::fmt::{Display, Write};

use champion_market_data::plain::{escaped, is_unseen};
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

/// Lines above and below, none between rows.
const STYLE: TableStyle = UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none());

/// Prints lines to standard output. Whatever text came from outside, the terminal gets nothing it would obey.
#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(crate) fn say(text: impl Display) {
    println!("{}", lines(&text.to_string()));
}

/// Prints lines to standard error, as harmless as [`say`] does.
pub(crate) fn complain(text: impl Display) {
    eprintln!("{}", lines(&text.to_string()));
}

/// Prints JSON. Control characters that JSON may hold as they are become escapes of the same meaning.
#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(crate) fn say_json(json: impl Display) {
    println!("{}", escaped_json(&json.to_string()));
}

/// Escapes what a terminal would obey, but for line ends.
fn lines(text: &str) -> String {
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

/// JSON that this program writes holds such characters within its texts only.
fn escaped_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unseen(character) && character != '\n' {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(safe, "\\u{unit:04x}").expect("memory takes a text");
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A value of a table: text, or a count that people read with separators and machines without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// A text.
    Text(String),
    /// A count.
    Count(u64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Count(number)
    }
}

impl Cell {
    /// Returns the value as people read it.
    pub(crate) fn shown(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Count(number) => count(number),
        }
    }

    /// Returns the value as a spreadsheet reads it.
    pub(crate) fn plain(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Count(number) => number.to_string(),
        }
    }
}

/// Returns rows as people read them.
pub(crate) fn shown(rows: impl IntoIterator<Item = Vec<Cell>>) -> Vec<Vec<String>> {
    rows.into_iter().map(|row| row.into_iter().map(Cell::shown).collect()).collect()
}

/// Returns rows as a spreadsheet reads them.
pub(crate) fn plain(rows: impl IntoIterator<Item = Vec<Cell>>) -> Vec<Vec<String>> {
    rows.into_iter().map(|row| row.into_iter().map(Cell::plain).collect()).collect()
}

/// Builds a table; columns named in `right` are aligned to the right. No cell holds what a terminal would obey.
#[must_use]
pub(crate) fn table(headers: &[&str], right: &[&str], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headers.iter().map(|header| harmless(header)));
    for row in rows {
        let cells = row.into_iter().zip(headers).map(|(text, header)| {
            let alignment = if right.contains(header) { CellAlignment::Right } else { CellAlignment::Left };
            comfy_table::Cell::new(harmless(&text)).set_alignment(alignment)
        });
        table.add_row(cells);
    }
    table
}

/// Formats a count with thousands separators: `2,832`.
#[must_use]
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a size: `167.2 kB`.
#[must_use]
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        None => format!("{bytes} B"),
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit / (unit / 10)),
    }
}

/// Formats a duration: `1.3 s`, `12 ms`.
#[must_use]
pub(crate) fn milliseconds(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..120_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds % 60_000 / 1_000),
    }
}

/// A key as a person reads it: hashes cut to eight digits, the Hive-style folders left out. `--json` has it whole.
#[must_use]
pub(crate) fn short_key(key: &str) -> String {
    const HASH: usize = 64;
    let mut parts: Vec<String> = Vec::new();
    for part in key.split('/') {
        let hash = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        if part.contains('=') {
            if parts.last().is_none_or(|last| last != "…") {
                parts.push("…".to_owned());
            }
        } else if hash == HASH {
            parts.push(format!("{}…{}", &part[..8], &part[HASH..]));
        } else {
            parts.push(harmless(part));
        }
    }
    parts.join("/")
}

/// Spells out control characters of a text that came from outside: a terminal must not obey them, nor a line be broken.
#[must_use]
pub(crate) fn harmless(text: &str) -> String {
    escaped(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([count(0), count(999), count(2_832), count(1_234_567)], ["0", "999", "2,832", "1,234,567"]);
        assert_eq!([size(12), size(167_242), size(5_000_000)], ["12 B", "167.2 kB", "5.0 MB"]);
        assert_eq!([milliseconds(12), milliseconds(1_340), milliseconds(130_000)], ["12 ms", "1.3 s", "2 min 10 s"]);
    }

    #[test]
    fn keys_are_shortened_for_people_and_stay_recognisable() {
        let hash = "e430967ec5e6ec6c98ef7ca3bc5721800880fe97996ab299b973befd3d66390d";
        assert_eq!(
            short_key(&format!("raw/nse/bhavcopy/2025-02-24/{hash}.csv.zip")),
            "raw/nse/bhavcopy/2025-02-24/e430967e….csv.zip"
        );
        assert_eq!(
            short_key("curated/equity_delivery/exchange=nse/year=2025/month=02/2025-02-24.parquet"),
            "curated/equity_delivery/…/2025-02-24.parquet"
        );
    }

    #[test]
    fn promise_37_an_escape_sequence_of_a_file_reaches_the_terminal_in_no_form_of_answer() {
        let evil = "M&M\u{1b}[2J\u{9b}31m\u{202e}\u{7f}\u{e0041}\n";
        let safe = |text: &str| !text.chars().any(|character| is_unseen(character) && character != '\n');
        assert_eq!(harmless(evil), r"M&M\u{1b}[2J\u{9b}31m\u{202e}\u{7f}\u{e0041}\n");
        assert!(safe(&table(&[evil], &[], vec![vec![evil.to_owned()]]).to_string()));
        assert!(safe(&lines(evil)));
        let json = serde_json::json!({ "symbol": evil }).to_string();
        assert!(!safe(&json) && safe(&escaped_json(&json)));
        let read: serde_json::Value = serde_json::from_str(&escaped_json(&json)).expect("still JSON");
        assert_eq!(read["symbol"], evil, "the meaning stays");
    }
}
