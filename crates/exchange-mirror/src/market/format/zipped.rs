//! One file in a zip archive, the same bytes every time.

use std::io::{self, Cursor, Read, Write};

use champion_market_data::TradeDate;
use chrono::Datelike;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Deflate level: near the exchange's ratio of 3:1 at a third of the time of the default level.
const LEVEL: i64 = 3;

/// Packs one member. Its time is half past five in the afternoon of the trade date, so bytes do not depend on a clock.
///
/// # Errors
///
/// Fails when the archive cannot be written, which memory does not refuse.
pub(crate) fn pack(member: &str, content: &[u8], date: Option<TradeDate>) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::with_capacity(content.len() / 2)));
    zip.start_file(member, options(date))?;
    zip.write_all(content)?;
    Ok(zip.finish()?.into_inner())
}

/// Returns the options of a member: deflated, with a fixed time.
pub(crate) fn options(date: Option<TradeDate>) -> SimpleFileOptions {
    let time = date
        .and_then(|date| {
            let (year, month, day) = (date.date().year(), date.date().month(), date.date().day());
            DateTime::from_date_and_time(year as u16, month as u8, day as u8, 17, 30, 0).ok()
        })
        .unwrap_or_default();
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .last_modified_time(time)
}

/// Unpacks the first member: its name and its content.
///
/// # Errors
///
/// Fails when the bytes are no archive with a member.
pub(crate) fn unpack(archive: &[u8]) -> io::Result<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(archive))?;
    let mut member = zip.by_index(0)?;
    let mut content = Vec::new();
    member.read_to_end(&mut content)?;
    let name = member.name()?.into_owned();
    Ok((name, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_unpacks_and_packing_twice_gives_the_same_bytes() {
        let date = "2025-02-24".parse().ok();
        let packed = pack("a.csv", b"x,y\n1,2\n", date).expect("memory");
        assert_eq!(packed, pack("a.csv", b"x,y\n1,2\n", date).expect("memory"));
        assert_eq!(unpack(&packed).expect("an archive"), ("a.csv".to_owned(), b"x,y\n1,2\n".to_vec()));
    }
}
