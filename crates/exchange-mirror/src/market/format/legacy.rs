//! The cash-market bhavcopy before UDiFF, in its two eras.
//!
//! Both end every line with a comma, decimals are unpadded, and dates have their own history: the day is unpadded before
//! February 2010, and the file of 2020-07-13 prints a month in small letters with a two-digit year.

use champion_market_data::{Era, TradeDate};
use chrono::Datelike;

use super::{push_integer, push_unpadded};
use crate::market::day::Row;
use crate::market::hash::mix;
use crate::market::instrument::{Class, fixed_day};

/// The header of L1; L2 adds trades and ISIN.
pub(crate) const HEADER_L1: &str = "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,";

/// Writes the file's text in one of the legacy eras.
pub(crate) fn write(rows: &[Row<'_>], date: TradeDate, era: Era) -> Vec<u8> {
    let mut out = Vec::with_capacity(200 + rows.len() * 110);
    let with_isin = era == Era::LegacyL2;
    out.extend_from_slice(HEADER_L1.as_bytes());
    out.extend_from_slice(if with_isin { b"TOTALTRADES,ISIN,\n" } else { b"\n" });
    let timestamp = timestamp(date);
    for row in rows {
        out.extend_from_slice(row.line.name.symbol.as_bytes());
        out.push(b',');
        out.extend_from_slice(row.series.as_bytes());
        for price in [row.open, row.high, row.low, row.close, row.last, row.previous] {
            out.push(b',');
            push_unpadded(&mut out, price);
        }
        out.push(b',');
        push_integer(&mut out, row.quantity);
        out.push(b',');
        push_unpadded(&mut out, row.turnover);
        out.push(b',');
        out.extend_from_slice(timestamp.as_bytes());
        out.push(b',');
        if with_isin {
            push_integer(&mut out, row.trades);
            out.push(b',');
            push_isin(&mut out, row, date);
            out.push(b',');
        }
        out.push(b'\n');
    }
    out
}

/// Appends the ISIN, or what stands in its place for some debentures before 2016.
fn push_isin(out: &mut Vec<u8>, row: &Row<'_>, date: TradeDate) {
    let unnumbered = row.line.class == Class::Debenture
        && date.days_since_epoch() < fixed_day(2016, 1, 1)
        && mix(row.line.key, 0xD0).is_multiple_of(12);
    match &row.isin {
        Some(_) if unnumbered => match mix(row.line.key, 0xD1) % 3 {
            0 => out.extend_from_slice(format!("DUMMY{:07}", row.line.token).as_bytes()),
            1 => out.extend_from_slice(b"NA"),
            _ => out.push(b'-'),
        },
        Some(isin) => out.extend_from_slice(isin),
        None => {}
    }
}

fn timestamp(date: TradeDate) -> String {
    if date.days_since_epoch() == fixed_day(2020, 7, 13) {
        return "13-Jul-20".to_owned();
    }
    let rest = date.format("%b-%Y").to_uppercase();
    if date.days_since_epoch() < fixed_day(2010, 2, 1) {
        format!("{}-{rest}", date.date().day())
    } else {
        format!("{:02}-{rest}", date.date().day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_unpadded_before_february_2010_and_one_file_is_odd() {
        let of = |text: &str| timestamp(text.parse().expect("a date"));
        assert_eq!(of("2009-06-01"), "1-JUN-2009");
        assert_eq!(of("2016-06-01"), "01-JUN-2016");
        assert_eq!(of("2020-07-13"), "13-Jul-20");
    }
}
