//! The parser service: raw bytes to staged, typed, validated tables.
fn main() {}
