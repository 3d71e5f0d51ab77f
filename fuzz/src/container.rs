//! The zip reader.

use champion_decode::{Limits, fuzzing};

use crate::memory::peak_of;

/// Most bytes of a member here.
const MOST: u64 = 1 << 20;

/// An archive as it is; one that does not begin like an archive describes one, so that mutation gets behind checksums.
pub(crate) fn container(data: &[u8]) {
    open(data);
    if !data.starts_with(b"PK") {
        open(&described(data));
    }
}

fn open(bytes: &[u8]) {
    let limits = Limits { max_member_bytes: MOST, ..Limits::default() };
    let (result, peak) = peak_of(|| fuzzing::open(bytes, &limits).map(|text| text.into_owned()));
    assert!(peak <= (8 << 20) + 64 * bytes.len(), "{peak} bytes of memory for {} bytes", bytes.len());
    assert_eq!(fuzzing::open(bytes, &limits).map(|text| text.into_owned()), result, "the same bytes, the same text");
    match result {
        Ok(text) => {
            assert!(text.len() as u64 <= MOST.min(100 * bytes.len() as u64), "the caps hold");
            let start = text.trim_ascii_start();
            assert!(!start.is_empty() && !b"<{[".contains(&start[0]));
            assert!(!text.starts_with(b"PK\x03\x04"), "an archive inside an archive");
        }
        Err(refusal) => {
            assert!(refusal.rows.is_empty() && !refusal.reason.is_empty());
            assert!(refusal.reason.len() < 4096, "{} bytes of reason", refusal.reason.len());
        }
    }
}

/// Takes bytes off the front of a description.
struct Description<'d>(&'d [u8]);

impl<'d> Description<'d> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, self.0), |(first, rest)| (*first, rest));
        self.0 = rest;
        first
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    fn take(&mut self, count: usize) -> &'d [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Writes the archive that bytes describe: members with right checksums, and headers that lie as much as described.
fn described(data: &[u8]) -> Vec<u8> {
    let mut description = Description(data);
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    let members = u16::from(description.byte() % 4);
    for _ in 0..=members {
        let at = archive.len() as u32;
        let choice = description.byte();
        let name = if choice & 1 == 0 { b"cm.csv" } else { description.take(usize::from(choice >> 3)) };
        let flags = if choice & 2 == 0 { 0 } else { description.u16() };
        let extra = if choice & 4 == 0 { &[][..] } else { description.take(usize::from(choice >> 4)) };
        let lie = if choice & 8 == 0 { 0 } else { u32::from(description.u16()) << (choice >> 4) };
        let length = usize::from(description.u16() % 2048);
        let content = description.take(length);
        let (method, packed) = if choice & 16 == 0 { (0_u16, content.to_vec()) } else { (8, stored(content)) };
        let sizes = [crc32fast::hash(content), packed.len() as u32, (content.len() as u32).wrapping_add(lie)];
        let common = |out: &mut Vec<u8>| {
            for value in [20, flags, method, 0, 33] {
                out.extend_from_slice(&value.to_le_bytes());
            }
            sizes.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
            out.extend_from_slice(&(name.len() as u16).to_le_bytes());
            out.extend_from_slice(&(extra.len() as u16).to_le_bytes());
        };
        archive.extend_from_slice(b"PK\x03\x04");
        common(&mut archive);
        archive.extend_from_slice(&[name, extra, &packed].concat());
        directory.extend_from_slice(b"PK\x01\x02\x14\x03");
        common(&mut directory);
        // Comment, disk, inner attributes; then the attributes with the file's mode in the upper half.
        directory.extend_from_slice(&[0; 6]);
        let mode = if choice & 32 == 0 { 0o100_644 } else { description.u16() };
        directory.extend_from_slice(&(u32::from(mode) << 16).to_le_bytes());
        directory.extend_from_slice(&at.to_le_bytes());
        directory.extend_from_slice(&[name, extra].concat());
    }
    let choice = description.byte();
    let count = if choice & 1 == 0 { members + 1 } else { description.u16() };
    let start = archive.len() as u32;
    archive.extend_from_slice(&directory);
    if choice & 2 != 0 {
        zip64_end(&mut archive, u64::from(description.u16()) << (choice >> 2), directory.len() as u64, start);
    }
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    [count, count].iter().for_each(|value| archive.extend_from_slice(&value.to_le_bytes()));
    archive.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    archive.extend_from_slice(&start.to_le_bytes());
    archive.extend_from_slice(&[0; 2]);
    archive
}

/// Writes the end records of an archive with 64-bit sizes.
fn zip64_end(archive: &mut Vec<u8>, members: u64, directory: u64, start: u32) {
    let at = archive.len() as u64;
    archive.extend_from_slice(b"PK\x06\x06");
    archive.extend_from_slice(&44_u64.to_le_bytes());
    archive.extend_from_slice(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [members, members, directory, u64::from(start)] {
        archive.extend_from_slice(&value.to_le_bytes());
    }
    archive.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    archive.extend_from_slice(&at.to_le_bytes());
    archive.extend_from_slice(&1_u32.to_le_bytes());
}

/// Packs bytes as one stored block of a deflate stream.
fn stored(content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16;
    [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), content].concat()
}
