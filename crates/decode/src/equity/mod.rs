//! The equity reports: bhavcopy in its three eras, and the full bhavcopy with delivery.

mod books;
mod delivery;
mod file;
mod header;
mod inspect;
mod keys;
mod layout;
mod ohlc;
mod row;
mod rules;
mod store;

pub(crate) use delivery::FullBhavcopy;
pub(crate) use file::decode;
pub(crate) use inspect::inspect;
pub(crate) use ohlc::Bhavcopy;
