//! Request bodies, unpacked while they are read.

use std::io::{self, Read};

use super::native::NativeBlocks;
use crate::exception::{Code, Exception};
use crate::request::{BodyCoding, Encoding};

/// Puts the unpacking readers of a request before its body.
///
/// # Errors
///
/// Fails when a decompressor cannot be created.
pub(crate) fn decoder<'r>(body: impl Read + Send + 'r, coding: BodyCoding) -> io::Result<Box<dyn Read + Send + 'r>> {
    let outer: Box<dyn Read + Send + 'r> = match coding.encoding {
        None => Box::new(body),
        Some(Encoding::Gzip) => Box::new(Named("gzip", flate2::read::MultiGzDecoder::new(body))),
        Some(Encoding::Deflate) => Box::new(Named("deflate", flate2::read::ZlibDecoder::new(body))),
        Some(Encoding::Zstd) => Box::new(Named("zstd", zstd::stream::read::Decoder::new(body)?)),
        Some(Encoding::Lz4) => Box::new(Named("lz4", lz4_flex::frame::FrameDecoder::new(body))),
    };
    Ok(if coding.native_blocks { Box::new(NativeBlocks::new(outer)) } else { outer })
}

/// A decompressor whose own errors say what it was.
struct Named<R>(&'static str, R);

impl<R: Read> Read for Named<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1.read(out).map_err(|error| match error.downcast::<Exception>() {
            Ok(below) => io::Error::other(below),
            Err(error) => {
                let text = format!("Cannot decompress the request body as {}: {error}", self.0);
                io::Error::other(Exception::new(Code::CANNOT_DECOMPRESS, text))
            }
        })
    }
}

/// A reader that refuses to go past a number of bytes.
pub(crate) struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R> Limited<R> {
    /// Allows this many bytes.
    pub(crate) const fn new(inner: R, limit: u64) -> Self {
        Self { inner, left: limit }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        let size = u64::try_from(count).unwrap_or(u64::MAX);
        match self.left.checked_sub(size) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => Err(io::Error::other(Exception::new(
                Code::TOO_MANY_BYTES,
                "The decompressed request body is longer than limits.decoded_bytes",
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(body: &[u8], encoding: Encoding) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        decoder(body, BodyCoding { encoding: Some(encoding), native_blocks: false })?.read_to_end(&mut out)?;
        Ok(out)
    }

    fn packed(encoding: Encoding, data: &[u8]) -> Vec<u8> {
        match encoding {
            Encoding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Encoding::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Encoding::Zstd => zstd::bulk::compress(data, 1).unwrap(),
            Encoding::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    #[test]
    fn every_content_encoding_is_read_and_a_wrong_one_is_an_error() {
        let data: Vec<u8> = (0..50_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for encoding in Encoding::ALL {
            assert_eq!(read(&packed(encoding, &data), encoding).unwrap(), data, "{encoding:?}");
            let error = read(b"not packed at all", encoding).unwrap_err().downcast::<Exception>().unwrap();
            assert_eq!(error.code(), Code::CANNOT_DECOMPRESS, "{encoding:?}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = packed(Encoding::Gzip, &vec![0; 10_000_000]);
        let coding = BodyCoding { encoding: Some(Encoding::Gzip), native_blocks: false };
        let mut reader = Limited::new(decoder(bomb.as_slice(), coding).unwrap(), 1_000_000);
        assert!(io::copy(&mut reader, &mut io::sink()).is_err());
    }
}
