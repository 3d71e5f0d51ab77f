//! The scraper service: fetches what the exchange published and keeps the bytes.
fn main() {}
