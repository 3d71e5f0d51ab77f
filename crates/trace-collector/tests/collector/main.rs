//! The collector as a whole: spans in over both protocols, rows out in a real ClickHouse.

mod export;
mod harness;
mod keeping;
mod receiving;
