//! Files of filings, whole and broken.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type};
use champion_market_data::{Dataset, Era, Exchange, RowCounts, Table, TradeDate};
use proptest::prelude::*;

use crate::{Decoded, Refusal, RefusalCode, Request, RuleCode, decode, inspect};

const HEADER: &str = r#""SYMBOL","COMPANY NAME","SERIES","PURPOSE","FACE VALUE","EX-DATE","RECORD DATE","BOOK CLOSURE START DATE","BOOK CLOSURE END DATE""#;

fn csv(rows: &[&str]) -> Vec<u8> {
    let mut text = format!("\u{feff}{HEADER}\n");
    for row in rows {
        text.push_str(row);
        text.push('\n');
    }
    text.into_bytes()
}

fn row(symbol: &str, subject: &str, ex_date: &str) -> String {
    format!(r#""{symbol}","A Company, Limited","EQ","{subject}","10","{ex_date}","03-Jan-2025","-","-""#)
}

fn filing(symbol: &str, subject: &str, ex_date: &str) -> String {
    format!(
        r#"{{"symbol":"{symbol}","series":"EQ","ind":"-","faceVal":"10","subject":"{subject}","exDate":"{ex_date}",
        "recDate":"-","bcStartDate":"-","bcEndDate":"-","ndStartDate":"-","comp":"A Company","isin":"INE144J01027",
        "ndEndDate":"-","caBroadcastDate":null}}"#
    )
}

fn date(text: &str) -> TradeDate {
    text.parse().expect("a date")
}

fn request(trade_date: Option<&str>) -> Request {
    Request::new(Dataset::CorporateActions, Exchange::Nse, trade_date.map(date))
}

fn decoded(bytes: &[u8], trade_date: Option<&str>) -> Decoded {
    decode(bytes, &request(trade_date)).expect("a good file")
}

fn refused(bytes: &[u8], trade_date: Option<&str>) -> Refusal {
    decode(bytes, &request(trade_date)).expect_err("a file to refuse")
}

fn table(decoded: &Decoded) -> &RecordBatch {
    let [(Table::CorporateActions, batch)] = decoded.tables.as_slice() else { panic!("one table") };
    batch
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<String> {
    let array = batch.column_by_name(column).expect("a column").as_string::<i32>();
    array.iter().map(|value| value.unwrap_or("null").to_owned()).collect()
}

#[test]
fn every_leg_of_a_filing_is_a_row_and_the_books_count_filings() {
    let file = csv(&[
        &row("RSWM", "Annual General Meeting/Dividend - Rs 25 Per Share", "03-Jan-2025"),
        &row("ABC", "Bonus 1:1 / FV SPL 10 TO 2", "03-Jan-2025"),
    ]);
    let decoded = decoded(&file, None);
    assert_eq!(decoded.era, Era::ApiCsv);
    assert_eq!(decoded.counts, RowCounts { rows_in: 2, published: 2, quarantined: 0, filtered: 0 });
    assert_eq!(decoded.trade_date, Some(date("2025-01-03")));
    let batch = table(&decoded);
    assert_eq!(texts(batch, "symbol"), ["ABC", "ABC", "RSWM", "RSWM"], "sorted by the natural key");
    assert_eq!(texts(batch, "action_type"), ["bonus", "split", "inert", "dividend"]);
    assert_eq!(texts(batch, "leg_text")[1], "fv spl 10 to 2");
    assert_eq!(texts(batch, "subject")[0], "Bonus 1:1 / FV SPL 10 TO 2");
    assert_eq!(texts(batch, "company")[0], "A Company, Limited");
    let amount = batch.column_by_name("amount").expect("a column").as_primitive::<Decimal128Type>();
    assert_eq!((amount.value(3), amount.is_null(0)), (25_000_000, true));
    let legs = batch.column_by_name("leg_no").expect("a column").as_primitive::<Int64Type>();
    assert_eq!(legs.values(), &[1, 2, 1, 2]);
    assert_eq!(decoded.actions.values().sum::<u64>(), 4);
}

#[test]
fn both_forms_say_the_same_about_the_same_filing() {
    let subject = "Interim Dividend - Rs 5 Per Share";
    let from_csv = decoded(&csv(&[&row("ABC", subject, "03-Jan-2025")]), None);
    let from_json = decoded(format!("[{}]", filing("ABC", subject, "03-Jan-2025")).as_bytes(), None);
    assert_eq!(from_json.era, Era::ApiJson);
    for column in ["exchange", "symbol", "series", "subject", "leg_text", "action_type", "review_reason"] {
        assert_eq!(texts(table(&from_csv), column), texts(table(&from_json), column), "{column}");
    }
    assert_eq!(texts(table(&from_csv), "isin"), ["null"]);
    assert_eq!(texts(table(&from_json), "isin"), ["INE144J01027"]);
    assert_eq!(texts(table(&from_json), "source"), ["nse_api_json"]);
}

#[test]
fn an_empty_list_is_a_good_file_without_rows() {
    for file in [&b"[]"[..], b" [ ]\n", csv(&[]).as_slice()] {
        let decoded = decoded(file, Some("2025-01-03"));
        assert_eq!(decoded.counts, RowCounts::default());
        assert_eq!(table(&decoded).num_rows(), 0);
        assert_eq!(decoded.trade_date, Some(date("2025-01-03")));
    }
}

#[test]
fn what_is_no_list_of_filings_is_refused_with_a_clear_code() {
    for (file, code) in [
        (&b""[..], RefusalCode::Empty),
        (b"  \n", RefusalCode::Empty),
        (b"{}", RefusalCode::WrongFormat),
        (b"{\"data\":[]}", RefusalCode::WrongFormat),
        (b"Error", RefusalCode::WrongFormat),
        (b"<!DOCTYPE html><html></html>", RefusalCode::Html),
        (b"\xef\xbb\xbf\n<html>", RefusalCode::Html),
        (b"a,b\n<html><body>", RefusalCode::Html),
        (b"PK\x03\x04abc", RefusalCode::WrongFormat),
        (b"ab\0cd", RefusalCode::NotAZip),
        (b"[\xff]", RefusalCode::NotUtf8),
        (b"[{\"symbol\":\"ABC\"", RefusalCode::Truncated),
        (b"[{\"tradingDate\":\"26-Jan-2025\"}]", RefusalCode::MissingColumn),
        (b"SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE\n", RefusalCode::WrongFormat),
    ] {
        let shown = String::from_utf8_lossy(file);
        assert_eq!(refused(file, None).code, code, "{shown}");
        assert!(inspect(file, Dataset::CorporateActions).is_err(), "{shown}");
        assert_eq!(refused(file, None).counts.published, 0);
    }
}

#[test]
fn promise_19_a_required_column_that_is_renamed_refuses_the_whole_file() {
    for name in ["SYMBOL", "SERIES", "PURPOSE", "EX-DATE", "FACE VALUE"] {
        let file = String::from_utf8(csv(&[&row("ABC", "Bonus 1:1", "03-Jan-2025")])).expect("text");
        let refusal = refused(file.replacen(&format!("\"{name}\""), "\"OTHER\"", 1).as_bytes(), None);
        assert_eq!(refusal.code, RefusalCode::MissingColumn, "{name}");
        assert!(refusal.reason.contains(name), "{}", refusal.reason);
    }
}

#[test]
fn promise_19_columns_in_another_order_and_an_extra_one_change_nothing() {
    let usual = decoded(&csv(&[&row("ABC", "Bonus 1:1", "03-Jan-2025")]), None);
    let file = "PURPOSE,EX-DATE,NEW,symbol, SERIES ,COMPANY NAME,FACE VALUE,RECORD DATE\r\n\
                Bonus 1:1,03-Jan-2025,x,ABC,EQ,\"A Company, Limited\",10,03-Jan-2025,\r\n\r\n";
    let other = decoded(file.as_bytes(), None);
    assert_eq!(other.unknown_columns, ["NEW"]);
    assert_eq!(texts(table(&usual), "event_id"), texts(table(&other), "event_id"));
}

#[test]
fn filings_of_another_ex_date_are_filtered_and_those_without_one_are_kept() {
    let file = csv(&[
        &row("A", "Bonus 1:1", "03-Jan-2025"),
        &row("B", "Bonus 1:1", "06-Jan-2025"),
        &row("C", "Bonus 1:1", "-"),
    ]);
    let decoded_for_date = decoded(&file, Some("2025-01-03"));
    assert_eq!(decoded_for_date.counts, RowCounts { rows_in: 3, published: 2, quarantined: 0, filtered: 1 });
    assert_eq!(texts(table(&decoded_for_date), "symbol"), ["A", "C"]);
    let ex_dates = table(&decoded_for_date).column_by_name("ex_date").expect("a column");
    assert!(ex_dates.is_null(1) && !ex_dates.is_null(0));
    let of_all_dates = decoded(&file, None);
    assert_eq!(of_all_dates.trade_date, None, "several dates");
    let dates = table(&of_all_dates).column_by_name("trade_date").expect("a column").as_primitive::<Date32Type>();
    let expected: Vec<i32> =
        ["2025-01-03", "2025-01-06", "2025-01-03"].iter().map(|text| date(text).days_since_epoch()).collect();
    assert_eq!(dates.values().to_vec(), expected, "without ex-date: the record date");
}

#[test]
fn a_broken_filing_costs_itself_and_is_named() {
    let good: Vec<String> = (0..400).map(|n| row(&format!("S{n}"), "Bonus 1:1", "03-Jan-2025")).collect();
    let mut rows: Vec<&str> = good.iter().map(String::as_str).collect();
    let broken = [
        (row("", "Bonus 1:1", "03-Jan-2025"), RuleCode::MissingValue),
        (row("ABC", "-", "03-Jan-2025"), RuleCode::MissingValue),
        (row("ABC", "Bonus 1:1", "2025-01-03"), RuleCode::BadDate),
        (row("ABC", "Bonus 1:1", "03-Jan-2025").replace("\"10\"", "\"ten\""), RuleCode::BadNumber),
        ("\"ABC\",\"Too few\"".to_owned(), RuleCode::WrongFieldCount),
        ("\"ABC".to_owned(), RuleCode::BadQuoting),
    ];
    let limits = crate::Limits { max_quarantined_ratio: 0.1, ..crate::Limits::default() };
    for (row, _) in &broken {
        rows.insert(200, row);
    }
    let decoded = decode(&csv(&rows), &Request { limits, ..request(None) }).expect("a good file");
    assert_eq!(decoded.counts, RowCounts { rows_in: 406, published: 400, quarantined: 6, filtered: 0 });
    let lines: Vec<u64> = decoded.quarantined.iter().map(|row| row.line).collect();
    assert_eq!(lines, [202, 203, 204, 205, 206, 207], "header is line 1");
    for (refused, (row, code)) in decoded.quarantined.iter().zip(broken.iter().rev()) {
        assert_eq!((refused.code, &refused.raw), (*code, row));
    }
    assert_eq!(decoded.failures.values().sum::<u64>(), 6);
    assert_eq!(refused(&csv(&rows), None).code, RefusalCode::TooManyBadRows, "six of 406 are above one in a hundred");
}

#[test]
fn a_broken_filing_in_a_list_is_named_by_its_ordinal() {
    let good = filing("ABC", "Bonus 1:1", "03-Jan-2025");
    let file = format!("[{good},\n7,{good},{}]", good.replace("\"EQ\"", "[\"EQ\"]"));
    let decoded = decoded(file.as_bytes(), Some("2025-01-03"));
    assert_eq!(decoded.counts, RowCounts { rows_in: 4, published: 2, quarantined: 2, filtered: 0 });
    let named: Vec<(u64, RuleCode)> = decoded.quarantined.iter().map(|row| (row.line, row.code)).collect();
    assert_eq!(named, [(2, RuleCode::MalformedFiling), (4, RuleCode::MalformedFiling)]);
    assert_eq!(decoded.quarantined[0].raw, "7");
}

#[test]
fn a_file_with_nothing_but_broken_filings_is_refused() {
    let refusal = refused(&csv(&[&row("ABC", "Bonus 1:1", "soon")]), None);
    assert_eq!(refusal.code, RefusalCode::TooManyBadRows);
    assert_eq!(refusal.counts, RowCounts { rows_in: 1, published: 0, quarantined: 1, filtered: 0 });
    assert!(refusal.reason.contains("line 2") && refusal.reason.contains("soon"), "{}", refusal.reason);
}

#[test]
fn a_download_cut_off_in_its_last_line_is_truncated() {
    let whole = csv(&[&row("A", "Bonus 1:1", "03-Jan-2025"), &row("B", "Bonus 1:1", "03-Jan-2025")]);
    let without_end = &whole[..whole.len() - 1];
    assert_eq!(decoded(without_end, None).counts.published, 2, "the site prints no line end behind the last row");
    let refusal = refused(&whole[..whole.len() - 20], None);
    assert_eq!(refusal.code, RefusalCode::Truncated);
    assert_eq!(refusal.counts, RowCounts { rows_in: 1, published: 0, quarantined: 1, filtered: 0 });
}

#[test]
fn the_same_filing_twice_is_kept_twice_under_two_ids() {
    let twice = filing("ABC", "Bonus 1:1", "03-Jan-2025");
    let decoded = decoded(format!("[{twice},{twice}]").as_bytes(), None);
    let ids = texts(table(&decoded), "filing_id");
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| id.len() == 32));
}

#[test]
fn decoding_twice_gives_equal_tables_and_the_order_of_filings_does_not_matter() {
    let filings = ["A", "B", "C"].map(|symbol| filing(symbol, "Interim Dividend - Rs 5 Per Share", "03-Jan-2025"));
    let forwards = decoded(format!("[{}]", filings.join(",")).as_bytes(), None);
    let backwards = decoded(format!("[{},{},{}]", filings[2], filings[1], filings[0]).as_bytes(), None);
    assert_eq!(table(&forwards), table(&decoded(format!("[{}]", filings.join(",")).as_bytes(), None)));
    assert_eq!(texts(table(&forwards), "event_id"), texts(table(&backwards), "event_id"));
}

#[test]
fn a_filing_in_doubt_is_marked_on_each_of_its_legs() {
    let file =
        csv(&[&row("ABC", "Capital Reduction Rs 10 To Rs 3.30 / Consolidation Rs 3.30 To Rs.10", "03-Jan-2025")]);
    let decoded = decoded(&file, None);
    let batch = table(&decoded);
    assert_eq!(texts(batch, "action_type"), ["unquantified", "consolidation"]);
    assert_eq!(texts(batch, "review_reason"), ["unquantified", "unquantified"]);
    let review = batch.column_by_name("needs_review").expect("a column").as_boolean();
    assert!(review.value(0) && review.value(1));
}

#[test]
fn odd_but_harmless_values_are_counted_as_warnings() {
    let odd = filing("ABC", "Bonus 1:1", "03-Jan-2025").replace("\"EQ\"", "\"Q9Q\"").replace("INE144J01027", "DUMMY1");
    let decoded = decoded(format!("[{odd}]").as_bytes(), None);
    assert_eq!(decoded.warnings.get("unknown_series"), Some(&1));
    assert_eq!(decoded.warnings.get("isin_malformed"), Some(&1));
    assert_eq!(texts(table(&decoded), "isin"), ["null"]);
}

#[test]
fn a_look_inside_tells_form_rows_and_the_date_if_it_is_one() {
    let one = inspect(&csv(&[&row("A", "Bonus 1:1", "03-Jan-2025")]), Dataset::CorporateActions).expect("a good file");
    assert_eq!((one.era, one.content_date, one.rows), (Era::ApiCsv, Some(date("2025-01-03")), 1));
    let file = csv(&[&row("A", "Bonus 1:1", "03-Jan-2025"), &row("B", "Bonus 1:1", "06-Jan-2025")]);
    let many = inspect(&file, Dataset::CorporateActions).expect("a good file");
    assert_eq!((many.content_date, many.rows), (None, 2));
    let none = inspect(b"[]", Dataset::CorporateActions).expect("a good file");
    assert_eq!((none.era, none.content_date, none.rows), (Era::ApiJson, None, 0));
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic_or_lose_a_filing(bytes in prop::collection::vec(any::<u8>(), 0..200), form in 0..3) {
        let file = match form {
            0 => bytes,
            1 => [b"[".as_slice(), &bytes, b"]"].concat(),
            _ => [csv(&[]).as_slice(), &bytes].concat(),
        };
        match decode(&file, &request(None)) {
            Ok(decoded) => prop_assert!(decoded.counts.conserved()),
            Err(refusal) => prop_assert!(refusal.counts.conserved()),
        }
    }

    #[test]
    fn the_books_balance_whatever_stands_in_the_fields(
        rows in prop::collection::vec(("[A-Z&-]{0,6}", "[ -~]{0,30}", "(0[1-9]-Jan-2025|-|[0-9a-z-]{0,11})"), 0..20),
        asked in any::<bool>(),
    ) {
        let rows: Vec<String> = rows.iter().map(|(symbol, subject, ex)| row(symbol, &subject.replace('"', ""), ex)).collect();
        let file = csv(&rows.iter().map(String::as_str).collect::<Vec<_>>());
        let counts = match decode(&file, &request(asked.then_some("2025-01-03"))) {
            Ok(decoded) => decoded.counts,
            Err(refusal) => refusal.counts,
        };
        prop_assert!(counts.conserved());
        prop_assert_eq!(counts.rows_in, rows.len() as u64);
    }
}
