//! The exchanges' own URLs on loopback: recorded files or a generated market, with every failure on request.
//!
//! Demo, tests and benchmarks ask this server instead of the exchange. It stands before the scraper and knows nothing of
//! what comes after. A host is part of the path, so a scraper's base URL for `nsearchives.nseindia.com` is
//! `http://127.0.0.1:8980/nsearchives.nseindia.com`; a `Host` header with the exchange's name works as well.
//!
//! * An **archive** is a folder laid out as `<host>/<path of the URL>`, served as it lies.
//! * The **generated market** is a function of a seed: every file of every session from 1994 to 2035 in the format of
//!   its day, the same bytes in every process and every order of requests.
//! * **Behaviour** follows the exchanges: tools are refused by their user agent, a missing file is 404 with a page (NSE) or
//!   200 with a page (BSE), the API wants the cookie a page sets, copies are revalidated by `ETag` and `Last-Modified`.
//! * **Faults** are posted to `/__fault` (see [`Config`] for a file of them), requests are listed at `/__requests`.
//!
//! ```
//! use champion_exchange_mirror::GeneratedMarket;
//! use champion_market_data::Dataset;
//!
//! let market = GeneratedMarket::new(7, 0);
//! let report = Dataset::Bhavcopy.report("2025-02-24".parse()?);
//! let file = market.file(report.host, &report.path)?.expect("a session");
//! assert!(file.bytes.starts_with(b"PK\x03\x04"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod answer;
pub mod config;
mod error;
mod fault;
mod filing;
mod market;
mod pages;
mod report;
mod run;
mod served;
mod server;
mod source;
mod write;

pub use config::{Config, SPEC};
pub use error::Error;
pub use market::{GeneratedMarket, Sessions};
pub use run::{Ports, run};
pub use served::Served;
pub use write::{Written, write_market};
