//! Exchange files to typed columns: containers, eras, rules, corporate-action texts.
//!
//! The crate stands between the raw bytes of the lake and the parser service. It is pure and synchronous: bytes in,
//! Arrow record batches, refused rows and the books out; it does no I/O and knows no clock, so that the same bytes
//! always give the same tables. Input is hostile until proven otherwise: every size is capped, nothing panics.
//!
//! ```
//! use champion_decode::{Request, decode};
//! use champion_market_data::{Dataset, Era, Exchange, Table};
//!
//! let file = b"SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN,\n\
//!              EXAMPLE,EQ,28.5,29,28.4,28.5,28.55,28.55,1000,28510,01-JUN-2016,119,INE900A01013,\n";
//! let decoded = decode(file, &Request::new(Dataset::Bhavcopy, Exchange::Nse, None)).expect("a good file");
//! assert_eq!(decoded.era, Era::LegacyL2);
//! assert_eq!(decoded.trade_date, "2016-06-01".parse().ok());
//! assert_eq!((decoded.counts.rows_in, decoded.counts.published), (1, 1));
//! assert_eq!(decoded.tables[0].0, Table::RawEquityOhlc);
//! ```

mod codes;
mod columns;
mod container;
mod corporate_actions;
mod csv;
mod dates;
mod decode;
mod equity;
mod event_id;
mod findings;
#[doc(hidden)]
pub mod fuzzing;
mod holiday_master;
mod isin;
mod outcome;
mod refusal;
mod request;
mod shape;

pub use codes::{RefusalCode, RuleCode};
pub use decode::{DECODER_VERSION, decode, inspect};
pub use holiday_master::holiday_master;
pub use outcome::{Decoded, Inspection, RefusedRow};
pub use refusal::Refusal;
pub use request::{Limits, Request};
