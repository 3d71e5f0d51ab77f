//! What to decode, and how much of it to bear.

use champion_market_data::{Dataset, Exchange, TradeDate};

/// What the bytes are meant to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The report.
    pub dataset: Dataset,
    /// Who published it.
    pub exchange: Exchange,
    /// The session it was asked for; `None` takes the date from the content.
    pub trade_date: Option<TradeDate>,
    /// Caps on hostile and on bad input.
    pub limits: Limits,
}

impl Request {
    /// Creates a request with the default limits.
    #[must_use]
    pub fn new(dataset: Dataset, exchange: Exchange, trade_date: Option<TradeDate>) -> Self {
        Self { dataset, exchange, trade_date, limits: Limits::default() }
    }
}

/// Caps on hostile and on bad input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Most bytes of an archive as received; a file that is not an archive is capped like a member.
    pub max_archive_bytes: u64,
    /// Most members an archive may list before it is not looked into at all.
    pub max_members: u64,
    /// Most bytes of an archive's member, enforced while inflating.
    pub max_member_bytes: u64,
    /// Most bytes a member may grow to per compressed byte, enforced while inflating.
    pub max_ratio: u64,
    /// Most data rows of a file.
    pub max_rows: u64,
    /// Share of refused rows above which the whole file is refused ...
    pub max_quarantined_ratio: f64,
    /// ... provided that there are at least so many.
    pub min_quarantined_rows: u64,
}

impl Default for Limits {
    /// Returns caps several times above the largest real day: 1.2 MB zipped, 6.3 MB and 34,304 rows (the derivatives
    /// file; cash-market files hold a tenth), 3 to 12 bytes a compressed byte.
    fn default() -> Self {
        Self {
            max_archive_bytes: 8 << 20,
            max_members: 16,
            max_member_bytes: 32 << 20,
            max_ratio: 100,
            max_rows: 200_000,
            max_quarantined_ratio: 0.01,
            min_quarantined_rows: 5,
        }
    }
}
