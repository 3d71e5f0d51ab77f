//! The options of `champion verify`.

use champion_market_data::TradeDate;
use clap::Args;

/// Options of `champion verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// First trade date
    #[arg(long)]
    pub from: Option<TradeDate>,
    /// Last trade date, included
    #[arg(long)]
    pub to: Option<TradeDate>,
    /// Only these zones; by default all but staged
    #[arg(long, value_enum)]
    pub zone: Vec<ZoneChoice>,
    /// Move damage aside and restore what can be restored
    #[arg(long)]
    pub repair: bool,
    /// URL of the parquet-writer; by default the one of the stack
    #[arg(long, env = "CHAMPION_WRITER_URL", value_name = "URL")]
    pub writer: Option<String>,
}

/// A zone of the lake that can be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ZoneChoice {
    /// The exact bytes received.
    Raw,
    /// Published Parquet.
    Curated,
    /// Earlier versions.
    History,
    /// Months.
    Compacted,
    /// Tables between parser and writer.
    Staged,
}

impl ZoneChoice {
    /// Returns its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Curated => "curated",
            Self::History => "history",
            Self::Compacted => "compacted",
            Self::Staged => "staged",
        }
    }
}
