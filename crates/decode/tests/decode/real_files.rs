//! The exchange's own files. They are not part of the repository: the folder is named by `CHAMPION_EXCHANGE_ARCHIVE`,
//! by default `../shared/exchange-mirror` beside the workspace.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int64Type};
use champion_decode::{Decoded, RefusalCode, inspect};
use champion_market_data::{Dataset, Era, Table};

use crate::sheet::{decode_bytes, decode_on};

const ARCHIVE_HOST: &str = "nsearchives.nseindia.com";

/// Returns the folder with the files; without it a test is skipped, on CI it fails.
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn archive() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/exchange-mirror");
    let folder = std::env::var_os("CHAMPION_EXCHANGE_ARCHIVE").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "the exchange's files are missing: no folder {}", folder.display());
    eprintln!("skipped: no folder {}", folder.display());
    None
}

fn read(archive: &Path, path: &str) -> Vec<u8> {
    std::fs::read(archive.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn full_files(archive: &Path) -> Vec<PathBuf> {
    let folder = archive.join(ARCHIVE_HOST).join("products/content");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    archive.by_index(0).expect("a member").read_to_end(&mut text).expect("a whole member");
    text
}

/// Sums a column of a CSV text in hundredths, by plain text: no code of the crate takes part.
fn sum_in_hundredths(text: &[u8], column: &str) -> i128 {
    let text = std::str::from_utf8(text).expect("text");
    let mut lines = text.lines();
    let header = lines.next().expect("a header").split(',').position(|name| name.trim() == column);
    let index = header.unwrap_or_else(|| panic!("no column {column}"));
    let hundredths = |line: &str| {
        let value = line.split(',').nth(index).expect("a value").trim();
        let (whole, places) = value.split_once('.').unwrap_or((value, ""));
        format!("{whole}{places:0<2}").parse::<i128>().unwrap_or_else(|error| panic!("{value}: {error}"))
    };
    lines.filter(|line| !line.trim().is_empty()).map(hundredths).sum()
}

fn sum(batch: &RecordBatch, column: &str) -> i128 {
    let values = batch.column_by_name(column).expect("the column").as_primitive::<Decimal128Type>();
    assert_eq!(values.null_count(), 0);
    values.values().iter().sum()
}

fn table(decoded: &Decoded, table: Table) -> &RecordBatch {
    &decoded.tables.iter().find(|(name, _)| *name == table).expect("the table").1
}

#[test]
fn all_101_full_files_decode_without_losing_a_row() {
    let Some(archive) = archive() else { return };
    let files = full_files(&archive);
    assert_eq!(files.len(), 101);
    let mut warnings = BTreeMap::new();
    let mut rows = 0;
    for file in files {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name");
        let bytes = std::fs::read(&file).expect("a file");
        let digits = name.rsplit('_').next().expect("a date");
        let date = format!("{}-{}-{}", &digits[4..], &digits[2..4], &digits[..2]);
        let decoded = decode_on(&bytes, Dataset::FullBhavcopy, &date).unwrap_or_else(|e| panic!("{name}: {e}"));
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!((decoded.counts.rows_in, decoded.counts.published), (lines - 1, lines - 1), "{name}");
        let batch = table(&decoded, Table::EquityDelivery);
        assert_eq!(sum(batch, "turnover_lacs"), sum_in_hundredths(&bytes, "TURNOVER_LACS"), "{name}");
        assert_eq!(sum(batch, "turnover"), sum_in_hundredths(&bytes, "TURNOVER_LACS") * 100_000, "{name}");
        let text = String::from_utf8(bytes.clone()).expect("text");
        let dashes = text.lines().filter(|line| line.trim_end().ends_with(" -, -")).count();
        let delivery = batch.column_by_name("delivery_qty").expect("the column");
        assert_eq!(delivery.null_count(), dashes, "{name}");
        let inspection = inspect(&bytes, Dataset::FullBhavcopy).expect("a good file");
        assert_eq!((inspection.content_date, inspection.rows), (decoded.trade_date, lines - 1));
        rows += decoded.counts.published;
        for (code, count) in decoded.warnings {
            *warnings.entry(code).or_insert(0) += count;
        }
    }
    assert_eq!(rows, 284_566);
    // The 22 T0 lines whose close is the share's and not within the few trades of the line.
    assert_eq!(warnings, BTreeMap::from([("close_outside_range", 22)]));
}

#[test]
fn every_bhavcopy_decodes_without_losing_a_row_and_to_the_paisa() {
    let Some(archive) = archive() else { return };
    for (path, date, era, rows) in [
        ("content/historical/EQUITIES/2016/JAN/cm01JAN2016bhav.csv.zip", "2016-01-01", Era::LegacyL2, 1607),
        ("content/historical/EQUITIES/2021/APR/cm01APR2021bhav.csv.zip", "2021-04-01", Era::LegacyL2, 2012),
        ("content/historical/EQUITIES/2024/JUL/cm05JUL2024bhav.csv.zip", "2024-07-05", Era::LegacyL2, 2775),
        ("content/cm/BhavCopy_NSE_CM_0_0_0_20250224_F_0000.csv.zip", "2025-02-24", Era::Udiff, 2982),
        ("content/cm/BhavCopy_NSE_CM_0_0_0_20251031_F_0000.csv.zip", "2025-10-31", Era::Udiff, 3189),
    ] {
        let bytes = read(&archive, &format!("{ARCHIVE_HOST}/{path}"));
        let decoded = decode_on(&bytes, Dataset::Bhavcopy, date).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!((decoded.era, decoded.counts.rows_in, decoded.counts.published), (era, rows, rows), "{path}");
        let column = if era == Era::Udiff { "TtlTrfVal" } else { "TOTTRDVAL" };
        let expected = sum_in_hundredths(&inflated(&bytes), column);
        assert_eq!(sum(table(&decoded, Table::RawEquityOhlc), "TtlTrfVal"), expected, "{path}");
        assert_eq!(sum(table(&decoded, Table::NormalizedEquityOhlc), "turnover"), expected, "{path}");
        assert!(!decoded.warnings.contains_key("isin_check_digit"), "real ISINs have right check digits");
        assert!(!decoded.warnings.contains_key("value_outside_range"), "real turnover lies within its range");
    }
}

/// Symbol and series.
type Key = (String, String);
/// Close, last, volume and trades.
type Facts = (i128, Option<i128>, i64, i64);

fn prices(batch: &RecordBatch) -> BTreeMap<Key, Facts> {
    let text = |name: &str| batch.column_by_name(name).expect("the column").as_string::<i32>();
    let price = |name: &str| batch.column_by_name(name).expect("the column").as_primitive::<Decimal128Type>();
    let count = |name: &str| batch.column_by_name(name).expect("the column").as_primitive::<Int64Type>();
    (0..batch.num_rows())
        .map(|row| {
            let last = price("last").is_valid(row).then(|| price("last").value(row));
            let key = (text("symbol").value(row).to_owned(), text("series").value(row).to_owned());
            (key, (price("close").value(row), last, count("volume").value(row), count("trades").value(row)))
        })
        .collect()
}

#[test]
fn on_2025_02_24_both_bhavcopies_agree_on_2832_keys() {
    let Some(archive) = archive() else { return };
    let udiff = read(&archive, &format!("{ARCHIVE_HOST}/content/cm/BhavCopy_NSE_CM_0_0_0_20250224_F_0000.csv.zip"));
    let full = read(&archive, &format!("{ARCHIVE_HOST}/products/content/sec_bhavdata_full_24022025.csv"));
    let udiff = decode_on(&udiff, Dataset::Bhavcopy, "2025-02-24").expect("a good file");
    let full = decode_on(&full, Dataset::FullBhavcopy, "2025-02-24").expect("a good file");
    let left = prices(table(&udiff, Table::NormalizedEquityOhlc));
    let right = prices(table(&full, Table::EquityDelivery));
    let common: Vec<_> = left.keys().filter(|key| right.contains_key(*key)).collect();
    assert_eq!(common.len(), 2832);
    for key in common {
        assert_eq!(left[key], right[key], "{key:?}");
    }
}

#[test]
fn a_bhavcopy_asked_for_as_another_days_is_stale() {
    let Some(archive) = archive() else { return };
    let bytes = read(&archive, &format!("{ARCHIVE_HOST}/products/content/sec_bhavdata_full_24022025.csv"));
    let refusal = decode_on(&bytes, Dataset::FullBhavcopy, "2025-02-26").expect_err("stale");
    assert_eq!(refusal.code, RefusalCode::StaleContent);
}

#[test]
fn copies_re_saved_by_a_spreadsheet_are_told_apart() {
    let Some(archive) = archive() else { return };
    for name in ["cm13JUL2020bhav.csv", "cm13JUL2020bhav.csv.zip"] {
        let decoded = decode_on(&read(&archive, &format!("resaved/{name}")), Dataset::Bhavcopy, "2020-07-13");
        assert_eq!(decoded.expect("two-digit years are known").counts.published, 2001, "{name}");
    }
    let path = "resaved/BhavCopy_NSE_CM_0_0_0_20251103_F_0000.excel-resaved.csv";
    let refusal = decode_bytes(&read(&archive, path), Dataset::Bhavcopy).expect_err("its dates are spoilt");
    assert_eq!((refusal.code, refusal.counts.rows_in), (RefusalCode::WrongFormat, 3216));
    assert!(refusal.reason.contains("spreadsheet"), "{refusal}");
}

#[test]
fn what_came_in_place_of_a_file_is_refused_by_what_it_is() {
    let Some(archive) = archive() else { return };
    let other = RefusalCode::WrongFormat;
    for (path, code) in [
        ("bad/20200104.csv", RefusalCode::Html),
        ("bad/20200105.csv", RefusalCode::Html),
        ("bad/EQ180823_CSV.ZIP", RefusalCode::Html),
        ("bad/mto_empty_20181117.csv", other),
        ("nsearchives.nseindia.com/content/fo/BhavCopy_NSE_FO_0_0_0_20250203_F_0000.csv.zip", other),
        ("nsearchives.nseindia.com/content/equities/EQUITY_L.csv", other),
        ("nsearchives.nseindia.com/archives/equities/mto/MTO_15112018.DAT", other),
        ("nsearchives.nseindia.com/archives/equities/bhavcopy/pr/PR011220.zip", RefusalCode::BadArchive),
        ("www.bseindia.com/download/BhavCopy/Equity/EQ030521_CSV.ZIP", other),
        ("www.bseindia.com/download/BhavCopy/Equity/EQ_ISINCODE_030521.zip", other),
        ("www.nseindia.com/samples/CF-CA-equities.csv", other),
        ("www.nseindia.com/samples/nse_actions_2022-09-03_ae5d08.json", other),
    ] {
        let bytes = read(&archive, path);
        for dataset in [Dataset::Bhavcopy, Dataset::FullBhavcopy] {
            let refusal = decode_bytes(&bytes, dataset).expect_err(path);
            assert_eq!(refusal.code, code, "{path}: {refusal}");
            assert!(refusal.counts.conserved() && refusal.counts.published == 0);
        }
    }
}
