//! Hostile and damaged archives: refused with a clear code, within the caps, and nothing is written anywhere.

use champion_decode::{Limits, Refusal, RefusalCode, Request, decode};
use champion_market_data::{Dataset, Exchange};

use crate::sheet::{Sheet, decode_bytes, zip};

const DATASET: Dataset = Dataset::Bhavcopy;

fn expect(bytes: &[u8], code: RefusalCode, words: &[&str]) -> Refusal {
    let refusal = decode_bytes(bytes, DATASET).expect_err("refused");
    assert_eq!(refusal.code, code, "{refusal}");
    assert!(words.iter().all(|word| refusal.reason.contains(word)), "{refusal}");
    refusal
}

fn find(bytes: &[u8], text: &[u8]) -> usize {
    bytes.windows(text.len()).position(|window| window == text).expect("the text")
}

/// Overwrites bytes in the central directory's entry of the first member.
fn patched(mut bytes: Vec<u8>, offset: usize, new: &[u8]) -> Vec<u8> {
    let entry = find(&bytes, b"PK\x01\x02") + offset;
    bytes[entry..entry + new.len()].copy_from_slice(new);
    bytes
}

#[test]
fn an_archive_cut_off_anywhere_is_truncated() {
    let bytes = zip(&[("cm.csv", &Sheet::udiff(20).bytes())]);
    for length in 4..bytes.len() {
        expect(&bytes[..length], RefusalCode::Truncated, &[]);
    }
}

#[test]
fn a_flipped_bit_in_the_member_never_changes_a_table() {
    let bytes = zip(&[("cm.csv", &Sheet::udiff(20).bytes())]);
    let whole = decode_bytes(&bytes, DATASET).expect("a good file");
    let (start, end) = (36, find(&bytes, b"PK\x01\x02"));
    for position in start..end {
        let mut flipped = bytes.clone();
        flipped[position] ^= 0x10;
        match decode_bytes(&flipped, DATASET) {
            Err(refusal) => assert_eq!(refusal.code, RefusalCode::Truncated, "byte {position}: {refusal}"),
            // The last byte ends with bits that mean nothing.
            Ok(decoded) => assert_eq!((position, &decoded.tables[0]), (end - 1, &whole.tables[0])),
        }
    }
}

#[test]
fn an_archive_of_nothing_or_of_several_members_is_refused() {
    expect(&zip(&[]), RefusalCode::BadArchive, &["found 0"]);
    let sheet = Sheet::udiff(3).bytes();
    expect(&zip(&[("a.csv", &sheet), ("b.csv", &sheet)]), RefusalCode::BadArchive, &["found 2", "a.csv", "b.csv"]);
    let names: Vec<String> = (0..17).map(|number| format!("{number}.csv")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    expect(&zip(&members), RefusalCode::ArchiveLimits, &["17 members"]);
}

#[test]
fn promise_13_an_archive_that_announces_many_members_is_refused_by_the_announcement() {
    let mut bytes = zip(&[("cm.csv", &Sheet::udiff(3).bytes())]);
    let end = find(&bytes, b"PK\x05\x06");
    bytes[end + 8..end + 12].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    expect(&bytes, RefusalCode::ArchiveLimits, &["65535 members"]);
}

#[test]
fn a_name_listed_twice_is_refused() {
    let sheet = Sheet::udiff(3).bytes();
    let mut bytes = zip(&[("a.csv", &sheet), ("b.csv", &sheet)]);
    while let Some(position) = bytes.windows(5).position(|window| window == b"b.csv") {
        bytes[position] = b'a';
    }
    expect(&bytes, RefusalCode::BadArchive, &["twice"]);
}

#[test]
fn promise_13_a_bomb_is_refused_by_ratio_and_by_size() {
    let header = Sheet::udiff(0).bytes();
    let bomb = [header, vec![b'\n'; 4 << 20]].concat();
    expect(&zip(&[("cm.csv", &bomb)]), RefusalCode::ArchiveLimits, &["100 times"]);
    let sheet = Sheet::udiff(500).bytes();
    let limits = Limits { max_member_bytes: 10_000, ..Limits::default() };
    let request = Request { limits, ..Request::new(DATASET, Exchange::Nse, None) };
    let refusal = decode(&zip(&[("cm.csv", &sheet)]), &request).expect_err("too large");
    assert_eq!(refusal.code, RefusalCode::ArchiveLimits);
    assert!(refusal.reason.contains("10000 bytes"), "{refusal}");
    let limits = Limits { max_archive_bytes: 100, ..Limits::default() };
    let refusal = decode(&zip(&[("cm.csv", &sheet)]), &Request { limits, ..request }).expect_err("too large");
    assert_eq!(refusal.code, RefusalCode::ArchiveLimits);
}

#[test]
fn promise_13_a_lying_size_does_not_lift_the_cap() {
    let bomb = [Sheet::udiff(0).bytes(), vec![b'\n'; 4 << 20]].concat();
    // Offset 24 of the entry is the uncompressed size.
    let lying = patched(zip(&[("cm.csv", &bomb)]), 24, &1000_u32.to_le_bytes());
    let refusal = decode_bytes(&lying, DATASET).expect_err("refused");
    assert!(matches!(refusal.code, RefusalCode::ArchiveLimits | RefusalCode::Truncated), "{refusal}");
    // Offset 20 is the compressed size: the ratio is taken from what is there.
    let lying = patched(zip(&[("cm.csv", &bomb)]), 20, &0x7fff_ffff_u32.to_le_bytes());
    decode_bytes(&lying, DATASET).expect_err("refused");
}

#[test]
fn promise_13_names_that_lead_out_of_the_folder_are_refused() {
    let sheet = Sheet::udiff(3).bytes();
    for name in ["../cm.csv", "a/../../cm.csv", "/etc/cm.csv", "C:cm.csv", "c:\\cm.csv", "a\\cm.csv", "cm\0.csv"] {
        // The writer cleans some names; write one of the same length and overwrite it everywhere.
        let plain = "x".repeat(name.len());
        let mut bytes = zip(&[(&plain, &sheet)]);
        while let Some(position) = bytes.windows(plain.len()).position(|window| window == plain.as_bytes()) {
            bytes[position..position + plain.len()].copy_from_slice(name.as_bytes());
        }
        expect(&bytes, RefusalCode::BadArchive, &["name"]);
    }
    expect(&zip(&[("cm.exe", &sheet)]), RefusalCode::BadArchive, &["cm.exe"]);
    expect(&zip(&[("folder/", b"")]), RefusalCode::BadArchive, &[]);
}

#[test]
fn promise_13_encrypted_linked_and_nested_members_are_refused() {
    let sheet = Sheet::udiff(3).bytes();
    let archive = zip(&[("cm.csv", &sheet)]);
    // Offset 8 of the entry is the flags, of which the lowest says "encrypted".
    expect(&patched(archive.clone(), 8, &[1, 0]), RefusalCode::BadArchive, &["encrypted"]);
    // Offset 5 is the system (3: Unix), offset 38 the attributes: the upper half is the mode, 0o120777 a link.
    let linked = patched(patched(archive.clone(), 5, &[3]), 38, &(0o120_777_u32 << 16).to_le_bytes());
    expect(&linked, RefusalCode::BadArchive, &["link"]);
    expect(&zip(&[("cm.csv", &archive)]), RefusalCode::BadArchive, &["archive itself"]);
    expect(&zip(&[("cm.csv", b"\x1f\x8b\x08\0\0\0")]), RefusalCode::BadArchive, &["archive itself"]);
}

#[test]
fn a_page_in_an_archive_is_a_page_and_an_empty_member_is_empty() {
    expect(&zip(&[("cm.csv", b"<html>Access Denied</html>")]), RefusalCode::Html, &[]);
    expect(&zip(&[("cm.csv", b"")]), RefusalCode::Empty, &[]);
}
