//! The scraper service: fetches what the exchange published and keeps the exact bytes.
//!
//! First stage of the flow: `exchange -> raw`. A call names a dataset and a session; the answer is a reference to bytes in
//! the raw store, or why there are none. What came is judged before it is kept ([`classify()`]): a page in place of a file,
//! another day's file or half a file never becomes raw.
//!
//! The order inside: calendar, raw store, then the exchange with pace, circuit breaker, cookies, one request, judgement,
//! retry. Network is touched in one module, the lake in one other.

mod almanac;
mod classify;
mod clock;
mod config;
mod copied;
mod error;
mod exchange;
mod facts;
mod fetch;
mod grpc;
mod in_flight;
mod metrics;
mod raw_store;
mod received;
mod serve;
mod set_aside;

pub use champion_market_data::{Absence, absence};
pub use champion_service::ErrorKind;
pub use classify::{Action, Asked, Class, Judgement, classify, is_worth_inspecting};
pub use clock::Clock;
pub use config::{
    BreakerSettings, Config, LakeConfig, LimitsConfig, MinRows, PaceConfig, RetryConfig, SPEC, SourceConfig,
};
pub use error::{Error, FetchError};
pub use exchange::{Source, SourceState};
pub use facts::{Facts, Refusal};
pub use fetch::{Fetch, FetchRequest, Fetcher, Recheck};
pub use metrics::Metrics;
pub use received::{Answer, Failure, FailureKind, HeaderFacts, Received};
pub use serve::{run, run_at};
pub use set_aside::{SetAside, Wanted};
