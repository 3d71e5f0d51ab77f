//! Archives that are wrong.

use std::io::{self, Cursor, Read, Write};

use champion_market_data::TradeDate;
use zip::ZipWriter;

use crate::market::{pack, zip_options};

/// What a bomb unpacks to when the rule does not say.
const BOMB_BYTES: u64 = 256 << 20;
/// How many members are added when the rule does not say.
const MEMBERS: usize = 1_000;
/// Offset of the checksum in a central directory entry (APPNOTE 4.3.12), and of the unpacked size.
const CENTRAL_CRC: usize = 16;
const CENTRAL_SIZE: usize = 24;
/// The same in a local header (4.3.7).
const LOCAL_CRC: usize = 14;
const LOCAL_SIZE: usize = 22;

/// Cuts the second half off.
pub(super) fn half(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() / 2].to_vec()
}

/// Returns bytes that are no archive, and no text either.
pub(super) fn no_archive(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ 0x5a).collect()
}

/// Spoils the checksum in both headers.
pub(super) fn bad_crc(archive: &[u8]) -> Vec<u8> {
    patched(archive, LOCAL_CRC, CENTRAL_CRC, |crc| crc ^ 0xffff_ffff)
}

/// Declares a tenth of the member's size.
pub(super) fn lying_size(archive: &[u8]) -> Vec<u8> {
    patched(archive, LOCAL_SIZE, CENTRAL_SIZE, |size| size / 10)
}

/// Changes a 32-bit field in the first local header and the first central entry.
fn patched(archive: &[u8], local: usize, central: usize, change: impl Fn(u32) -> u32) -> Vec<u8> {
    let mut bytes = archive.to_vec();
    let places =
        [find(archive, b"PK\x03\x04").map(|at| at + local), find(archive, b"PK\x01\x02").map(|at| at + central)];
    for at in places.into_iter().flatten() {
        if let Some(field) = bytes.get_mut(at..at + 4) {
            let value = u32::from_le_bytes([field[0], field[1], field[2], field[3]]);
            field.copy_from_slice(&change(value).to_le_bytes());
        }
    }
    bytes
}

fn find(bytes: &[u8], signature: &[u8; 4]) -> Option<usize> {
    bytes.windows(4).position(|window| window == signature)
}

/// Packs zeros without holding them.
pub(super) fn bomb(member: &str, bytes: Option<u64>) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(member, zip_options(None))?;
    io::copy(&mut io::repeat(0).take(bytes.unwrap_or(BOMB_BYTES)), &mut zip)?;
    Ok(zip.finish()?.into_inner())
}

/// Packs an archive into an archive.
pub(super) fn nested(member: &str, archive: &[u8], date: Option<TradeDate>) -> io::Result<Vec<u8>> {
    pack(&format!("{member}.zip"), archive, date)
}

/// Packs the content under a name that climbs.
pub(super) fn climbing(member: &str, content: &[u8], date: Option<TradeDate>) -> io::Result<Vec<u8>> {
    pack(&format!("../../{member}"), content, date)
}

/// Packs the content and many small members beside it.
pub(super) fn crowded(
    member: &str,
    content: &[u8],
    date: Option<TradeDate>,
    extra: Option<usize>,
) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(member, zip_options(date))?;
    zip.write_all(content)?;
    for number in 0..extra.unwrap_or(MEMBERS) {
        zip.start_file(format!("extra{number}.csv"), zip_options(date))?;
        zip.write_all(b"x\n")?;
    }
    Ok(zip.finish()?.into_inner())
}
