//! A small OTLP receiver that keeps spans in the warehouse of one machine.
fn main() {}
