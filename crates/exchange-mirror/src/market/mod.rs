//! The generated market: every file of every day as a function of the seed.

mod action_text;
mod cache;
mod day;
mod filings;
mod format;
mod hash;
mod instrument;
mod isin;
mod names;
mod noise;
mod price;
mod publish;
mod scale_events;
mod sessions;
mod universe;

pub use publish::GeneratedMarket;
pub use sessions::Sessions;

pub(crate) use format::zipped::{options as zip_options, pack, unpack};
