//! Archives that are wrong.

use std::io::{self, Cursor, Read, Write};

use champion_market_data::TradeDate;
use zip::ZipWriter;

use super::kind::ContainerFault;
use super::rule::Rule;
use crate::market::{pack, unpack, zip_options};

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

/// Spoils a file as a container; what needs a member fails on a file that is no archive.
pub(super) fn spoil(fault: ContainerFault, bytes: &[u8], rule: &Rule, date: Option<TradeDate>) -> io::Result<Vec<u8>> {
    match fault {
        ContainerFault::TruncatedZip => Ok(bytes[..bytes.len() / 2].to_vec()),
        // Neither an archive nor a text any more.
        ContainerFault::NotAZip => Ok(bytes.iter().map(|byte| byte ^ 0x5a).collect()),
        ContainerFault::BadCrc => Ok(bad_crc(bytes)),
        ContainerFault::LyingSize => Ok(lying_size(bytes)),
        ContainerFault::ZipBomb => bomb(&unpack(bytes)?.0, rule.bytes),
        ContainerFault::NestedZip => pack(&format!("{}.zip", unpack(bytes)?.0), bytes, date),
        ContainerFault::TraversalMember => {
            let (member, content) = unpack(bytes)?;
            pack(&format!("../../{member}"), &content, date)
        }
        ContainerFault::ManyMembers => {
            let (member, content) = unpack(bytes)?;
            crowded(&member, &content, date, rule.rows)
        }
    }
}

/// Spoils the checksum in both headers.
fn bad_crc(archive: &[u8]) -> Vec<u8> {
    patched(archive, LOCAL_CRC, CENTRAL_CRC, |crc| crc ^ 0xffff_ffff)
}

/// Declares a tenth of the member's size.
fn lying_size(archive: &[u8]) -> Vec<u8> {
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
fn bomb(member: &str, bytes: Option<u64>) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(member, zip_options(None))?;
    io::copy(&mut io::repeat(0).take(bytes.unwrap_or(BOMB_BYTES)), &mut zip)?;
    Ok(zip.finish()?.into_inner())
}

/// Packs the content and many small members beside it.
fn crowded(member: &str, content: &[u8], date: Option<TradeDate>, extra: Option<usize>) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(member, zip_options(date))?;
    zip.write_all(content)?;
    for number in 0..extra.unwrap_or(MEMBERS) {
        zip.start_file(format!("extra{number}.csv"), zip_options(date))?;
        zip.write_all(b"x\n")?;
    }
    Ok(zip.finish()?.into_inner())
}
