//! Packing: ClickHouse's own compressed blocks and the content encodings, as readers and writers.

mod decode;
mod encode;
mod native;

pub(crate) use decode::{Limited, decoder};
pub(crate) use encode::Encoder;
