//! Columns reordered, an extra column, CRLF, a byte-order mark, trailing commas: the same tables.

use arrow::array::RecordBatch;
use champion_decode::Decoded;
use champion_market_data::Table;

use crate::sheet::{Sheet, decode_bytes, zip};

/// Returns the tables without the one column that names the bytes themselves.
fn tables(decoded: Decoded) -> Vec<(Table, RecordBatch)> {
    let without_hash = |batch: RecordBatch| {
        let columns: Vec<usize> =
            (0..batch.num_columns()).filter(|index| batch.schema().field(*index).name() != "source_sha256").collect();
        batch.project(&columns).expect("columns of the batch")
    };
    decoded.tables.into_iter().map(|(table, batch)| (table, without_hash(batch))).collect()
}

fn expect_same(what: &str, sheet: &Sheet, bytes: &[u8]) -> Decoded {
    let plain = sheet.decode().expect("the plain file");
    let other = decode_bytes(bytes, sheet.dataset).unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
    assert_eq!(plain.counts.published, sheet.rows.len() as u64);
    assert_eq!(plain.counts, other.counts, "{what}");
    assert_eq!(tables(plain), tables(other.clone()), "{what}");
    other
}

#[test]
fn promise_19_columns_in_any_order_give_the_same_tables() {
    for sheet in Sheet::of_each_era(20) {
        let mut other = sheet.clone();
        other.change_lines(|line| line.reverse());
        expect_same("reversed", &sheet, &other.bytes());
        other.change_lines(|line| line.rotate_left(3));
        expect_same("rotated", &sheet, &other.bytes());
    }
}

#[test]
fn promise_19_an_extra_column_changes_no_table_and_is_named() {
    for sheet in Sheet::of_each_era(20) {
        let mut other = sheet.clone();
        other.rows.iter_mut().for_each(|row| row.insert(2, "flag".to_owned()));
        other.header.insert(2, "ClsgAuctnFlg".to_owned());
        assert_eq!(expect_same("extra column", &sheet, &other.bytes()).unknown_columns, ["ClsgAuctnFlg"]);
    }
}

#[test]
fn promise_19_line_ends_marks_commas_blanks_and_quotes_change_no_table() {
    for sheet in Sheet::of_each_era(20) {
        let text = String::from_utf8(sheet.bytes()).expect("text");
        let with_end = |end: &str| Sheet { line_end: end.to_owned(), ..sheet.clone() }.bytes();
        expect_same("CRLF", &sheet, text.replace('\n', "\r\n").as_bytes());
        expect_same("byte-order mark", &sheet, format!("\u{feff}{text}").as_bytes());
        expect_same("trailing comma", &sheet, &with_end(",\n"));
        expect_same("no trailing comma", &sheet, &with_end("\n"));
        expect_same("blank lines", &sheet, format!("\n{text}\r\n  \n\n").as_bytes());
        expect_same("no last line end", &sheet, text.trim_end().as_bytes());
        expect_same("spaces", &sheet, text.replace(',', " ,\t ").as_bytes());
        let mut quoted = sheet.clone();
        quoted.change_lines(|line| line.iter_mut().for_each(|value| *value = format!("\"{value} \"")));
        expect_same("quotes", &sheet, &quoted.bytes());
        let shouted = Sheet { header: sheet.header.iter().map(|name| name.to_uppercase()).collect(), ..sheet.clone() };
        expect_same("letter case of the header", &sheet, &shouted.bytes());
    }
}

#[test]
fn a_header_with_a_trailing_comma_and_rows_without_one_agree() {
    let sheet = Sheet::legacy_l2(5);
    let text = String::from_utf8(sheet.bytes()).expect("text");
    expect_same("comma in the header only", &sheet, text.replace("013,\n", "013\n").as_bytes());
    expect_same("comma in the rows only", &sheet, text.replace("ISIN,\n", "ISIN\n").as_bytes());
}

#[test]
fn reserved_columns_are_known_with_and_without_a_leading_zero() {
    let sheet = Sheet::udiff(3);
    let text = String::from_utf8(sheet.bytes()).expect("text").replace("Rsvd", "Rsvd0");
    assert!(expect_same("leading zeros", &sheet, text.as_bytes()).unknown_columns.is_empty());
}

#[test]
fn zipped_plain_and_under_a_folder_of_its_own_name_give_the_same_tables() {
    for sheet in Sheet::of_each_era(20) {
        expect_same("zipped", &sheet, &zip(&[("cm.csv", &sheet.bytes())]));
        expect_same("folder", &sheet, &zip(&[("cm13JUL2020bhav.csv/cm13JUL2020bhav.csv", &sheet.bytes())]));
        let marked = [b"\xef\xbb\xbf", &*sheet.bytes()].concat();
        expect_same("zipped with a byte-order mark", &sheet, &zip(&[("CM.CSV", &marked)]));
    }
}

#[test]
fn a_name_with_commas_and_quotes_is_one_value() {
    let mut sheet = Sheet::udiff(3);
    sheet.set(1, "FinInstrmNm", "\"SHARES, \"\"A\"\" AND B\"");
    let decoded = sheet.decode().expect("a good file");
    let names = decoded.tables[0].1.column_by_name("FinInstrmNm").expect("the column");
    assert_eq!(arrow::util::display::array_value_to_string(names, 1).expect("a text"), "SHARES, \"A\" AND B");
}
