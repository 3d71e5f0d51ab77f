//! The full bhavcopy: VWAP and delivery beside the prices.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::Decimal128Type;
use champion_market_data::columnar::ColumnKind;
use champion_market_data::number::{MONEY_SCALE, format_decimal};
use champion_market_data::{Exchange, Table, TradeDate};

use super::file::{EquityFile, PublishedRows};
use super::header::Plan;
use super::layout::{FULL, delivery};
use super::row::{Broken, MAX_NUMBER, Row};
use super::rules::{Prices, check_prices, check_series, turnover_in_range};
use crate::RuleCode;
use crate::columns::{Envelope, batch};
use crate::findings::Findings;

/// Rupees a lakh.
const LAKH: i64 = 100_000;
/// From two decimals to the rules' scale of 10,000.
const TO_RULES: i128 = 100;
/// Half of the last printed place, 0.01 lakh, at the rules' scale.
const HALF_A_PLACE: i128 = 500 * 10_000;

/// `sec_bhavdata_full`.
#[derive(Debug)]
pub(crate) struct FullBhavcopy;

impl EquityFile for FullBhavcopy {
    const TABLE: Table = Table::EquityDelivery;
    const SYMBOL: usize = delivery::SYMBOL;
    const SERIES: usize = delivery::SERIES;
    const ISIN: Option<usize> = None;
    const VALUES: &'static [usize] = &[
        delivery::PREV_CLOSE,
        delivery::OPEN,
        delivery::HIGH,
        delivery::LOW,
        delivery::LAST,
        delivery::CLOSE,
        delivery::VWAP,
        delivery::VOLUME,
        delivery::TURNOVER_LACS,
        delivery::TRADES,
        delivery::DELIVERY_QTY,
        delivery::DELIVERY_PCT,
    ];

    fn kinds() -> Vec<ColumnKind> {
        let mut kinds = vec![ColumnKind::Text; delivery::COUNT];
        for column in FULL.columns {
            kinds[column.slot] = column.content.kind();
        }
        kinds
    }

    fn check(row: &Row<'_>, _plan: &Plan, date: TradeDate, exchange: Exchange) -> Result<Findings, Broken> {
        let printed = row.required(delivery::TURNOVER_LACS);
        let mut prices = Prices {
            open: row.required(delivery::OPEN),
            high: row.required(delivery::HIGH),
            low: row.required(delivery::LOW),
            close: row.required(delivery::CLOSE),
            last: row.number(delivery::LAST),
            volume: row.required(delivery::VOLUME),
            trades: row.number(delivery::TRADES),
            turnover: i128::from(printed) * i128::from(LAKH) * TO_RULES,
            turnover_slack: HALF_A_PLACE,
        };
        let mut findings = check_prices(&prices, date)?;
        if findings.contains(RuleCode::ValueOutsideRange) {
            // Some redistributed copies of 2010 to 2018 hold rupees in this column.
            prices.turnover = i128::from(printed) * TO_RULES;
            prices.turnover_slack = TO_RULES;
            if turnover_in_range(&prices) {
                let reason = format!("column TURNOVER_LACS: {} is in rupees, not in lakh rupees", lacs(printed));
                return Err(Broken::new(RuleCode::WrongUnit, reason));
            }
        }
        if printed.checked_mul(LAKH).is_none_or(|rupees| rupees > MAX_NUMBER) {
            let reason = format!("column TURNOVER_LACS: {} is out of range", lacs(printed));
            return Err(Broken::new(RuleCode::BadNumber, reason));
        }
        if row.number(delivery::VWAP).is_some_and(|vwap| vwap < prices.low || vwap > prices.high) {
            findings.insert(RuleCode::VwapOutsideRange);
        }
        if row.number(delivery::DELIVERY_QTY).is_some_and(|delivered| delivered > prices.volume) {
            findings.insert(RuleCode::DeliveryExceedsQuantity);
        }
        check_series(row.key(delivery::SERIES), exchange, &mut findings);
        Ok(findings)
    }

    fn tables(rows: PublishedRows, envelope: &Envelope) -> Vec<(Table, RecordBatch)> {
        let mut columns = rows.leading_columns(envelope, delivery::SYMBOL, delivery::SERIES);
        for slot in Self::VALUES {
            let value = rows.value(*slot);
            let turnover = (*slot == delivery::TURNOVER_LACS).then(|| in_rupees(&value));
            columns.push(value);
            columns.extend(turnover);
        }
        columns.push(rows.warnings());
        vec![(Table::EquityDelivery, batch(Table::EquityDelivery, columns))]
    }
}

/// Formats a printed turnover for a message.
fn lacs(printed: i64) -> String {
    format_decimal(i128::from(printed), MONEY_SCALE)
}

/// Returns a column of lakh rupees in rupees.
fn in_rupees(lacs: &ArrayRef) -> ArrayRef {
    let lacs = lacs.as_primitive::<Decimal128Type>();
    let rupees = lacs.unary::<_, Decimal128Type>(|value| value * i128::from(LAKH));
    Arc::new(rupees.with_data_type(ColumnKind::Money.arrow()))
}
