//! Tables and numbers for people.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

/// Lines above and below, none between rows.
const STYLE: TableStyle = UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none());

/// Builds a table; columns named in `right` are aligned to the right.
#[must_use]
pub(crate) fn table(headers: &[&str], right: &[&str], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled).set_header(headers);
    for row in rows {
        let cells = row.into_iter().zip(headers).map(|(text, header)| {
            let alignment = if right.contains(header) { CellAlignment::Right } else { CellAlignment::Left };
            Cell::new(text).set_alignment(alignment)
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

/// Takes control characters out of a text that came from outside: a terminal must not obey them.
#[must_use]
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
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
    fn an_escape_sequence_of_a_file_does_not_reach_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\n"), "a [2Jb ");
    }
}
