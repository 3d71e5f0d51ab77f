//! Runs that put sessions right which no repair of stored bytes can: all of them, whatever becomes of one.

use std::collections::BTreeSet;

use champion_market_data::{Dataset, TradeDate};

use crate::args::Place;
use crate::failure;
use crate::run::{self, Mode};

/// Runs each session in each of the modes. How a run ended is said as it goes; whether it helped is for the next look.
pub(crate) async fn all(place: &Place, sessions: &BTreeSet<(Dataset, TradeDate)>, modes: &[Mode]) {
    for (dataset, date) in sessions {
        for mode in modes {
            if let Err(error) = run::day(place, *dataset, *date, *mode).await {
                eprintln!("champion: {dataset} {date} not run again: {}", failure::explain(&error).0);
            }
        }
    }
}
