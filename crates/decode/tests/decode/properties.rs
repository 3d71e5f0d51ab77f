//! Properties of whole files: conservation, order independence, idempotence, and tables that survive being stored.

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use champion_decode::{Decoded, Request, RuleCode, decode};
use champion_market_data::{Dataset, Exchange, RowCounts, Table};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use crate::sheet::{Sheet, decode_bytes};

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Good,
    Poisoned(usize),
    Filtered,
}

/// So many rows, of which at most four are poisoned: four bad rows never refuse a file.
fn fates(filtered: bool) -> impl Strategy<Value = Vec<Fate>> {
    let row = prop_oneof![6 => Just(Fate::Good), 2 => Just(if filtered { Fate::Filtered } else { Fate::Good })];
    let poison = prop::collection::vec((any::<prop::sample::Index>(), 0_usize..5), 0..5);
    (prop::collection::vec(row, 6..60), poison).prop_map(|(mut rows, poison)| {
        // The first row stays good, so that something is left.
        for (index, kind) in poison {
            let at = 1 + index.index(rows.len() - 1);
            rows[at] = Fate::Poisoned(kind);
        }
        rows
    })
}

/// Spoils a row of a sheet in one of five ways; returns the rule it breaks.
fn poison(sheet: &mut Sheet, row: usize, kind: usize) -> RuleCode {
    let one_of = |names: [&'static str; 3]| {
        names.into_iter().find(|name| sheet.header.iter().any(|column| column == name)).expect("a column of the era")
    };
    let close = one_of(["ClsPric", "CLOSE", "CLOSE_PRICE"]);
    let volume = one_of(["TtlTradgVol", "TOTTRDQTY", "TTL_TRD_QNTY"]);
    match kind {
        0 => drop(sheet.set(row, close, "1e2")),
        1 => drop(sheet.set(row, volume, "-1")),
        2 => drop(sheet.set(row, close, "")),
        3 => sheet.rows[row].extend(["1".to_owned(), "2".to_owned()]),
        _ => drop(sheet.set(row, volume, "\"1000")),
    }
    [
        RuleCode::BadNumber,
        RuleCode::NegativeNumber,
        RuleCode::MissingValue,
        RuleCode::WrongFieldCount,
        RuleCode::BadQuoting,
    ][kind]
}

fn expect_books(decoded: &Decoded, rows: usize, poisoned: usize, filtered: usize) -> Result<(), TestCaseError> {
    let expected = RowCounts {
        rows_in: rows as u64,
        published: (rows - poisoned - filtered) as u64,
        quarantined: poisoned as u64,
        filtered: filtered as u64,
    };
    prop_assert_eq!(decoded.counts, expected);
    prop_assert!(decoded.counts.conserved());
    prop_assert_eq!(decoded.quarantined.len(), poisoned);
    prop_assert_eq!(decoded.failures.values().sum::<u64>(), poisoned as u64);
    Ok(())
}

const FILING_DATE: &str = "2025-01-03";

/// A filing and, where it is poisoned, the rule it breaks.
fn filing(number: usize, fate: Fate, json: bool) -> (String, Option<RuleCode>) {
    let ex_date = if fate == Fate::Filtered { "06-Jan-2025" } else { "03-Jan-2025" };
    let (symbol, ex_date, code) = match fate {
        Fate::Poisoned(kind) if kind % 2 == 0 => (format!("SHARE{number}"), "33-Jan-2025", Some(RuleCode::BadDate)),
        Fate::Poisoned(_) => (String::new(), ex_date, Some(RuleCode::MissingValue)),
        Fate::Good | Fate::Filtered => (format!("SHARE{number}"), ex_date, None),
    };
    let text = if json {
        format!(
            r#"{{"symbol":"{symbol}","series":"EQ","ind":"-","faceVal":"10","subject":"Dividend - Rs {number} Per Share","exDate":"{ex_date}","recDate":"-","comp":"A Company"}}"#
        )
    } else {
        format!(
            r#""{symbol}","A Company","EQ","Dividend - Rs {number} Per Share","10","{ex_date}","{ex_date}","-","-""#
        )
    };
    (text, code)
}

fn filings(texts: &[String], json: bool) -> Vec<u8> {
    let header = "\"SYMBOL\",\"COMPANY NAME\",\"SERIES\",\"PURPOSE\",\"FACE VALUE\",\"EX-DATE\",\"RECORD DATE\",\
                  \"BOOK CLOSURE START DATE\",\"BOOK CLOSURE END DATE\"";
    let text = if json { format!("[{}]", texts.join(",")) } else { format!("{header}\n{}\n", texts.join("\n")) };
    text.into_bytes()
}

fn decode_filings(bytes: &[u8]) -> Decoded {
    let date = FILING_DATE.parse().expect("a date");
    decode(bytes, &Request::new(Dataset::CorporateActions, Exchange::Nse, Some(date))).expect("a good file")
}

/// The table without the one column that names the bytes themselves.
fn without_hash(batch: &RecordBatch) -> RecordBatch {
    let columns: Vec<usize> =
        (0..batch.num_columns()).filter(|index| batch.schema().field(*index).name() != "source_sha256").collect();
    batch.project(&columns).expect("columns of the batch")
}

fn principal(decoded: &Decoded, dataset: Dataset) -> RecordBatch {
    let table = dataset.principal_table();
    without_hash(&decoded.tables.iter().find(|(name, _)| *name == table).expect("the table").1)
}

fn as_ipc(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).expect("a writer");
    writer.write(batch).expect("bytes in memory");
    writer.into_inner().expect("the end is written")
}

fn expect_stored_and_read_alike(tables: &[(Table, RecordBatch)]) -> Result<(), TestCaseError> {
    for (table, batch) in tables {
        let ipc = FileReader::try_new(Cursor::new(as_ipc(batch)), None).expect("an Arrow file");
        let read: Vec<RecordBatch> = ipc.map(|batch| batch.expect("a batch")).collect();
        prop_assert_eq!(&concat_batches(&table.schema(), &read).expect("one schema"), batch, "Arrow, {}", table);
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("a writer");
        writer.write(batch).expect("bytes in memory");
        writer.close().expect("the end is written");
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).expect("a Parquet file");
        let read: Vec<RecordBatch> = reader.build().expect("a reader").map(|batch| batch.expect("a batch")).collect();
        prop_assert_eq!(&concat_batches(&table.schema(), &read).expect("one schema"), batch, "Parquet, {}", table);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn promise_20_k_poisoned_rows_in_n_are_quarantined_with_reason_line_and_text(era in 0_usize..4, fates in fates(false)) {
        let mut sheet = Sheet::of_each_era(fates.len())[era].clone();
        let mut expected = Vec::new();
        for (row, fate) in fates.iter().enumerate() {
            if let Fate::Poisoned(kind) = fate {
                expected.push((row, poison(&mut sheet, row, *kind)));
            }
        }
        let decoded = sheet.decode().expect("four bad rows are borne");
        expect_books(&decoded, fates.len(), expected.len(), 0)?;
        prop_assert!(decoded.tables.iter().all(|(_, batch)| batch.num_rows() == fates.len() - expected.len()));
        for (refused, (row, code)) in decoded.quarantined.iter().zip(expected) {
            prop_assert_eq!((refused.line, refused.code), (row as u64 + 2, code), "{}", refused.reason);
            prop_assert_eq!(&refused.raw, &(sheet.line(row) + sheet.line_end.trim_end()));
            prop_assert!(!refused.reason.is_empty());
        }
    }

    #[test]
    fn promise_20_filings_are_published_quarantined_or_filtered_and_none_is_lost(fates in fates(true), json: bool) {
        let rows: Vec<(String, Option<RuleCode>)> =
            fates.iter().enumerate().map(|(number, fate)| filing(number + 1, *fate, json)).collect();
        let texts: Vec<String> = rows.iter().map(|(text, _)| text.clone()).collect();
        let decoded = decode_filings(&filings(&texts, json));
        let filtered = fates.iter().filter(|fate| **fate == Fate::Filtered).count();
        let poisoned: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].1.is_some()).collect();
        expect_books(&decoded, rows.len(), poisoned.len(), filtered)?;
        for (refused, row) in decoded.quarantined.iter().zip(poisoned) {
            let line = row as u64 + if json { 1 } else { 2 };
            prop_assert_eq!((refused.line, Some(refused.code)), (line, rows[row].1), "{}", refused.reason);
            prop_assert_eq!(&refused.raw, &rows[row].0);
        }
    }

    #[test]
    fn rows_in_any_order_give_the_same_table(era in 0_usize..4, order in Just((0..40_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let sheet = Sheet::of_each_era(order.len())[era].clone();
        let mut shuffled = sheet.clone();
        shuffled.rows = order.iter().map(|row| sheet.rows[*row].clone()).collect();
        let (plain, other) = (sheet.decode().expect("a good file"), shuffled.decode().expect("a good file"));
        prop_assert_eq!(plain.counts, other.counts);
        prop_assert_eq!(principal(&plain, sheet.dataset), principal(&other, sheet.dataset));
    }

    #[test]
    fn filings_in_any_order_give_the_same_table(order in Just((1..20_usize).collect::<Vec<_>>()).prop_shuffle(), json: bool) {
        let table = |numbers: &[usize]| {
            let texts: Vec<String> = numbers.iter().map(|number| filing(*number, Fate::Good, json).0).collect();
            principal(&decode_filings(&filings(&texts, json)), Dataset::CorporateActions)
        };
        prop_assert_eq!(table(&(1..20).collect::<Vec<_>>()), table(&order));
    }

    #[test]
    fn promise_19_columns_in_any_order_with_extra_ones_give_the_same_table(
        era in 0_usize..4,
        order in Just((0..36_usize).collect::<Vec<_>>()).prop_shuffle(),
        extra in 0_usize..3,
    ) {
        let sheet = Sheet::of_each_era(10)[era].clone();
        let mut other = sheet.clone();
        for number in 0..extra {
            other.header.push(format!("NewColumn{number}"));
            other.rows.iter_mut().for_each(|row| row.push("\"a, b\"".to_owned()));
        }
        let order: Vec<usize> = order.into_iter().filter(|column| *column < other.header.len()).collect();
        other.change_lines(|line| *line = order.iter().map(|column| line[*column].clone()).collect());
        let (plain, decoded) = (sheet.decode().expect("a good file"), other.decode().expect("a good file"));
        prop_assert_eq!(principal(&plain, sheet.dataset), principal(&decoded, sheet.dataset));
        prop_assert_eq!(decoded.unknown_columns.len(), extra);
    }

    #[test]
    fn decoding_twice_is_byte_identical_and_tables_survive_being_stored(
        era in 0_usize..4,
        rows in 1_usize..40,
        prices in prop::collection::vec((1_i64..99_999_999, 0_i64..99_999_999), 1..40),
    ) {
        let mut sheet = Sheet::of_each_era(rows)[era].clone();
        let close = sheet.header.iter().find(|name| ["ClsPric", "CLOSE", "CLOSE_PRICE"].contains(&name.as_str())).cloned();
        for (row, (whole, places)) in prices.iter().take(rows).enumerate() {
            let price = champion_market_data::number::format_decimal(i128::from(whole * 10_000 + places % 10_000), 4);
            sheet.set(row, close.as_deref().expect("a column of the era"), &price);
        }
        let bytes = sheet.bytes();
        let (Ok(first), Ok(second)) = (decode_bytes(&bytes, sheet.dataset), decode_bytes(&bytes, sheet.dataset)) else {
            return Err(TestCaseError::fail("a close may be outside low..high"));
        };
        prop_assert_eq!(&first.tables, &second.tables);
        for ((_, first), (_, second)) in first.tables.iter().zip(&second.tables) {
            prop_assert_eq!(as_ipc(first), as_ipc(second));
        }
        expect_stored_and_read_alike(&first.tables)?;
    }

    #[test]
    fn a_table_of_filings_survives_being_stored(count in 0_usize..20, json: bool) {
        let texts: Vec<String> = (1..=count).map(|number| filing(number, Fate::Good, json).0).collect();
        if json || count > 0 {
            expect_stored_and_read_alike(&decode_filings(&filings(&texts, json)).tables)?;
        }
    }
}
