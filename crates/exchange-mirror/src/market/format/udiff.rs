//! The cash-market bhavcopy as UDiFF: 34 columns, rows in the order of instrument names.

use champion_market_data::TradeDate;

use super::{push_hundredths, push_integer, push_text};
use crate::market::day::Row;

/// The header line; the names of the reserved columns have no leading zero.
pub(crate) const HEADER: &str = "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,\
FininstrmActlXpryDt,StrkPric,OptnTp,FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,\
SttlmPric,OpnIntrst,ChngInOpnIntrst,TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,\
Rsvd4\n";

/// Writes the file's text.
pub(crate) fn write(rows: &[Row<'_>], date: TradeDate) -> Vec<u8> {
    let mut order: Vec<&Row<'_>> = rows.iter().collect();
    order.sort_by_key(|row| (row.line.name_rank, row.series));
    let mut out = Vec::with_capacity(HEADER.len() + rows.len() * 200);
    out.extend_from_slice(HEADER.as_bytes());
    let prefix = format!("{date},{date},CM,NSE,STK,");
    for row in order {
        out.extend_from_slice(prefix.as_bytes());
        push_integer(&mut out, i64::from(row.token));
        out.push(b',');
        if let Some(isin) = &row.isin {
            out.extend_from_slice(isin);
        }
        out.push(b',');
        out.extend_from_slice(row.line.name.symbol.as_bytes());
        out.push(b',');
        out.extend_from_slice(row.series.as_bytes());
        // Expiry, actual expiry, strike and option type belong to derivatives.
        out.extend_from_slice(b",,,,,");
        push_text(&mut out, &row.line.name.short);
        for price in [row.open, row.high, row.low, row.close, row.last, row.previous] {
            out.push(b',');
            push_hundredths(&mut out, price);
        }
        out.extend_from_slice(b",,");
        push_hundredths(&mut out, row.settlement);
        out.extend_from_slice(b",,,");
        push_integer(&mut out, row.quantity);
        out.push(b',');
        push_hundredths(&mut out, row.turnover);
        out.push(b',');
        push_integer(&mut out, row.trades);
        out.extend_from_slice(b",F1,");
        push_integer(&mut out, i64::from(row.line.lot));
        out.extend_from_slice(b",,,,,\n");
    }
    out
}
