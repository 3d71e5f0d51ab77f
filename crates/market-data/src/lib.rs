//! The vocabulary of the market: datasets, trade dates, the calendar, exact numbers, artifacts and table schemas.
//!
//! Every crate of the workspace speaks in these terms and none of them does I/O here: the crate is pure. One spelling
//! (`as_str`) of each closed set serves as path part, metric label and wire name.
//!
//! ```
//! use champion_market_data::{Calendar, Dataset, DayKind, TradeDate};
//!
//! let date: TradeDate = "2024-07-08".parse()?;
//! assert_eq!(Calendar::nse().kind(date), DayKind::Trading);
//! assert_eq!(Dataset::Bhavcopy.report(date).file_name, "BhavCopy_NSE_CM_0_0_0_20240708_F_0000.csv.zip");
//! # Ok::<(), champion_market_data::InvalidTradeDate>(())
//! ```

mod absence;
pub mod artifact;
pub mod calendar;
mod closed_set;
pub mod columnar;
pub mod corporate_action;
mod dataset;
pub mod number;
pub mod plain;
mod publication;
mod series;
mod trade_date;

pub use absence::{Absence, absence, first_look, give_up_at};
pub use artifact::{ArtifactRef, CuratedArtifact, QuarantineArtifact, RawArtifact, RowCounts, Sha256, StagedArtifact};
pub use calendar::{Calendar, DayKind, HolidayList};
pub use closed_set::UnknownName;
pub use dataset::{Dataset, Exchange, Layer, Table};
pub use publication::{Era, Report};
pub use series::{SeriesClass, classify_series};
pub use trade_date::{InvalidTradeDate, TradeDate, ist_instant, ist_now};
