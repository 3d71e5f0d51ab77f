//! Hostile archives cost a bounded amount of memory and leave nothing behind. A program of its own: it counts what is
//! allocated and looks into the folder it stands in.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use champion_decode::{Limits, RefusalCode, Request, decode};
use champion_market_data::{Dataset, Exchange};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

#[allow(unreachable_pub, reason = "the file is another crate's module")]
#[path = "../../../fuzz/src/memory.rs"]
mod memory;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

const HEADER: &[u8] = b"SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,\n";

fn archive(name: &str, bytes: &[u8]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(name, options).expect("a member");
    archive.write_all(bytes).expect("bytes in memory");
    archive.finish().expect("an archive").into_inner()
}

fn find(bytes: &[u8], text: &[u8]) -> usize {
    bytes.windows(text.len()).position(|window| window == text).expect("the text")
}

/// Overwrites bytes at an offset in the central directory's first entry.
fn patched(mut bytes: Vec<u8>, offset: usize, new: &[u8]) -> Vec<u8> {
    let entry = find(&bytes, b"PK\x01\x02") + offset;
    bytes[entry..entry + new.len()].copy_from_slice(new);
    bytes
}

/// A directory of so many members, announced in 64 bits as it has to be beyond 65,535.
fn members(count: u64) -> Vec<u8> {
    let mut entry = [&b"PK\x01\x02"[..], &[0; 42], b"m.csv"].concat();
    entry[28] = 5;
    let mut bytes = [b"PK\x03\x04", [0; 26].as_slice()].concat();
    let start = bytes.len() as u64;
    bytes.extend(entry.iter().cycle().take(entry.len() * count as usize));
    let end = bytes.len() as u64;
    bytes.extend_from_slice(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
    [count, count, end - start, start].iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    bytes.extend_from_slice(&end.to_le_bytes());
    bytes.extend_from_slice(b"\x01\0\0\0PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&[0xff; 12]);
    bytes.extend_from_slice(&[0; 2]);
    bytes
}

/// The same directory, announced as one member in the old record and as all of them in the one of 64 bits.
fn announced_as_one(count: u64) -> Vec<u8> {
    let mut bytes = members(1);
    let record = find(&bytes, b"PK\x06\x06");
    [24, 32].iter().for_each(|at| bytes[record + at..record + at + 8].copy_from_slice(&count.to_le_bytes()));
    let end = find(&bytes, b"PK\x05\x06");
    bytes[end + 8..end + 12].copy_from_slice(&[1, 0, 1, 0]);
    bytes
}

fn everything_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { everything_below(&path) } else { vec![path] }).collect()
}

#[test]
fn promise_13_hostile_archives_are_refused_with_bounded_memory_and_nothing_is_written() {
    let outside = tempfile::tempdir().expect("a folder");
    let inside = outside.path().join("a/b");
    std::fs::create_dir_all(&inside).expect("a folder");
    std::env::set_current_dir(&inside).expect("the folder is there");

    let row = b"EXAMPLE,EQ,28.5,29,28.4,28.5,28.55,28.55,1000,28510,01-JUN-2005,\n";
    let good = [HEADER, row].concat();
    // Blocks that pack some 50 to 1: below the cap on the ratio, so that only the cap on bytes stops it.
    let noise: Vec<u8> = (0..6_000_u32).map(|n| b'0' + (n.wrapping_mul(2_654_435_761) >> 28) as u8 % 10).collect();
    let wide: Vec<u8> = noise.iter().copied().cycle().take(40 << 20).collect();
    let bomb = archive("cm.csv", &[HEADER, &vec![b'\n'; 64 << 20]].concat());
    let named = |name: &str| {
        let mut bytes = archive(&"x".repeat(name.len()), &good);
        while let Some(at) = bytes.windows(name.len()).position(|part| part.iter().all(|byte| *byte == b'x')) {
            bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
        }
        bytes
    };
    let linked = patched(patched(archive("cm.csv", b"/etc/passwd"), 5, &[3]), 38, &(0o120_777_u32 << 16).to_le_bytes());
    let cases = [
        ("bomb by ratio", bomb.clone(), RefusalCode::ArchiveLimits),
        ("bomb by size", archive("cm.csv", &wide), RefusalCode::ArchiveLimits),
        ("nested", archive("cm.csv", &archive("cm.csv", &good)), RefusalCode::BadArchive),
        ("nested bomb", archive("cm.csv", &bomb), RefusalCode::ArchiveLimits),
        ("traversal", named("../escaped.csv"), RefusalCode::BadArchive),
        ("absolute", named("/tmp/escaped.csv"), RefusalCode::BadArchive),
        ("link", linked, RefusalCode::BadArchive),
        ("encrypted", patched(archive("cm.csv", &good), 8, &[1, 0]), RefusalCode::BadArchive),
        ("a million members", members(1_000_000), RefusalCode::ArchiveLimits),
        ("as many members as the cap on bytes lets in", members(150_000), RefusalCode::ArchiveLimits),
        ("a million members called one", announced_as_one(1_000_000), RefusalCode::Truncated),
        ("2^60 members called one", announced_as_one(1 << 60), RefusalCode::Truncated),
        ("bomb called small", patched(bomb, 24, &1000_u32.to_le_bytes()), RefusalCode::Truncated),
        (
            "small called large",
            patched(archive("cm.csv", &good), 24, &[0xff, 0xff, 0xff, 0x7f]),
            RefusalCode::Truncated,
        ),
    ];
    let limits = Limits::default();
    let request = Request::new(Dataset::Bhavcopy, Exchange::Nse, None);
    // A member that grows beyond the cap is noticed when its buffer has doubled for the last time.
    let cap = 2 * limits.max_member_bytes as usize + (4 << 20);
    for (what, bytes, code) in cases {
        let (result, peak) = memory::peak_of(|| decode(&bytes, &request));
        eprintln!("{what}: {} bytes, at most {peak} bytes of memory", bytes.len());
        match result {
            Err(refusal) => assert_eq!(refusal.code, code, "{what}: {refusal}"),
            // A size that is believed nowhere may be wrong: the content is what its checksum says.
            Ok(decoded) => assert_eq!((what, decoded.counts.published), ("small called large", 1)),
        }
        assert!(peak < cap, "{what}: {peak} bytes of memory");
        assert!(peak < 16 << 20 || what == "bomb by size", "{what}: {peak} bytes of memory");
    }
    assert_eq!(everything_below(outside.path()), Vec::<PathBuf>::new(), "nothing is written");
}
