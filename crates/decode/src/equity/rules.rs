//! Rules about one row of prices: which cost the row, which only flag it.

use champion_market_data::number::{PRICE_SCALE, format_decimal};
use champion_market_data::{Exchange, SeriesClass, TradeDate, classify_series};

use super::row::Broken;
use crate::RuleCode;
use crate::findings::Findings;
use crate::isin::{IsinForm, isin_form};

/// The year from which files keep open, high and low in order. Older ones hold rows that do not; such a row is flagged
/// there and not lost.
const ORDERLY_SINCE: i32 = 2005;

/// What the rules look at. Prices are scaled by 10,000.
#[derive(Debug)]
pub(crate) struct Prices {
    pub(crate) open: i64,
    pub(crate) high: i64,
    pub(crate) low: i64,
    pub(crate) close: i64,
    pub(crate) last: Option<i64>,
    pub(crate) volume: i64,
    pub(crate) trades: Option<i64>,
    /// Turnover in rupees, scaled by 10,000.
    pub(crate) turnover: i128,
    /// How far rounding may have moved the turnover, scaled alike.
    pub(crate) turnover_slack: i128,
}

/// Checks a row's prices; returns what is to be flagged.
pub(crate) fn check_prices(prices: &Prices, date: TradeDate) -> Result<Findings, Broken> {
    let Prices { open, high, low, close, last, volume, trades, .. } = *prices;
    let mut findings = Findings::default();
    if high < low {
        flag_or_refuse(&mut findings, RuleCode::HighBelowLow, date, || {
            format!("high {} is below low {}", rupees(high), rupees(low))
        })?;
    }
    if open > high || open < low {
        flag_or_refuse(&mut findings, RuleCode::OpenOutsideRange, date, || {
            format!("open {} is outside low {} .. high {}", rupees(open), rupees(low), rupees(high))
        })?;
    }
    if trades.is_some_and(|trades| trades > volume) {
        let reason = format!("{} trades exceed a quantity of {volume}", trades.unwrap_or(0));
        return Err(Broken::new(RuleCode::TradesExceedQuantity, reason));
    }
    // Real T0 rows break the next one: their close is the share's, their range is the few trades of the line.
    if close < low || close > high {
        findings.insert(RuleCode::CloseOutsideRange);
    }
    // Real block and institutional lines break this one with a last price of 0.
    if last.is_some_and(|last| last < low || last > high) {
        findings.insert(RuleCode::LastOutsideRange);
    }
    if !turnover_in_range(prices) {
        findings.insert(RuleCode::ValueOutsideRange);
    }
    if volume > 0 && (open == 0 || high == 0 || low == 0 || close == 0) {
        findings.insert(RuleCode::PriceZero);
    }
    Ok(findings)
}

/// Tells whether the turnover lies in low·quantity .. high·quantity, give or take its rounding.
pub(crate) fn turnover_in_range(prices: &Prices) -> bool {
    let volume = i128::from(prices.volume);
    prices.turnover + prices.turnover_slack >= i128::from(prices.low) * volume
        && prices.turnover - prices.turnover_slack <= i128::from(prices.high) * volume
}

fn flag_or_refuse(
    findings: &mut Findings,
    code: RuleCode,
    date: TradeDate,
    reason: impl Fn() -> String,
) -> Result<(), Broken> {
    if date.month().0 >= ORDERLY_SINCE {
        return Err(Broken::new(code, reason()));
    }
    findings.insert(code);
    Ok(())
}

/// Flags a series that is not in the exchange's list. BSE's groups have no list here.
pub(crate) fn check_series(series: &str, exchange: Exchange, findings: &mut Findings) {
    if exchange == Exchange::Nse && classify_series(series.as_bytes()) == SeriesClass::Unknown {
        findings.insert(RuleCode::UnknownSeries);
    }
}

/// Flags a missing ISIN, one of another form and one with a wrong check digit.
pub(crate) fn check_isin(isin: Option<&str>, findings: &mut Findings) {
    let code = match isin.map(isin_form) {
        None => RuleCode::IsinMissing,
        Some(IsinForm::Malformed) => RuleCode::IsinMalformed,
        Some(IsinForm::WrongCheckDigit) => RuleCode::IsinCheckDigit,
        Some(IsinForm::Good) => return,
    };
    findings.insert(code);
}

/// Formats a price for a message: `28.50`.
fn rupees(price: i64) -> String {
    let text = format_decimal(i128::from(price), PRICE_SCALE);
    text.strip_suffix("00").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Prices {
        let price = 1_000_000;
        Prices {
            open: price,
            high: price + 10_000,
            low: price - 10_000,
            close: price,
            last: Some(price),
            volume: 10,
            trades: Some(3),
            turnover: 10_000_000,
            turnover_slack: 100,
        }
    }

    fn date(text: &str) -> TradeDate {
        text.parse().expect("a date")
    }

    fn refused(prices: &Prices) -> Option<RuleCode> {
        check_prices(prices, date("2024-07-08")).err().map(|broken| broken.code)
    }

    fn flagged(prices: &Prices) -> String {
        check_prices(prices, date("2024-07-08")).expect("a kept row").to_text()
    }

    #[test]
    fn a_good_row_bends_nothing() {
        assert_eq!(flagged(&good()), "");
        assert_eq!(flagged(&Prices { last: None, trades: None, ..good() }), "");
    }

    #[test]
    fn broken_ranges_and_more_trades_than_shares_cost_the_row() {
        let low = good().low;
        assert_eq!(refused(&Prices { high: low - 1, ..good() }), Some(RuleCode::HighBelowLow));
        assert_eq!(refused(&Prices { open: low - 1, ..good() }), Some(RuleCode::OpenOutsideRange));
        assert_eq!(refused(&Prices { open: good().high + 1, ..good() }), Some(RuleCode::OpenOutsideRange));
        assert_eq!(refused(&Prices { trades: Some(11), ..good() }), Some(RuleCode::TradesExceedQuantity));
    }

    #[test]
    fn before_2005_a_broken_range_flags_the_row_and_does_not_lose_it() {
        let broken = Prices { high: good().low - 1, turnover: 9_900_000, ..good() };
        let findings = check_prices(&broken, date("1999-05-03")).expect("kept");
        assert!(findings.contains(RuleCode::HighBelowLow) && findings.contains(RuleCode::OpenOutsideRange));
        assert_eq!(check_prices(&broken, date("2004-12-31")).map(Findings::is_empty).ok(), Some(false));
        assert!(check_prices(&broken, date("2005-01-03")).is_err());
    }

    #[test]
    fn close_last_turnover_and_zero_prices_only_flag() {
        assert_eq!(flagged(&Prices { close: good().low - 1, ..good() }), "close_outside_range");
        assert_eq!(flagged(&Prices { last: Some(0), ..good() }), "last_outside_range");
        assert_eq!(flagged(&Prices { turnover: 10_110_000, ..good() }), "value_outside_range");
        assert_eq!(flagged(&Prices { turnover: 10_100_100, ..good() }), "", "one paisa of rounding");
        let free = Prices { open: 0, low: 0, ..good() };
        assert_eq!(flagged(&free), "price_zero");
        assert_eq!(flagged(&Prices { volume: 0, trades: Some(0), turnover: 0, ..free }), "");
    }

    #[test]
    fn the_largest_numbers_a_row_can_hold_do_not_overflow() {
        let most = 999_999_999_999_999_999;
        let row = Prices { open: most, high: most, low: most, close: most, volume: most, ..good() };
        assert_eq!(flagged(&row), "last_outside_range,value_outside_range");
    }

    #[test]
    fn an_isin_is_flagged_by_what_is_wrong_with_it() {
        let flagged = |isin: Option<&str>| {
            let mut findings = Findings::default();
            check_isin(isin, &mut findings);
            findings.to_text()
        };
        assert_eq!(flagged(Some("INE144J01027")), "");
        assert_eq!(flagged(Some("INE144J01028")), "isin_check_digit");
        assert_eq!(flagged(Some("DUMMYSAN005")), "isin_malformed");
        assert_eq!(flagged(None), "isin_missing");
    }

    #[test]
    fn an_unknown_series_is_flagged_for_nse_only() {
        let flagged = |series, exchange| {
            let mut findings = Findings::default();
            check_series(series, exchange, &mut findings);
            findings.contains(RuleCode::UnknownSeries)
        };
        assert!(flagged("QQQ", Exchange::Nse) && !flagged("EQ", Exchange::Nse) && !flagged("XT", Exchange::Bse));
    }
}
