//! Answers, packed block by block.

use std::io::{self, Write};

use bytes::Bytes;

use super::native;
use crate::request::{AnswerCoding, Encoding};

/// Packs an answer as it comes.
pub(crate) enum Encoder {
    Plain,
    Native,
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Deflate(flate2::write::ZlibEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Lz4(Box<lz4_flex::frame::FrameEncoder<Vec<u8>>>),
}

impl Encoder {
    /// Creates the encoder a request asks for.
    ///
    /// # Errors
    ///
    /// Fails when a compressor cannot be created.
    pub(crate) fn new(coding: AnswerCoding) -> io::Result<Self> {
        let fast = flate2::Compression::fast();
        Ok(match coding {
            AnswerCoding::Plain => Self::Plain,
            AnswerCoding::NativeBlocks => Self::Native,
            AnswerCoding::Encoded(Encoding::Gzip) => Self::Gzip(flate2::write::GzEncoder::new(Vec::new(), fast)),
            AnswerCoding::Encoded(Encoding::Deflate) => {
                Self::Deflate(flate2::write::ZlibEncoder::new(Vec::new(), fast))
            }
            AnswerCoding::Encoded(Encoding::Zstd) => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), 1)?),
            AnswerCoding::Encoded(Encoding::Lz4) => Self::Lz4(Box::new(lz4_flex::frame::FrameEncoder::new(Vec::new()))),
        })
    }

    /// Packs a piece; what comes out may be empty until more goes in.
    ///
    /// # Errors
    ///
    /// Fails when the compressor does.
    pub(crate) fn push(&mut self, data: Bytes) -> io::Result<Bytes> {
        fn drained(out: &mut Vec<u8>) -> Bytes {
            Bytes::from(std::mem::take(out))
        }
        Ok(match self {
            Self::Plain => data,
            Self::Native => {
                let mut out = Vec::new();
                data.chunks(native::BLOCK).for_each(|block| native::pack(block, &mut out));
                out.into()
            }
            Self::Gzip(encoder) => {
                encoder.write_all(&data)?;
                drained(encoder.get_mut())
            }
            Self::Deflate(encoder) => {
                encoder.write_all(&data)?;
                drained(encoder.get_mut())
            }
            Self::Zstd(encoder) => {
                encoder.write_all(&data)?;
                drained(encoder.get_mut())
            }
            Self::Lz4(encoder) => {
                encoder.write_all(&data)?;
                drained(encoder.get_mut())
            }
        })
    }

    /// Ends the answer and returns the last bytes.
    ///
    /// # Errors
    ///
    /// Fails when the compressor does.
    pub(crate) fn finish(self) -> io::Result<Bytes> {
        Ok(match self {
            Self::Plain | Self::Native => Bytes::new(),
            Self::Gzip(encoder) => encoder.finish()?.into(),
            Self::Deflate(encoder) => encoder.finish()?.into(),
            Self::Zstd(encoder) => encoder.finish()?.into(),
            Self::Lz4(encoder) => encoder.finish().map_err(io::Error::other)?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::coding::decoder;
    use crate::request::BodyCoding;

    #[test]
    fn every_coding_comes_back_through_its_decoder() {
        let pieces: Vec<Bytes> = (0..40_u8).map(|n| Bytes::from(vec![n; 50_000])).collect();
        let whole = pieces.concat();
        let codings = Encoding::ALL.map(AnswerCoding::Encoded).into_iter().chain([AnswerCoding::NativeBlocks]);
        for coding in codings {
            let mut encoder = Encoder::new(coding).unwrap();
            let mut packed = Vec::new();
            for piece in &pieces {
                packed.extend_from_slice(&encoder.push(piece.clone()).unwrap());
            }
            packed.extend_from_slice(&encoder.finish().unwrap());
            let body = match coding {
                AnswerCoding::Encoded(encoding) => BodyCoding { encoding: Some(encoding), native_blocks: false },
                AnswerCoding::NativeBlocks | AnswerCoding::Plain => BodyCoding { encoding: None, native_blocks: true },
            };
            let mut out = Vec::new();
            decoder(packed.as_slice(), body).unwrap().read_to_end(&mut out).unwrap();
            assert!(out == whole, "{coding:?}");
        }
    }
}
