//! The exchanges' files: decoding each of them.

use std::collections::HashSet;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::row::{RowConverter, SortField};
use champion_decode::{Decoded, Refusal, Request, decode, fuzzing, inspect};
use champion_market_data::{Dataset, Exchange, Table};

use crate::memory::peak_of;

const LEGACY: [&str; 2] = [
    "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN,\n",
    "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,\n",
];
const UDIFF: [&str; 1] =
    ["TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,StrkPric,OptnTp,\
     FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,ChngInOpnIntrst,\
     TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4\n"];
const FULL: [&str; 1] =
    ["SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, CLOSE_PRICE, AVG_PRICE, \
     TTL_TRD_QNTY, TURNOVER_LACS, NO_OF_TRADES, DELIV_QTY, DELIV_PER\n"];
const FILINGS: [&str; 1] =
    ["\"SYMBOL\",\"COMPANY NAME\",\"SERIES\",\"PURPOSE\",\"FACE VALUE\",\"EX-DATE\",\"RECORD DATE\",\
     \"BOOK CLOSURE START DATE\",\"BOOK CLOSURE END DATE\"\n"];

/// The legacy bhavcopy, with and without trades and ISIN.
pub(crate) fn legacy_bhavcopy(data: &[u8]) {
    file(data, Dataset::Bhavcopy, &LEGACY, "2016-06-01");
}

/// The UDiFF bhavcopy.
pub(crate) fn udiff_bhavcopy(data: &[u8]) {
    file(data, Dataset::Bhavcopy, &UDIFF, "2024-07-08");
}

/// The full bhavcopy.
pub(crate) fn full_bhavcopy(data: &[u8]) {
    file(data, Dataset::FullBhavcopy, &FULL, "2024-07-08");
}

/// Corporate actions, as the API's JSON and as the site's CSV.
pub(crate) fn corporate_actions(data: &[u8]) {
    file(data, Dataset::CorporateActions, &FILINGS, "2025-01-03");
}

/// Checks a file as it is. One that begins with a byte below 8, which no file does, stands for rows under a good header:
/// its lowest bit says which header, the next ones ask for a date and another exchange.
fn file(data: &[u8], dataset: Dataset, headers: &[&str], date: &str) {
    let Some((&choice @ 0..8, rows)) = data.split_first() else {
        return check(data, &Request::new(dataset, Exchange::Nse, None));
    };
    let header = headers[usize::from(choice & 1) % headers.len()];
    let trade_date = (choice & 2 != 0).then(|| date.parse().expect("a date"));
    let exchange = if choice & 4 == 0 { Exchange::Nse } else { Exchange::Bse };
    check(&[header.as_bytes(), rows].concat(), &Request::new(dataset, exchange, trade_date));
}

fn check(bytes: &[u8], request: &Request) {
    let (result, peak) = peak_of(|| decode(bytes, request));
    let bound = (24 << 20) + 128 * bytes.len();
    assert!(peak <= bound, "{peak} bytes of memory for a file of {} bytes", bytes.len());
    match (&result, &decode(bytes, request)) {
        (Ok(first), Ok(second)) => {
            assert_eq!(first.tables, second.tables, "the same bytes give the same tables");
            assert_eq!((first.counts, &first.quarantined), (second.counts, &second.quarantined));
            assert_eq!((&first.warnings, &first.failures), (&second.warnings, &second.failures));
        }
        (Err(first), Err(second)) => assert_eq!(first, second),
        (first, second) => panic!("once {first:?} and once {second:?}"),
    }
    match result {
        Ok(decoded) => accepted(bytes, request, &decoded),
        Err(refusal) => refused(bytes, &refusal),
    }
}

fn accepted(bytes: &[u8], request: &Request, decoded: &Decoded) {
    let counts = decoded.counts;
    assert!(counts.conserved(), "{counts:?}");
    assert_eq!(decoded.quarantined.len() as u64, counts.quarantined);
    assert_eq!(decoded.failures.values().sum::<u64>(), counts.quarantined);
    assert_eq!(decoded.tables.iter().map(|(table, _)| *table).collect::<Vec<_>>(), request.dataset.tables());
    for (table, batch) in &decoded.tables {
        assert_eq!(batch.schema(), table.schema());
        let rows = batch.num_rows() as u64;
        if *table == Table::CorporateActions {
            assert!(rows >= counts.published, "a filing has a leg");
            assert_eq!(rows, decoded.actions.values().sum::<u64>());
        } else {
            assert_eq!(rows, counts.published);
            assert!(decoded.trade_date.is_some());
        }
        let ordered = *table != Table::RawEquityOhlc;
        unique_keys(*table, batch, ordered);
    }
    set_aside(bytes, &decoded.quarantined);
    if request.trade_date.is_none() && request.exchange == Exchange::Nse {
        let inspection = inspect(bytes, request.dataset).expect("what decodes can be looked into");
        assert_eq!((inspection.era, inspection.rows), (decoded.era, counts.rows_in));
    }
}

fn refused(bytes: &[u8], refusal: &Refusal) {
    assert!(refusal.counts.conserved() && refusal.counts.published == 0);
    assert!(refusal.rows.len() as u64 <= refusal.counts.quarantined);
    assert!(!refusal.reason.is_empty() && refusal.reason.len() < 4096, "{} bytes of reason", refusal.reason.len());
    set_aside(bytes, &refusal.rows);
}

/// Refused rows name a line of the file and hold it.
fn set_aside(bytes: &[u8], rows: &[champion_decode::RefusedRow]) {
    for row in rows {
        assert!(!row.reason.is_empty() && row.reason.len() < 4096, "{} bytes of reason", row.reason.len());
    }
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start().starts_with(b"[");
    if json || rows.is_empty() {
        return;
    }
    let text = fuzzing::open(bytes, &champion_decode::Limits::default()).expect("it has rows");
    let mut lines = fuzzing::lines(&text);
    for row in rows {
        let (_, line, _) = lines.find(|(number, ..)| *number == row.line).expect("rows in the order of their lines");
        assert_eq!(row.raw, String::from_utf8_lossy(&line[..line.len().min(4096)]), "line {}", row.line);
    }
}

/// No two rows of a table have the same key, and normalised tables are sorted by it.
fn unique_keys(table: Table, batch: &RecordBatch, ordered: bool) {
    let column = |name: &&str| ArrayRef::clone(batch.column_by_name(name).expect("the schema has it"));
    let columns: Vec<ArrayRef> = table.spec().key.iter().map(column).collect();
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let converter = RowConverter::new(fields).expect("keys can be compared");
    let keys = converter.convert_columns(&columns).expect("keys can be compared");
    let distinct: HashSet<&[u8]> = keys.iter().map(|row| row.data()).collect();
    assert_eq!(distinct.len(), batch.num_rows(), "a key of {table} stands twice");
    assert!(!ordered || keys.iter().is_sorted(), "{table} is not in the order of its key");
}
