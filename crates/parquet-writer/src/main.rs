//! The parquet-writer service: staged tables to curated Parquet.
fn main() {}
