//! Lines and fields of a CSV text, without an allocation a row.
//!
//! RFC 4180 with what exchanges add to it: LF or CRLF, blank lines, blanks around values. A line break inside quotes
//! is not supported on purpose: no exchange file has one, and an unclosed quote then costs its own line and no other.

use champion_market_data::number::NumberError;
use champion_market_data::plain::escaped;

/// Longest line that is split into fields; the longest real one has some 300 bytes. Caps what one line can cost.
pub(crate) const MAX_LINE_BYTES: usize = 64 * 1024;

/// A line that is not blank.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'t> {
    /// Position in the file, the first line being 1; blank lines count.
    pub(crate) number: u64,
    /// The line without its end.
    pub(crate) bytes: &'t [u8],
    /// Whether a line end follows; the last line of a file that was cut off has none.
    pub(crate) terminated: bool,
}

/// The lines of a text that are not blank.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'t> {
    rest: &'t [u8],
    number: u64,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self { rest: text, number: 0 }
    }
}

impl<'t> Iterator for Lines<'t> {
    type Item = Line<'t>;

    fn next(&mut self) -> Option<Line<'t>> {
        while !self.rest.is_empty() {
            let end = memchr::memchr(b'\n', self.rest);
            let (line, rest) = match end {
                Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
                None => (self.rest, &self.rest[self.rest.len()..]),
            };
            self.rest = rest;
            self.number += 1;
            let bytes = line.strip_suffix(b"\r").unwrap_or(line);
            if !bytes.trim_ascii().is_empty() {
                return Some(Line { number: self.number, bytes, terminated: end.is_some() });
            }
        }
        None
    }
}

/// A quoted field that does not end on its line, or is followed by something else than a comma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadQuoting;

/// Where the fields of one line are; kept from line to line so that splitting allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    spans: Vec<Span>,
    /// Text of quoted fields that hold doubled quotes, with these made single.
    unescaped: String,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
    unescaped: bool,
}

impl Fields {
    /// Splits a line, forgetting the line before.
    pub(crate) fn split(&mut self, line: &str) -> Result<(), BadQuoting> {
        self.clear();
        if memchr::memchr(b'"', line.as_bytes()).is_some() {
            return self.split_quoted(line);
        }
        let mut start = 0;
        for_each_comma(line.as_bytes(), |comma| {
            self.push(start, comma);
            start = comma + 1;
        });
        self.push(start, line.len());
        Ok(())
    }

    /// Forgets the line before.
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.unescaped.clear();
    }

    fn push(&mut self, start: usize, end: usize) {
        // Lines are shorter than 4 GiB: files are capped far below.
        self.spans.push(Span { start: start as u32, end: end as u32, unescaped: false });
    }

    fn split_quoted(&mut self, line: &str) -> Result<(), BadQuoting> {
        let bytes = line.as_bytes();
        let mut start = 0;
        loop {
            let first = start + bytes[start..].iter().take_while(|byte| **byte == b' ').count();
            let end = if bytes.get(first) == Some(&b'"') {
                self.push_quoted(line, first + 1)?
            } else {
                // A quote inside an unquoted value is an ordinary character.
                let end = memchr::memchr(b',', &bytes[start..]).map_or(bytes.len(), |comma| start + comma);
                self.push(start, end);
                end
            };
            if end == bytes.len() {
                return Ok(());
            }
            start = end + 1;
        }
    }

    /// Reads a quoted value from behind its opening quote; returns the position of the comma or line end after it.
    fn push_quoted(&mut self, line: &str, start: usize) -> Result<usize, BadQuoting> {
        let bytes = line.as_bytes();
        let mut close = start;
        let mut doubled = false;
        loop {
            close += memchr::memchr(b'"', &bytes[close..]).ok_or(BadQuoting)?;
            if bytes.get(close + 1) != Some(&b'"') {
                break;
            }
            doubled = true;
            close += 2;
        }
        if doubled {
            let from = self.unescaped.len();
            self.unescaped.push_str(&line[start..close].replace("\"\"", "\""));
            let (start, end) = (from as u32, self.unescaped.len() as u32);
            self.spans.push(Span { start, end, unescaped: true });
        } else {
            self.push(start, close);
        }
        let end = close + 1 + bytes[close + 1..].iter().take_while(|byte| **byte == b' ').count();
        if end == bytes.len() || bytes[end] == b',' { Ok(end) } else { Err(BadQuoting) }
    }

    /// Returns the number of fields.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Returns a field of the line that was split last, without blanks around it; empty when there is no such field.
    #[inline]
    pub(crate) fn get<'s>(&'s self, line: &'s str, index: usize) -> &'s str {
        let Some(span) = self.spans.get(index) else { return "" };
        let base = if span.unescaped { self.unescaped.as_str() } else { line };
        let value = &base[span.start as usize..span.end as usize];
        match value.as_bytes() {
            [first, .., last] if *first > b' ' && *last > b' ' => value,
            _ => value.trim_ascii(),
        }
    }
}

/// Calls back with the position of each comma, eight bytes at a step: fields are too short for a search a field.
fn for_each_comma(line: &[u8], mut found: impl FnMut(usize)) {
    const LOW_BITS: u64 = u64::from_le_bytes([0x7f; 8]);
    const COMMAS: u64 = u64::from_le_bytes([b','; 8]);
    let (words, rest) = line.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // Zero where a comma stands; the sum carries into the high bit of every byte that is not zero, and no further.
        let unlike = u64::from_le_bytes(*word) ^ COMMAS;
        let mut commas = !(((unlike & LOW_BITS) + LOW_BITS) | unlike | LOW_BITS);
        while commas != 0 {
            found(index * 8 + commas.trailing_zeros() as usize / 8);
            commas &= commas - 1;
        }
    }
    for (index, byte) in rest.iter().enumerate() {
        if *byte == b',' {
            found(words.len() * 8 + index);
        }
    }
}

/// Tells whether a value stands for null: empty, `-`, `NA`, `N.A.`.
pub(crate) fn is_null(value: &str) -> bool {
    matches!(value, "" | "-" | "NA" | "N.A.")
}

/// Cuts a value for a message.
pub(crate) fn shown(value: &str) -> String {
    value.chars().take(60).collect()
}

/// Cuts the name of a column that no table has, with control characters escaped: it is listed as it stands.
pub(crate) fn listed(name: &str) -> String {
    escaped(&shown(name)).into_owned()
}

/// Says what is wrong with a number.
pub(crate) fn bad_number(column: &str, value: &str, error: NumberError) -> String {
    format!("column {column}: {:?} is refused: {error}", shown(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(line: &str) -> Result<Vec<String>, BadQuoting> {
        let mut fields = Fields::default();
        fields.split(line)?;
        Ok((0..fields.len()).map(|index| fields.get(line, index).to_owned()).collect())
    }

    proptest! {
        #[test]
        fn a_line_without_quotes_is_cut_at_its_commas(line in "[a-zé ,.\u{7f}\u{ac}-]{0,80}") {
            let plain: Vec<String> = line.split(',').map(|value| value.trim_ascii().to_owned()).collect();
            prop_assert_eq!(fields(&line), Ok(plain));
        }

        #[test]
        fn quoted_values_come_back_as_they_were(values in prop::collection::vec("[a-z,\" ]{0,9}", 1..9)) {
            let quote = |value: &String| format!("\"{}\"", value.replace('"', "\"\""));
            let line = values.iter().map(quote).collect::<Vec<_>>().join(", ");
            let trimmed: Vec<String> = values.iter().map(|value| value.trim_ascii().to_owned()).collect();
            prop_assert_eq!(fields(&line), Ok(trimmed));
        }
    }

    #[test]
    fn quotes_that_do_not_end_properly_are_seen_and_quotes_inside_a_value_are_characters() {
        for line in ["\"a", "a,\"b", "\"a\"b,c", "\"a\"\"", "\""] {
            assert_eq!(fields(line), Err(BadQuoting), "{line}");
        }
        assert_eq!(fields("5\" PIPE,a\"\"b"), Ok(vec!["5\" PIPE".to_owned(), "a\"\"b".to_owned()]));
    }

    #[test]
    fn lines_are_numbered_as_an_editor_does_and_blank_ones_skipped() {
        let lines: Vec<(u64, &[u8], bool)> =
            Lines::new(b"\na\r\n \n\nb").map(|line| (line.number, line.bytes, line.terminated)).collect();
        assert_eq!(lines, [(2, &b"a"[..], true), (5, b"b", false)]);
    }
}
