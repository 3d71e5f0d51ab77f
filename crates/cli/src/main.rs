//! The person's door: run, backfill, status, trace, query, validate, up.
fn main() {}
