//! ClickHouse's own compressed blocks (`compress=1`, `decompress=1`).
//!
//! A block is 16 bytes of CityHash128 (of version 1.0.2) over the rest, one byte of method, the compressed size with
//! these nine bytes counted in, the uncompressed size, both 32 bits little-endian, and the compressed bytes.

use std::io::{self, Read};

use cityhash_rs::cityhash_102_128;

use crate::exception::{Code, Exception};

const METHOD_NONE: u8 = 0x02;
const METHOD_LZ4: u8 = 0x82;
const METHOD_ZSTD: u8 = 0x90;
const CHECKSUM: usize = 16;
const HEADER: usize = 9;
/// The engine's own bound of a block, compressed or not (`DBMS_MAX_COMPRESSED_SIZE`).
const LARGEST_BLOCK: usize = 1024 * 1024 * 1024;
/// Size of the blocks written here, uncompressed; the engine's own is the same.
pub(super) const BLOCK: usize = 1024 * 1024;

/// Packs at most one block's worth of bytes as LZ4.
pub(super) fn pack(data: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + CHECKSUM + HEADER + lz4_flex::block::get_maximum_output_size(data.len()), 0);
    let payload = start + CHECKSUM + HEADER;
    let written = lz4_flex::block::compress_into(data, &mut out[payload..])
        .expect("the buffer has the maximum size of the compressed data");
    out.truncate(payload + written);
    out[start + CHECKSUM] = METHOD_LZ4;
    let sizes = [HEADER + written, data.len()].map(|size| u32::try_from(size).expect("a block is at most 1 MiB"));
    out[start + CHECKSUM + 1..start + CHECKSUM + 5].copy_from_slice(&sizes[0].to_le_bytes());
    out[start + CHECKSUM + 5..payload].copy_from_slice(&sizes[1].to_le_bytes());
    let checksum = checksum(&out[start + CHECKSUM..]);
    out[start..start + CHECKSUM].copy_from_slice(&checksum);
}

/// The two halves of the hash in the order of the engine: low word, then high word.
fn checksum(data: &[u8]) -> [u8; CHECKSUM] {
    cityhash_102_128(data).rotate_left(64).to_le_bytes()
}

/// Reads blocks and gives their content.
pub(super) struct NativeBlocks<R> {
    inner: R,
    compressed: Vec<u8>,
    block: Vec<u8>,
    at: usize,
}

impl<R: Read> NativeBlocks<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, compressed: Vec::new(), block: Vec::new(), at: 0 }
    }

    /// Reads the next block; false at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        let mut head = [0_u8; CHECKSUM + HEADER];
        let got = read_up_to(&mut self.inner, &mut head)?;
        if got == 0 {
            return Ok(false);
        }
        if got < head.len() {
            return Err(broken(Code::CANNOT_DECOMPRESS, "Compressed data ends inside a block's header"));
        }
        let size = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
        let (packed, plain) = (size(CHECKSUM + 1), size(CHECKSUM + 5));
        if !(HEADER..=LARGEST_BLOCK).contains(&packed) || plain > LARGEST_BLOCK {
            return Err(broken(
                Code::CANNOT_DECOMPRESS,
                "Size of a compressed block is out of bounds; is the body compressed?",
            ));
        }
        self.compressed.clear();
        self.compressed.extend_from_slice(&head[CHECKSUM..]);
        // `take` and not a buffer of the declared size: a lie about the size must not cost memory.
        let rest = u64::try_from(packed - HEADER).unwrap_or(u64::MAX);
        let got = self.inner.by_ref().take(rest).read_to_end(&mut self.compressed)?;
        if got < packed - HEADER {
            return Err(broken(Code::CANNOT_DECOMPRESS, "Compressed data ends inside a block"));
        }
        if checksum(&self.compressed) != head[..CHECKSUM] {
            return Err(broken(
                Code::CHECKSUM_DOESNT_MATCH,
                "Checksum of a compressed block doesn't match: corrupted data",
            ));
        }
        self.unpack(head[CHECKSUM], plain)
    }

    fn unpack(&mut self, method: u8, plain: usize) -> io::Result<bool> {
        let payload = &self.compressed[HEADER..];
        self.at = 0;
        self.block.clear();
        let written = match method {
            METHOD_NONE => {
                self.block.extend_from_slice(payload);
                Ok(payload.len())
            }
            METHOD_LZ4 => {
                // LZ4 packs at most 255 to 1, so a larger claim is a lie and must not cost memory.
                if plain / 255 > payload.len() {
                    return Err(broken(Code::CANNOT_DECOMPRESS, "Size of a compressed block cannot be right"));
                }
                self.block.resize(plain, 0);
                lz4_flex::block::decompress_into(payload, &mut self.block).map_err(|error| error.to_string())
            }
            METHOD_ZSTD => {
                let limit = u64::try_from(plain).unwrap_or(u64::MAX).saturating_add(1);
                zstd::stream::read::Decoder::new(payload)
                    .and_then(|decoder| decoder.take(limit).read_to_end(&mut self.block))
                    .map_err(|error| error.to_string())
            }
            other => return Err(broken(Code::CANNOT_DECOMPRESS, &format!("Unknown compression method {other:#04x}"))),
        };
        match written {
            Ok(written) if written == plain => Ok(true),
            Ok(_) => Err(broken(Code::CANNOT_DECOMPRESS, "A compressed block has another size than it says")),
            Err(error) => Err(broken(Code::CANNOT_DECOMPRESS, &format!("Cannot decompress a block: {error}"))),
        }
    }
}

impl<R: Read> Read for NativeBlocks<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // A block may be empty.
        while self.at == self.block.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let size = out.len().min(self.block.len() - self.at);
        out[..size].copy_from_slice(&self.block[self.at..self.at + size]);
        self.at += size;
        Ok(size)
    }
}

fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

fn broken(code: Code, text: &str) -> io::Error {
    io::Error::other(Exception::new(code, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(data: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        NativeBlocks::new(data).read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn what_is_packed_comes_back() {
        let data: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut packed = Vec::new();
        for block in data.chunks(7000) {
            pack(block, &mut packed);
        }
        pack(b"", &mut packed);
        assert_eq!(unpacked(&packed).unwrap(), data);
    }

    #[test]
    fn a_flipped_bit_is_found() {
        let mut packed = Vec::new();
        pack(b"the same bytes the same bytes the same bytes", &mut packed);
        for at in 0..packed.len() {
            let mut bad = packed.clone();
            bad[at] ^= 1;
            assert!(unpacked(&bad).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_cut_block_is_an_error() {
        let mut packed = Vec::new();
        pack(b"some bytes", &mut packed);
        for cut in 1..packed.len() {
            assert!(unpacked(&packed[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn zstd_and_uncompressed_blocks_are_read() {
        let data = b"some bytes some bytes";
        for (method, payload) in [(METHOD_NONE, data.to_vec()), (METHOD_ZSTD, zstd::bulk::compress(data, 1).unwrap())] {
            let mut block = vec![method];
            block.extend_from_slice(&u32::try_from(HEADER + payload.len()).unwrap().to_le_bytes());
            block.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
            block.extend_from_slice(&payload);
            let packed = [checksum(&block).to_vec(), block].concat();
            assert_eq!(unpacked(&packed).unwrap(), data);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(data: Vec<u8>) {
            let _ = unpacked(&data);
        }

        #[test]
        fn any_content_of_a_valid_block_is_read_without_a_panic(method: u8, plain in 0..5000_u32, payload: Vec<u8>) {
            let mut block = vec![method];
            block.extend_from_slice(&u32::try_from(HEADER + payload.len()).unwrap().to_le_bytes());
            block.extend_from_slice(&plain.to_le_bytes());
            block.extend_from_slice(&payload);
            let _ = unpacked(&[checksum(&block).to_vec(), block].concat());
        }
    }
}
