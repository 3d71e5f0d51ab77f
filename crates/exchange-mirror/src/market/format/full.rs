//! `sec_bhavdata_full`: prices with delivery, a space after every comma.

use champion_market_data::TradeDate;

use super::{push_hundredths, push_integer};
use crate::market::day::Row;

/// The header line.
pub(crate) const HEADER: &str = "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, \
CLOSE_PRICE, AVG_PRICE, TTL_TRD_QNTY, TURNOVER_LACS, NO_OF_TRADES, DELIV_QTY, DELIV_PER\n";

/// Paise in a hundredth of a lakh of rupees.
const PAISE_IN_HUNDREDTH_LAKH: i64 = 100_000;

/// Writes the file's text; the lines it leaves out are left out here too.
pub(crate) fn write(rows: &[Row<'_>], date: TradeDate) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER.len() + rows.len() * 130);
    out.extend_from_slice(HEADER.as_bytes());
    let date = date.format("%d-%b-%Y");
    for row in rows.iter().filter(|row| row.line.in_full_bhavcopy()) {
        out.extend_from_slice(row.line.name.symbol.as_bytes());
        out.extend_from_slice(b", ");
        out.extend_from_slice(row.series.as_bytes());
        out.extend_from_slice(b", ");
        out.extend_from_slice(date.as_bytes());
        for price in [row.previous, row.open, row.high, row.low, row.last, row.close, row.average] {
            out.extend_from_slice(b", ");
            push_hundredths(&mut out, price);
        }
        out.extend_from_slice(b", ");
        push_integer(&mut out, row.quantity);
        out.extend_from_slice(b", ");
        push_hundredths(&mut out, (row.turnover + PAISE_IN_HUNDREDTH_LAKH / 2) / PAISE_IN_HUNDREDTH_LAKH);
        out.extend_from_slice(b", ");
        push_integer(&mut out, row.trades);
        match row.delivered {
            Some(delivered) => {
                out.extend_from_slice(b", ");
                push_integer(&mut out, delivered);
                out.extend_from_slice(b", ");
                push_hundredths(&mut out, percent_hundredths(delivered, row.quantity));
            }
            None => out.extend_from_slice(b", -, -"),
        }
        out.push(b'\n');
    }
    out
}

fn percent_hundredths(part: i64, whole: i64) -> i64 {
    let rounded = (i128::from(part) * 10_000 + i128::from(whole) / 2) / i128::from(whole);
    i64::try_from(rounded).unwrap_or(10_000)
}
