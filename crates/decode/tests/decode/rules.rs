//! Rows that bend a rule are kept and flagged, in the counts and in the row's own column.

use arrow::array::{Array, AsArray};
use champion_decode::Decoded;

use crate::sheet::Sheet;

fn flags(decoded: &Decoded) -> Vec<String> {
    let (_, batch) = decoded.tables.last().expect("the normalised table");
    let column = batch.column_by_name("warnings").expect("the column").as_string::<i32>();
    column.iter().map(|text| text.unwrap_or("null").to_owned()).collect()
}

fn expect_flagged(sheet: &mut Sheet, changes: &[(&str, &str)], code: &str) {
    for (column, value) in changes {
        sheet.set(4, column, value);
    }
    let decoded = sheet.decode().unwrap_or_else(|refusal| panic!("{changes:?}: {refusal}"));
    assert_eq!((decoded.counts.published, decoded.counts.quarantined), (10, 0), "{changes:?}");
    assert_eq!(decoded.warnings.iter().map(|(code, rows)| (*code, *rows)).collect::<Vec<_>>(), [(code, 1)]);
    let flags = flags(&decoded);
    assert_eq!(flags[4], code);
    assert!(flags.iter().enumerate().all(|(row, text)| row == 4 || text.is_empty()), "{flags:?}");
}

#[test]
fn a_t0_row_whose_close_is_outside_its_range_is_kept() {
    let t0 = [("SctySrs", "T0"), ("ClsPric", "104.00")];
    expect_flagged(&mut Sheet::udiff(10), &t0, "close_outside_range");
    let t0 = [("SERIES", "T0"), ("CLOSE_PRICE", "99.00")];
    expect_flagged(&mut Sheet::full(10), &t0, "close_outside_range");
}

#[test]
fn a_last_price_of_zero_as_window_lines_print_it_is_kept_as_zero() {
    let mut sheet = Sheet::legacy_l2(10);
    expect_flagged(&mut sheet, &[("SERIES", "IL"), ("LAST", "0.0")], "last_outside_range");
    let decoded = sheet.decode().expect("a good file");
    let last = decoded.tables[1].1.column_by_name("last").expect("the column");
    assert_eq!(arrow::util::display::array_value_to_string(last, 4).expect("a number"), "0.0000");
}

#[test]
fn bent_rules_of_every_kind_are_kept_and_named() {
    expect_flagged(&mut Sheet::udiff(10), &[("SctySrs", "QQQ")], "unknown_series");
    expect_flagged(&mut Sheet::udiff(10), &[("ISIN", "")], "isin_missing");
    expect_flagged(&mut Sheet::legacy_l2(10), &[("ISIN", "-")], "isin_missing");
    expect_flagged(&mut Sheet::legacy_l2(10), &[("ISIN", "DUMMYSHARE5")], "isin_malformed");
    expect_flagged(&mut Sheet::udiff(10), &[("ISIN", "INE900A01014")], "isin_check_digit");
    expect_flagged(&mut Sheet::udiff(10), &[("TtlTrfVal", "102500.02")], "value_outside_range");
    expect_flagged(&mut Sheet::udiff(10), &[("OpnPric", "0"), ("LwPric", "0")], "price_zero");
    expect_flagged(&mut Sheet::full(10), &[("AVG_PRICE", "102.51")], "vwap_outside_range");
    expect_flagged(&mut Sheet::full(10), &[("DELIV_QTY", "1001")], "delivery_exceeds_quantity");
    expect_flagged(&mut Sheet::full(10), &[("TURNOVER_LACS", "1.04")], "value_outside_range");
}

#[test]
fn an_l1_file_has_no_isins_to_miss() {
    let decoded = Sheet::legacy_l1(10).decode().expect("a good file");
    assert!(decoded.warnings.is_empty());
}

#[test]
fn before_2005_a_broken_range_is_flagged_and_in_2005_it_costs_the_row() {
    let mut sheet = Sheet::legacy_l1(10);
    expect_flagged(&mut sheet, &[("OPEN", "103")], "open_outside_range");
    sheet.set_all("TIMESTAMP", "3-JAN-2005");
    assert_eq!(sheet.decode().expect("borne").failures.get("open_outside_range"), Some(&1));
}

#[test]
fn a_text_that_is_no_isin_is_null_in_the_normalised_table_and_kept_in_the_raw_one() {
    let mut sheet = Sheet::legacy_l2(10);
    sheet.set(4, "ISIN", "DUMMYSHARE5");
    let decoded = sheet.decode().expect("a good file");
    let isin = |table: usize, name| decoded.tables[table].1.column_by_name(name).expect("the column").clone();
    assert_eq!(isin(0, "ISIN").as_string::<i32>().value(4), "DUMMYSHARE5");
    assert!(isin(1, "isin").is_null(4) && isin(1, "isin").is_valid(3));
}
