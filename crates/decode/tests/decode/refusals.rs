//! Whole files that are refused: each with its code, a clear message and no row published.

use champion_decode::{Limits, Refusal, RefusalCode, Request, decode, inspect};
use champion_market_data::{Dataset, Era, Exchange};

use crate::sheet::{Sheet, day, decode_bytes, decode_on};

fn expect_refused(bytes: &[u8], dataset: Dataset, code: RefusalCode, words: &[&str]) -> Refusal {
    let refusal = decode_bytes(bytes, dataset).expect_err("refused");
    assert_eq!(refusal.code, code, "{refusal}");
    assert!(words.iter().all(|word| refusal.reason.contains(word)), "{refusal}");
    assert!(refusal.counts.conserved());
    assert_eq!(refusal.counts.published, 0);
    refusal
}

#[test]
fn promise_19_a_renamed_or_missing_required_column_refuses_the_file_by_name() {
    for sheet in Sheet::of_each_era(10) {
        let idle =
            ["XpryDt", "FininstrmActlXpryDt", "StrkPric", "OptnTp", "UndrlygPric", "OpnIntrst", "ChngInOpnIntrst"];
        for (index, name) in sheet.header.iter().enumerate() {
            if idle.contains(&name.as_str()) || name.starts_with("Rsvd") || name == "Rmks" {
                continue;
            }
            let mut renamed = sheet.clone();
            renamed.header[index] = format!("{name}x");
            let mut dropped = sheet.clone();
            dropped.change_lines(|line| {
                line.remove(index);
            });
            for spoilt in [renamed, dropped] {
                expect_refused(&spoilt.bytes(), sheet.dataset, RefusalCode::MissingColumn, &[name]);
            }
        }
    }
}

#[test]
fn an_l2_header_without_its_two_own_columns_is_an_l1_header() {
    let mut sheet = Sheet::legacy_l2(3);
    sheet.change_lines(|line| line.truncate(11));
    assert_eq!(sheet.decode().expect("a good file").era, Era::LegacyL1);
}

#[test]
fn a_column_that_stands_twice_refuses_the_file() {
    let mut sheet = Sheet::udiff(3);
    let column = sheet.column("Rmks");
    sheet.header[column] = "clspric".to_owned();
    expect_refused(&sheet.bytes(), Dataset::Bhavcopy, RefusalCode::WrongFormat, &["ClsPric", "twice"]);
}

#[test]
fn another_days_file_is_stale_and_both_dates_are_named() {
    for sheet in Sheet::of_each_era(30) {
        let refusal = decode_on(&sheet.bytes(), sheet.dataset, "2024-01-26").expect_err("stale");
        assert_eq!(refusal.code, RefusalCode::StaleContent);
        let content = sheet.decode().expect("a good file").trade_date.expect("a date");
        assert!(refusal.reason.contains("2024-01-26") && refusal.reason.contains(&content.to_string()), "{refusal}");
        assert_eq!((refusal.trade_date, refusal.counts.quarantined), (Some(content), 30));
        assert!(refusal.rows.is_empty(), "a stale file has no bad rows");
        assert!(decode_on(&sheet.bytes(), sheet.dataset, &content.to_string()).is_ok());
    }
}

#[test]
fn the_full_file_served_on_republic_day_of_2024_is_stale_with_zero_rows() {
    let mut sheet = Sheet::full(30);
    sheet.set_all("DATE1", "25-Jan-2024");
    let refusal = decode_on(&sheet.bytes(), Dataset::FullBhavcopy, "2024-01-26").expect_err("stale");
    assert_eq!((refusal.code, refusal.counts.published), (RefusalCode::StaleContent, 0));
}

#[test]
fn the_date_of_most_rows_is_the_files_date_also_when_the_first_row_has_another() {
    let mut sheet = Sheet::udiff(30);
    sheet.set(0, "TradDt", "2024-07-05");
    let decoded = sheet.decode().expect("a good file");
    assert_eq!(decoded.trade_date, Some(day("2024-07-08")));
    assert_eq!((decoded.counts.published, decoded.quarantined[0].line), (29, 2));
}

#[test]
fn a_legacy_date_with_a_year_of_two_digits_is_of_this_century() {
    let mut sheet = Sheet::legacy_l2(3);
    sheet.set_all("TIMESTAMP", "13-Jul-20");
    assert_eq!(sheet.decode().expect("a good file").trade_date, Some(day("2020-07-13")));
}

#[test]
fn a_file_re_saved_by_a_spreadsheet_is_called_so() {
    let mut sheet = Sheet::udiff(30);
    sheet.set_all("TradDt", "7/8/2024");
    let refusal =
        expect_refused(&sheet.bytes(), Dataset::Bhavcopy, RefusalCode::WrongFormat, &["7/8/2024", "spreadsheet"]);
    assert_eq!(refusal.counts.quarantined, 30);
    let inspected = inspect(&sheet.bytes(), Dataset::Bhavcopy).expect_err("no date");
    assert_eq!(inspected.code, RefusalCode::WrongFormat);
}

#[test]
fn the_derivatives_file_is_told_from_the_cash_market_file() {
    let mut sheet = Sheet::udiff(30);
    sheet.set_all("Sgmt", "FO").set_all("SctySrs", "").set_all("ISIN", "");
    expect_refused(&sheet.bytes(), Dataset::Bhavcopy, RefusalCode::WrongFormat, &["FO", "CM"]);
    let inspected = inspect(&sheet.bytes(), Dataset::Bhavcopy).expect_err("another report");
    assert!(inspected.reason.contains("FO"), "{inspected}");
}

#[test]
fn the_legacy_file_of_bse_is_not_taken_for_nses() {
    let header =
        "SC_CODE,SC_NAME,SC_GROUP,SC_TYPE,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,NO_TRADES,NO_OF_SHRS,NET_TURNOV\n";
    expect_refused(header.as_bytes(), Dataset::Bhavcopy, RefusalCode::WrongFormat, &["SC_CODE"]);
}

#[test]
fn the_file_of_another_exchange_is_refused() {
    let mut sheet = Sheet::udiff(30);
    sheet.set_all("Src", "BSE").set_all("SctySrs", "A");
    expect_refused(&sheet.bytes(), Dataset::Bhavcopy, RefusalCode::WrongFormat, &["BSE", "NSE"]);
    let bse = decode(&sheet.bytes(), &Request::new(Dataset::Bhavcopy, Exchange::Bse, None)).expect("BSE's own");
    assert_eq!((bse.counts.published, bse.warnings.len()), (30, 0));
    let legacy = Request::new(Dataset::Bhavcopy, Exchange::Bse, None);
    let refusal = decode(&Sheet::legacy_l2(3).bytes(), &legacy).expect_err("NSE's format");
    assert_eq!(refusal.code, RefusalCode::WrongFormat);
}

#[test]
fn one_bhavcopy_given_as_the_other_is_named() {
    let (bhavcopy, full) = (Dataset::Bhavcopy, Dataset::FullBhavcopy);
    expect_refused(&Sheet::full(3).bytes(), bhavcopy, RefusalCode::WrongFormat, &["full_bhavcopy", "bhavcopy"]);
    expect_refused(&Sheet::udiff(3).bytes(), full, RefusalCode::WrongFormat, &["udiff"]);
    expect_refused(&Sheet::legacy_l2(3).bytes(), full, RefusalCode::WrongFormat, &["legacy_l2"]);
    let inspected = inspect(&Sheet::full(3).bytes(), bhavcopy).expect_err("another report");
    assert_eq!(inspected.code, RefusalCode::WrongFormat);
}

#[test]
fn pages_and_blanks_and_binaries_in_place_of_a_file_are_named() {
    let mto = "Record Type,Sr No,Name of Security\n";
    for (bytes, code) in [
        (&b""[..], RefusalCode::Empty),
        (b"\xef\xbb\xbf \r\n\n", RefusalCode::Empty),
        (b"<!DOCTYPE html><html><body>Access Denied</body></html>", RefusalCode::Html),
        (b" \n<html>", RefusalCode::Html),
        (b"<h1>Error</h1>", RefusalCode::Html),
        (b"{\"data\":[]}", RefusalCode::WrongFormat),
        (b"[]", RefusalCode::WrongFormat),
        (b"Error", RefusalCode::WrongFormat),
        (b"\x1f\x8b\x08\0\0\0\0\0", RefusalCode::NotAZip),
        (b"\x7fELF\x02\x01\x01\0\0", RefusalCode::NotAZip),
        (b"\xff\xfeS\0Y\0", RefusalCode::NotUtf8),
        (b"SYMBOL,S\xe9RIES\n", RefusalCode::NotUtf8),
        (mto.as_bytes(), RefusalCode::WrongFormat),
    ] {
        for dataset in [Dataset::Bhavcopy, Dataset::FullBhavcopy] {
            expect_refused(bytes, dataset, code, &[]);
            assert_eq!(inspect(bytes, dataset).expect_err("refused").code, code);
        }
    }
    let page = format!("{mto}    <meta http-equiv=\"Content-Type\" content=\"text/html\" />\n<title>NSE</title>");
    expect_refused(page.as_bytes(), Dataset::Bhavcopy, RefusalCode::Html, &["HTML"]);
}

#[test]
fn a_header_without_rows_is_refused() {
    for sheet in Sheet::of_each_era(0) {
        expect_refused(&sheet.bytes(), sheet.dataset, RefusalCode::NoRows, &[]);
        assert_eq!(inspect(&sheet.bytes(), sheet.dataset).expect_err("refused").code, RefusalCode::NoRows);
    }
}

#[test]
fn a_last_line_cut_off_anywhere_refuses_the_whole_file() {
    for sheet in Sheet::of_each_era(10) {
        let bytes = sheet.bytes();
        let last = bytes.len() - sheet.line(9).len() - sheet.line_end.len();
        // The last value itself may be cut without a trace; every earlier comma tells.
        let comma = bytes.iter().rposition(|byte| *byte == b',').expect("a comma");
        for length in last + 1..=comma {
            expect_refused(&bytes[..length], sheet.dataset, RefusalCode::Truncated, &["line 11", "cut off"]);
        }
    }
}

#[test]
fn a_refused_file_hands_out_its_refused_rows() {
    for sheet in Sheet::of_each_era(20) {
        let mut spoilt = sheet.clone();
        (3..9).for_each(|row| spoilt.rows[row].truncate(5));
        let lines: Vec<u64> = (5..11).collect();
        let expect_rows = |refusal: &Refusal| {
            assert_eq!(refusal.rows.iter().map(|row| row.line).collect::<Vec<_>>(), lines);
            for (row, index) in refusal.rows.iter().zip(3..) {
                assert!(row.raw.starts_with(&spoilt.line(index)) && row.reason.contains("found"), "{row:?}");
            }
        };
        expect_rows(&expect_refused(&spoilt.bytes(), sheet.dataset, RefusalCode::TooManyBadRows, &["6 of 20 rows"]));
        // A file that is cut off as well: its last line is among them.
        let mut cut = spoilt.bytes();
        cut.truncate(cut.len() - spoilt.line(19).len());
        let mut refusal = expect_refused(&cut, sheet.dataset, RefusalCode::Truncated, &["line 21", "cut off"]);
        assert_eq!(refusal.rows.pop().map(|row| row.line), Some(21));
        expect_rows(&refusal);
        assert!(refusal.counts.conserved());
    }
}

#[test]
fn turnover_in_rupees_in_the_column_of_lakhs_refuses_the_file() {
    let mut sheet = Sheet::full(30);
    sheet.set_all("TURNOVER_LACS", "100750.00");
    expect_refused(&sheet.bytes(), Dataset::FullBhavcopy, RefusalCode::TooManyBadRows, &["rupees"]);
}

#[test]
fn more_rows_or_bytes_than_any_day_has_are_refused_before_they_cost_memory() {
    let sheet = Sheet::udiff(50);
    let decode_within =
        |limits| decode(&sheet.bytes(), &Request { limits, ..Request::new(sheet.dataset, Exchange::Nse, None) });
    let few = Limits { max_rows: 40, ..Limits::default() };
    assert_eq!(decode_within(few).expect_err("too many rows").code, RefusalCode::TooLarge);
    let small = Limits { max_member_bytes: 1000, ..Limits::default() };
    assert_eq!(decode_within(small).expect_err("too many bytes").code, RefusalCode::TooLarge);
}

#[test]
fn a_look_into_a_file_names_format_date_and_rows() {
    for sheet in Sheet::of_each_era(12) {
        let decoded = sheet.decode().expect("a good file");
        let inspection = inspect(&sheet.bytes(), sheet.dataset).expect("a good file");
        assert_eq!((inspection.era, inspection.content_date), (decoded.era, decoded.trade_date));
        assert_eq!(inspection.rows, decoded.counts.rows_in);
    }
}
