//! From the bytes as received to the text of one CSV file: plain, or the only member of a zip archive.
//!
//! An archive is hostile until proven otherwise. Sizes in its headers are believed nowhere: bytes are counted while
//! they are inflated. The member's name is looked at and never used as a path.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use memchr::memmem;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::RefusalCode::{ArchiveLimits, BadArchive, Empty, Html, NotAZip, NotUtf8, TooLarge, Truncated, WrongFormat};
use crate::{Limits, Refusal};

/// Begins every member of a zip archive.
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
/// Begins the end-of-central-directory record; an archive without members begins with it.
const END_RECORD: &[u8] = b"PK\x05\x06";
/// Length of the end record without its comment, and of the longest comment.
const END_RECORD_BYTES: usize = 22;
const MAX_COMMENT_BYTES: usize = 65_535;
/// Begins a gzip stream.
const GZIP: &[u8] = b"\x1f\x8b";
/// How far into a text HTML is looked for: one soft "not found" begins with a line of CSV.
const HTML_WINDOW: usize = 4096;
/// Inflated bytes a step; the caps are checked after each.
const CHUNK_BYTES: u64 = 256 * 1024;

/// Returns the CSV text inside the bytes, without byte-order mark; borrowed when the file is not an archive.
pub(crate) fn open<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Cow<'b, [u8]>, Refusal> {
    if bytes.starts_with(LOCAL_HEADER) || bytes.starts_with(END_RECORD) {
        let member = inflate_only_member(bytes, limits)?;
        if member.starts_with(LOCAL_HEADER) || member.starts_with(END_RECORD) || member.starts_with(GZIP) {
            return Err(Refusal::new(BadArchive, "the archive's member is an archive itself"));
        }
        let body = without_mark(&member);
        expect_csv(body)?;
        let mark = member.len() - body.len();
        return Ok(Cow::Owned(if mark == 0 { member } else { member[mark..].to_vec() }));
    }
    let length = bytes.len() as u64;
    if length > limits.max_member_bytes {
        let reason = format!("the file has {length} bytes, at most {} are read", limits.max_member_bytes);
        return Err(Refusal::new(TooLarge, reason));
    }
    let body = without_mark(bytes);
    expect_csv(body)?;
    Ok(Cow::Borrowed(body))
}

fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Refuses what is certainly not CSV: nothing, HTML, JSON, binary.
fn expect_csv(text: &[u8]) -> Result<(), Refusal> {
    let start = text.trim_ascii_start();
    let Some(first) = start.first() else {
        return Err(Refusal::new(Empty, format!("the file is empty ({} bytes of blanks)", text.len())));
    };
    if looks_like_html(start) {
        return Err(Refusal::new(Html, format!("an HTML page in place of a file: {:?}", beginning(start))));
    }
    if matches!(first, b'{' | b'[') {
        return Err(Refusal::new(WrongFormat, format!("JSON in place of a CSV file: {:?}", beginning(start))));
    }
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err(Refusal::new(NotUtf8, "UTF-16 text, expected UTF-8"));
    }
    // A zero byte further down costs the row it stands in; one before the first line end tells a binary file.
    let line_end = memchr::memchr(b'\n', start).unwrap_or(start.len());
    if memchr::memchr(0, &start[..line_end]).is_some() || start.starts_with(GZIP) {
        let head = hex::encode(&start[..start.len().min(8)]);
        return Err(Refusal::new(NotAZip, format!("neither a zip archive nor text: begins with bytes {head}")));
    }
    Ok(())
}

/// Tells whether a text is an HTML page, also one that begins with a line of something else.
pub(crate) fn looks_like_html(text: &[u8]) -> bool {
    const TAGS: [&[u8]; 6] = [b"<!doctype", b"<html", b"<head", b"<meta", b"<title", b"<body"];
    if text.trim_ascii_start().starts_with(b"<") {
        return true;
    }
    let window = &text[..text.len().min(HTML_WINDOW)];
    memchr::memchr_iter(b'<', window).any(|position| {
        let rest = &window[position..];
        TAGS.iter().any(|tag| rest.len() >= tag.len() && rest[..tag.len()].eq_ignore_ascii_case(tag))
    })
}

/// Returns the beginning of a text for a message.
pub(crate) fn beginning(text: &[u8]) -> String {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or(text);
    String::from_utf8_lossy(&line[..line.len().min(100)]).trim().chars().take(80).collect()
}

fn inflate_only_member(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let length = bytes.len() as u64;
    if length > limits.max_archive_bytes {
        let reason = format!("the archive has {length} bytes, at most {} are read", limits.max_archive_bytes);
        return Err(Refusal::new(ArchiveLimits, reason));
    }
    expect_end_record(bytes, limits)?;
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    let members = archive.len() as u64;
    if members > limits.max_members {
        return Err(too_many_members(members, limits));
    }
    if archive.has_duplicate_names() {
        return Err(Refusal::new(BadArchive, "the archive lists a name twice"));
    }
    if members != 1 {
        let names: Vec<String> = archive.file_names_raw().take(4).map(beginning).collect();
        return Err(Refusal::new(BadArchive, format!("expected one member, found {members}: {}", names.join(", "))));
    }
    let entry = archive.by_index_data(0).map_err(|error| damaged(&error))?;
    if entry.encrypted() {
        return Err(Refusal::new(BadArchive, "the archive's member is encrypted"));
    }
    if entry.is_symlink() {
        return Err(Refusal::new(BadArchive, "the archive's member is a link"));
    }
    expect_plain_name(entry.name_raw())?;
    let compressed = entry.compressed_size().min(length);
    let member = archive.by_index(0).map_err(|error| damaged(&error))?;
    read_capped(member, compressed, limits)
}

/// Refuses an archive whose end is missing, or announces more members than allowed, before its directory is read.
fn expect_end_record(bytes: &[u8], limits: &Limits) -> Result<(), Refusal> {
    let tail = &bytes[bytes.len().saturating_sub(END_RECORD_BYTES + MAX_COMMENT_BYTES)..];
    let mut found = false;
    for position in memmem::rfind_iter(tail, END_RECORD) {
        let record = &tail[position..];
        if record.len() < END_RECORD_BYTES {
            continue;
        }
        found = true;
        let members = u64::from(u16::from_le_bytes([record[10], record[11]]));
        let comment = usize::from(u16::from_le_bytes([record[20], record[21]]));
        if record.len() == END_RECORD_BYTES + comment && members > limits.max_members {
            return Err(too_many_members(members, limits));
        }
    }
    if found {
        return Ok(());
    }
    let reason = format!("the archive is cut off: no end of its directory in {} bytes", bytes.len());
    Err(Refusal::new(Truncated, reason))
}

fn too_many_members(members: u64, limits: &Limits) -> Refusal {
    let reason = format!("the archive lists {members} members, at most {} are looked at", limits.max_members);
    Refusal::new(ArchiveLimits, reason)
}

/// Refuses names that lead out of a folder and names that are not of a CSV file. A copy zipped again may keep a folder
/// of the same name in front (`cm13JUL2020bhav.csv/cm13JUL2020bhav.csv`); only the last part counts.
fn expect_plain_name(name: &[u8]) -> Result<(), Refusal> {
    let shown = || String::from_utf8_lossy(&name[..name.len().min(100)]).into_owned();
    let drive = name.get(1) == Some(&b':');
    let parts = || name.split(|byte| *byte == b'/');
    if name.starts_with(b"/")
        || drive
        || name.contains(&b'\\')
        || name.contains(&0)
        || parts().any(|part| part == b"..")
    {
        return Err(Refusal::new(BadArchive, format!("the member's name {:?} leads out of its folder", shown())));
    }
    let last = parts().next_back().unwrap_or_default();
    let extension = last.len().checked_sub(4).map(|start| &last[start..]);
    if !extension.is_some_and(|extension| extension.eq_ignore_ascii_case(b".csv")) {
        return Err(Refusal::new(BadArchive, format!("expected a member *.csv, found {:?}", shown())));
    }
    Ok(())
}

fn read_capped(mut member: impl Read, compressed: u64, limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let by_ratio = compressed.saturating_mul(limits.max_ratio);
    let cap = by_ratio.min(limits.max_member_bytes);
    let mut text = Vec::new();
    loop {
        let room = cap + 1 - text.len() as u64;
        let read = member.by_ref().take(room.min(CHUNK_BYTES)).read_to_end(&mut text).map_err(|error| {
            Refusal::new(Truncated, format!("the archive's member is damaged after {} bytes: {error}", text.len()))
        })?;
        if text.len() as u64 > cap {
            let reason = if by_ratio < limits.max_member_bytes {
                format!("the member grows beyond {} times its {compressed} compressed bytes", limits.max_ratio)
            } else {
                format!("the member grows beyond {} bytes", limits.max_member_bytes)
            };
            return Err(Refusal::new(ArchiveLimits, reason));
        }
        if read == 0 {
            return Ok(text);
        }
    }
}

/// Sorts the library's errors: an archive that ends too early is worth asking for again, a strange one is not.
fn damaged(error: &ZipError) -> Refusal {
    let code = match error {
        ZipError::Io(_) | ZipError::InvalidArchive(_) => Truncated,
        _ => BadArchive, // the enum is non-exhaustive; the rest says "unsupported" in one way or another
    };
    Refusal::new(code, format!("the archive cannot be read: {error}"))
}
