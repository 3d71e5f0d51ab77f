//! Files in the exchange's forms, small enough to read.

const UDIFF_HEADER: &str = "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,\
                            FininstrmActlXpryDt,StrkPric,OptnTp,FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,\
                            PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,ChngInOpnIntrst,TtlTradgVol,TtlTrfVal,\
                            TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4";

/// Returns a UDiFF bhavcopy of a date (`2025-02-24`) with three good lines.
pub(crate) fn udiff_bhavcopy(date: &str) -> String {
    let lines = [
        line(date, 1, "INE002A01018", "ALPHA", "105.00", "99.00"),
        line(date, 2, "INE009A01021", "BETA", "105.00", "99.00"),
        line(date, 3, "INE467B01029", "GAMMA", "105.00", "99.00"),
    ];
    format!("{UDIFF_HEADER}\n{}\n", lines.join("\n"))
}

/// Returns the same with a fourth line of a given symbol, high and low.
pub(crate) fn bhavcopy_with(date: &str, symbol: &str, high: &str, low: &str) -> String {
    format!("{}{}\n", udiff_bhavcopy(date), line(date, 4, "INE040A01034", symbol, high, low))
}

fn line(date: &str, id: u32, isin: &str, symbol: &str, high: &str, low: &str) -> String {
    format!(
        "{date},{date},CM,NSE,STK,{id},{isin},{symbol},EQ,,,,,{symbol} LIMITED,100.00,{high},{low},104.00,104.05,98.00,,\
         104.00,,,1000,102000.00,50,F1,1,,,,,"
    )
}

/// Returns a full bhavcopy of a date (`24-Feb-2025`) with two lines.
pub(crate) fn full_bhavcopy(date: &str) -> String {
    format!(
        "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, CLOSE_PRICE, AVG_PRICE, \
         TTL_TRD_QNTY, TURNOVER_LACS, NO_OF_TRADES, DELIV_QTY, DELIV_PER\n\
         ALPHA, EQ, {date}, 100.00, 101.00, 103.00, 99.00, 102.00, 102.50, 101.50, 1000, 1.02, 50, 400, 40.00\n\
         BETA, BE, {date}, 10.00, 10.00, 10.50, 9.90, 10.10, 10.10, 10.10, 200, 0.02, 5, -, -\n"
    )
}
