//! Output formats: which may be streamed block by block, and what their media types are.

use crate::exception::Exception;

/// How the blocks of a streamed answer are put together.
///
/// The engine writes every block as a whole document. Formats without a header can simply follow each other; of the
/// others here the header is the same in every block and is kept once. Everything else (JSON, Parquet, Arrow, XML,
/// `Values`, …) is one document and is never streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streaming {
    /// Nothing stands before the rows.
    Bare,
    /// So many lines stand before the rows; line breaks in names are escaped.
    Lines(usize),
    /// `RowBinary`'s header: the number of columns, their names and, when true, their types.
    RowBinary(bool),
}

/// Tells how a format is streamed; `None` when it is not.
pub(crate) fn streaming(format: &str) -> Option<Streaming> {
    const FORMATS: [(&str, Streaming); 27] = [
        ("TabSeparated", Streaming::Bare),
        ("TSV", Streaming::Bare),
        ("TabSeparatedRaw", Streaming::Bare),
        ("TSVRaw", Streaming::Bare),
        ("Raw", Streaming::Bare),
        ("CSV", Streaming::Bare),
        ("TSKV", Streaming::Bare),
        ("JSONEachRow", Streaming::Bare),
        ("JSONLines", Streaming::Bare),
        ("NDJSON", Streaming::Bare),
        ("JSONStringsEachRow", Streaming::Bare),
        ("JSONCompactEachRow", Streaming::Bare),
        ("JSONCompactStringsEachRow", Streaming::Bare),
        ("RowBinary", Streaming::Bare),
        ("Native", Streaming::Bare),
        ("LineAsString", Streaming::Bare),
        ("MsgPack", Streaming::Bare),
        ("TabSeparatedWithNames", Streaming::Lines(1)),
        ("TSVWithNames", Streaming::Lines(1)),
        ("TabSeparatedWithNamesAndTypes", Streaming::Lines(2)),
        ("TSVWithNamesAndTypes", Streaming::Lines(2)),
        ("JSONCompactEachRowWithNames", Streaming::Lines(1)),
        ("JSONCompactEachRowWithNamesAndTypes", Streaming::Lines(2)),
        ("JSONCompactStringsEachRowWithNames", Streaming::Lines(1)),
        ("JSONCompactStringsEachRowWithNamesAndTypes", Streaming::Lines(2)),
        ("RowBinaryWithNames", Streaming::RowBinary(false)),
        ("RowBinaryWithNamesAndTypes", Streaming::RowBinary(true)),
    ];
    FORMATS.iter().find(|(name, _)| name.eq_ignore_ascii_case(format)).map(|(_, way)| *way)
}

impl Streaming {
    /// Measures the header at the beginning of a block.
    ///
    /// # Errors
    ///
    /// Fails when the block does not begin with a whole header, which would be a change of the engine.
    pub(crate) fn header(self, block: &[u8]) -> Result<usize, Exception> {
        let length = match self {
            Self::Bare => Some(0),
            Self::Lines(count) => memchr::memchr_iter(b'\n', block).nth(count - 1).map(|at| at + 1),
            Self::RowBinary(types) => row_binary_header(block, types),
        };
        length.ok_or_else(|| Exception::from_engine("the engine sent a block without its header"))
    }
}

fn row_binary_header(block: &[u8], types: bool) -> Option<usize> {
    let mut at = 0;
    let columns = variable_length(block, &mut at)?;
    let texts = if types { columns.checked_mul(2)? } else { columns };
    for _ in 0..texts {
        let length = variable_length(block, &mut at)?;
        at = at.checked_add(length).filter(|end| *end <= block.len())?;
    }
    Some(at)
}

/// Reads a LEB128 number.
fn variable_length(block: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = *block.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7F).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Returns the media type ClickHouse gives a format.
pub(crate) fn media_type(format: &str) -> &'static str {
    let is = |start: &str| format.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    let lines = format.to_ascii_lowercase().contains("eachrow") || is("JSONLines") || is("NDJSON");
    if is("JSON") && lines || is("NDJSON") {
        "application/x-ndjson; charset=UTF-8"
    } else if is("JSON") {
        "application/json; charset=UTF-8"
    } else if is("TSV") || is("TabSeparated") || is("TSKV") {
        "text/tab-separated-values; charset=UTF-8"
    } else if is("CSVWithNames") {
        "text/csv; charset=UTF-8; header=present"
    } else if is("CSV") {
        "text/csv; charset=UTF-8; header=absent"
    } else if is("XML") {
        "application/xml; charset=UTF-8"
    } else if is("RowBinary")
        || is("Native")
        || is("Parquet")
        || is("Arrow")
        || is("ORC")
        || is("Avro")
        || is("MsgPack")
    {
        "application/octet-stream"
    } else {
        "text/plain; charset=UTF-8"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_measured() {
        let header = b"\x01\x06number\x06UInt64";
        let block = [header.as_slice(), &[0; 8]].concat();
        assert_eq!(Streaming::RowBinary(true).header(&block).unwrap(), header.len());
        assert_eq!(Streaming::RowBinary(true).header(header).unwrap(), header.len());
        assert!(Streaming::RowBinary(true).header(&header[..5]).is_err());
        assert_eq!(Streaming::Lines(2).header(b"a\nUInt8\n1\n").unwrap(), 8);
        assert!(Streaming::Lines(2).header(b"a\n").is_err());
        assert_eq!(Streaming::Bare.header(b"").unwrap(), 0);
    }

    #[test]
    fn documents_are_not_streamed() {
        for format in
            ["JSON", "JSONCompact", "Parquet", "ArrowStream", "Values", "Pretty", "CSVWithNames", "Null", "XML"]
        {
            assert_eq!(streaming(format), None, "{format}");
        }
    }
}
