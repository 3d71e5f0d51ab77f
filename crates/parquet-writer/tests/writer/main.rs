//! The parquet-writer as its callers see it, on a real lake in a temporary folder.

mod believed;
mod damage;
mod faults;
mod fencing;
mod harness;
mod power;
mod rivals;
mod second_look;
mod serving;
mod upkeep;
mod writing;
