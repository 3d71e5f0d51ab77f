//! Lines and fields of a CSV text, without an allocation a row.
//!
//! RFC 4180 with what exchanges add to it: LF or CRLF, blank lines, blanks around values. A line break inside quotes
//! is not supported on purpose: no exchange file has one, and an unclosed quote then costs its own line and no other.

use champion_market_data::number::NumberError;

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
        for comma in memchr::memchr_iter(b',', line.as_bytes()) {
            self.push(start, comma);
            start = comma + 1;
        }
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
    pub(crate) fn get<'s>(&'s self, line: &'s str, index: usize) -> &'s str {
        let Some(span) = self.spans.get(index) else { return "" };
        let base = if span.unescaped { self.unescaped.as_str() } else { line };
        base[span.start as usize..span.end as usize].trim_ascii()
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

/// Says what is wrong with a number.
pub(crate) fn bad_number(column: &str, value: &str, error: NumberError) -> String {
    format!("column {column}: {:?} is refused: {error}", shown(value))
}
