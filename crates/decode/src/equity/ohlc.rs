//! The bhavcopy: the raw table as published and the normalised one.

use arrow::array::RecordBatch;
use champion_market_data::columnar::ColumnKind;
use champion_market_data::{Era, Exchange, Table, TradeDate};

use super::file::{EquityFile, PublishedRows};
use super::header::Plan;
use super::layout::ohlc;
use super::row::{Broken, Row};
use super::rules::{Prices, check_isin, check_prices, check_series};
use crate::columns::{Envelope, batch};
use crate::findings::Findings;

/// One hundredth of a rupee at the rules' scale of 10,000: turnover is printed with two decimals.
const PAISA: i128 = 100;

/// The cash-market bhavcopy in its three eras.
#[derive(Debug)]
pub(crate) struct Bhavcopy;

impl EquityFile for Bhavcopy {
    const TABLE: Table = Table::NormalizedEquityOhlc;
    const SYMBOL: usize = ohlc::SYMBOL;
    const SERIES: usize = ohlc::SERIES;
    const ISIN: Option<usize> = Some(ohlc::ISIN);
    const VALUES: &'static [usize] = &[
        ohlc::ISIN,
        ohlc::INSTRUMENT_ID,
        ohlc::NAME,
        ohlc::OPEN,
        ohlc::HIGH,
        ohlc::LOW,
        ohlc::CLOSE,
        ohlc::LAST,
        ohlc::PREV_CLOSE,
        ohlc::SETTLEMENT,
        ohlc::VOLUME,
        ohlc::TURNOVER,
        ohlc::TRADES,
        ohlc::SESSION,
        ohlc::BOARD_LOT,
    ];

    fn kinds() -> Vec<ColumnKind> {
        Table::RawEquityOhlc.spec().columns.iter().map(|column| column.kind).collect()
    }

    fn check(row: &Row<'_>, plan: &Plan, date: TradeDate, exchange: Exchange) -> Result<Findings, Broken> {
        let prices = Prices {
            open: row.required(ohlc::OPEN),
            high: row.required(ohlc::HIGH),
            low: row.required(ohlc::LOW),
            close: row.required(ohlc::CLOSE),
            last: row.number(ohlc::LAST),
            volume: row.required(ohlc::VOLUME),
            trades: row.number(ohlc::TRADES),
            turnover: i128::from(row.required(ohlc::TURNOVER)) * PAISA,
            turnover_slack: PAISA,
        };
        let mut findings = check_prices(&prices, date)?;
        check_series(row.key(ohlc::SERIES), exchange, &mut findings);
        if plan.layout.era != Era::LegacyL1 {
            check_isin(row.text(ohlc::ISIN), &mut findings);
        }
        Ok(findings)
    }

    fn tables(rows: PublishedRows, envelope: &Envelope) -> Vec<(Table, RecordBatch)> {
        let mut columns = rows.leading_columns(envelope, ohlc::SYMBOL, ohlc::SERIES);
        columns.push(rows.isin(ohlc::ISIN));
        columns.extend(Self::VALUES[1..].iter().map(|slot| rows.value(*slot)));
        columns.push(rows.warnings());
        let normalized = batch(Table::NormalizedEquityOhlc, columns);
        let raw = batch(Table::RawEquityOhlc, rows.columns);
        vec![(Table::RawEquityOhlc, raw), (Table::NormalizedEquityOhlc, normalized)]
    }
}
