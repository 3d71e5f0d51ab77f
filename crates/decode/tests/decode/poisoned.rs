//! k poisoned rows in n: n - k published, k set aside with reason, line and text, and the books balance.

use champion_decode::{RefusalCode, RuleCode};

use crate::sheet::{Sheet, decode_bytes};

/// Rows of the good file around a poisoned one; four bad rows never refuse a file.
const ROWS: usize = 40;

/// Spoils row 7, which stands on line 9, and expects that it is set aside for this reason.
fn expect_set_aside(mut sheet: Sheet, column: &str, value: &str, code: RuleCode, words: &[&str]) {
    sheet.set(7, column, value);
    let decoded = sheet.decode().unwrap_or_else(|refusal| panic!("{column}={value}: {refusal}"));
    assert!(decoded.counts.conserved());
    assert_eq!((decoded.counts.rows_in, decoded.counts.quarantined), (ROWS as u64, 1), "{column}={value}");
    assert!(decoded.tables.iter().all(|(_, batch)| batch.num_rows() == ROWS - 1));
    let row = &decoded.quarantined[0];
    assert_eq!((row.line, row.code), (9, code), "{column}={value}: {}", row.reason);
    assert!(words.iter().all(|word| row.reason.contains(word)), "{column}={value}: {}", row.reason);
    assert!(sheet.bytes().windows(row.raw.len()).any(|window| window == row.raw.as_bytes()));
    assert!(row.raw.starts_with(&sheet.line(7)));
    assert_eq!(decoded.failures.get(code.as_str()), Some(&1));
}

#[test]
fn numbers_that_are_none_cost_the_row_and_name_column_and_value() {
    for (value, code) in [
        ("-101.00", RuleCode::NegativeNumber),
        ("1e2", RuleCode::BadNumber),
        ("+101", RuleCode::BadNumber),
        ("NaN", RuleCode::BadNumber),
        ("inf", RuleCode::BadNumber),
        ("0x65", RuleCode::BadNumber),
        ("101.00.", RuleCode::BadNumber),
        ("101.00001", RuleCode::BadNumber),
        ("99999999999999999999", RuleCode::BadNumber),
        ("1000000000000000", RuleCode::BadNumber),
        ("", RuleCode::MissingValue),
        ("-", RuleCode::MissingValue),
        ("NA", RuleCode::MissingValue),
        ("N.A.", RuleCode::MissingValue),
    ] {
        expect_set_aside(Sheet::udiff(ROWS), "ClsPric", value, code, &["ClsPric", value]);
        expect_set_aside(Sheet::legacy_l2(ROWS), "CLOSE", value, code, &["CLOSE", value]);
        expect_set_aside(Sheet::full(ROWS), "CLOSE_PRICE", value, code, &["CLOSE_PRICE", value]);
    }
    expect_set_aside(Sheet::udiff(ROWS), "TtlTradgVol", "10.5", RuleCode::BadNumber, &["TtlTradgVol", "10.5"]);
    expect_set_aside(Sheet::udiff(ROWS), "TtlTradgVol", "-10", RuleCode::NegativeNumber, &["negative"]);
    expect_set_aside(Sheet::full(ROWS), "TURNOVER_LACS", "9999999999999.99", RuleCode::BadNumber, &["TURNOVER_LACS"]);
}

#[test]
fn broken_price_relations_cost_the_row() {
    let low = ["102.60", "102.50"];
    expect_set_aside(Sheet::udiff(ROWS), "LwPric", "102.60", RuleCode::HighBelowLow, &low);
    expect_set_aside(Sheet::legacy_l2(ROWS), "LOW", "102.60", RuleCode::HighBelowLow, &low);
    expect_set_aside(Sheet::full(ROWS), "LOW_PRICE", "102.60", RuleCode::HighBelowLow, &low);
    expect_set_aside(Sheet::udiff(ROWS), "OpnPric", "99.49", RuleCode::OpenOutsideRange, &["99.49", "99.50"]);
    let trades = RuleCode::TradesExceedQuantity;
    expect_set_aside(Sheet::udiff(ROWS), "TtlNbOfTxsExctd", "1001", trades, &["1001", "1000"]);
}

#[test]
fn rows_of_another_day_or_segment_cost_the_row_and_not_the_file() {
    let (bad_date, mismatch, segment) = (RuleCode::BadDate, RuleCode::DateMismatch, RuleCode::WrongSegment);
    expect_set_aside(Sheet::udiff(ROWS), "TradDt", "2024-07-05", mismatch, &["2024-07-05", "2024-07-08"]);
    expect_set_aside(Sheet::full(ROWS), "DATE1", "05-Jul-2024", mismatch, &["2024-07-05"]);
    expect_set_aside(Sheet::udiff(ROWS), "TradDt", "08-07-2024", bad_date, &["TradDt", "08-07-2024", "YYYY-MM-DD"]);
    expect_set_aside(Sheet::udiff(ROWS), "TradDt", "7/8/2024", bad_date, &["spreadsheet"]);
    expect_set_aside(Sheet::udiff(ROWS), "Sgmt", "FO", segment, &["FO", "CM"]);
    expect_set_aside(Sheet::udiff(ROWS), "Src", "BSE", segment, &["BSE", "NSE"]);
}

#[test]
fn the_second_row_of_a_key_is_set_aside_and_the_first_kept() {
    for mut sheet in Sheet::of_each_era(ROWS) {
        sheet.rows[30] = sheet.rows[4].clone();
        sheet.rows[31] = sheet.rows[4].clone();
        let decoded = sheet.decode().expect("a good file");
        let lines: Vec<(u64, RuleCode)> = decoded.quarantined.iter().map(|row| (row.line, row.code)).collect();
        assert_eq!(lines, [(32, RuleCode::DuplicateKey), (33, RuleCode::DuplicateKey)]);
        assert!(decoded.quarantined[0].reason.contains("SHARE00005"));
        assert_eq!(decoded.counts.published, ROWS as u64 - 2);
    }
}

#[test]
fn one_symbol_in_two_series_is_two_rows() {
    let mut sheet = Sheet::udiff(ROWS);
    sheet.set(1, "TckrSymb", "SHARE00001").set(1, "SctySrs", "T0");
    assert_eq!(sheet.decode().expect("a good file").counts.published, ROWS as u64);
}

#[test]
fn a_row_with_too_many_or_too_few_fields_is_named_by_line_and_count() {
    for sheet in Sheet::of_each_era(ROWS) {
        let expected = sheet.header.len();
        let mut short = sheet.clone();
        short.rows[7].pop();
        let mut long = sheet.clone();
        long.rows[7].extend(["1".to_owned(), "2".to_owned()]);
        for (spoilt, found) in [(short, expected - 1), (long, expected + 2)] {
            let decoded = spoilt.decode().expect("a good file");
            let row = &decoded.quarantined[0];
            assert_eq!(row.code, RuleCode::WrongFieldCount);
            assert_eq!(row.to_string(), format!("line 9: expected {expected} columns, found {found}"));
        }
    }
}

#[test]
fn a_poisoned_quote_or_byte_costs_its_own_line_only() {
    for (old, new, code) in [
        (&b"SHARE NUMBER 8,"[..], &b"\"SHARE NUMBER 8,"[..], RuleCode::BadQuoting),
        (b"SHARE NUMBER 8,", b"\"SHARE\" NUMBER 8,", RuleCode::BadQuoting),
        (b"SHARE NUMBER 8,", b"SHARE NUMBER \xff,", RuleCode::NotUtf8),
        (b"SHARE NUMBER 8,", b"SHARE NUMBER 8,\0,", RuleCode::WrongFieldCount),
    ] {
        let bytes = Sheet::udiff(ROWS).bytes();
        let position = bytes.windows(old.len()).position(|window| window == old).expect("the text");
        let spoilt = [&bytes[..position], new, &bytes[position + old.len()..]].concat();
        let decoded = decode_bytes(&spoilt, champion_market_data::Dataset::Bhavcopy).expect("a good file");
        assert_eq!(decoded.counts.published, ROWS as u64 - 1);
        assert_eq!((decoded.quarantined[0].line, decoded.quarantined[0].code), (9, code));
    }
}

#[test]
fn promise_20_four_bad_rows_are_borne_and_five_above_one_in_a_hundred_refuse_the_file() {
    let spoilt = |rows: usize, bad: usize| {
        let mut sheet = Sheet::udiff(rows);
        (0..bad).for_each(|row| {
            sheet.set(row, "ClsPric", "1e2");
        });
        sheet.decode()
    };
    assert_eq!(spoilt(100, 4).expect("borne").counts.quarantined, 4);
    assert_eq!(spoilt(500, 5).expect("one in a hundred").counts.quarantined, 5);
    let refusal = spoilt(499, 5).expect_err("more than one in a hundred");
    assert_eq!(refusal.code, RefusalCode::TooManyBadRows);
    assert_eq!((refusal.counts.rows_in, refusal.counts.published, refusal.counts.quarantined), (499, 0, 499));
    assert_eq!(refusal.rows.len(), 5);
    assert!(refusal.reason.contains("5 of 499 rows") && refusal.reason.contains("ClsPric"), "{refusal}");
    assert_eq!(spoilt(2, 2).expect_err("no row is left").code, RefusalCode::TooManyBadRows);
}
