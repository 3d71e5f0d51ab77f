//! Doors to the inner layers for the fuzz targets and nobody else; no part of the crate's contract.

use std::borrow::Cow;

use crate::{Limits, Refusal, container, csv};

/// A line: its number in the file, its bytes, and whether a line end follows.
pub type Line<'t> = (u64, &'t [u8], bool);

/// Opens a container: the text inside an archive, or the text itself.
///
/// # Errors
/// As the decoders refuse it.
pub fn open<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Cow<'b, [u8]>, Refusal> {
    container::open(bytes, limits)
}

/// Returns the lines of a text that are not blank.
pub fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    csv::Lines::new(text).map(|line| (line.number, line.bytes, line.terminated))
}

/// Splits a line into its fields; `None` where a quote does not end as it should.
#[must_use]
pub fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = csv::Fields::default();
    fields.split(line).ok()?;
    Some((0..fields.len()).map(|index| fields.get(line, index).to_owned()).collect())
}
