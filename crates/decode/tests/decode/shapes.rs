//! Text from outside has a shape: what breaks it is a refused row with a reason a person can read, and nothing of it is
//! published. The shapes are wide enough for every real file.

use std::path::{Path, PathBuf};

use champion_decode::{Decoded, Refusal, RefusedRow, Request, RuleCode, decode, holiday_master};
use champion_market_data::columnar::ColumnKind;
use champion_market_data::plain::is_unseen;
use champion_market_data::{Dataset, Exchange, Table};

use crate::sheet::{Sheet, decode_bytes};

/// Rows of the good file around an attack; four bad rows never refuse a file.
const ROWS: usize = 40;

/// Texts that nobody who reads a table, a message or an export should meet.
fn attacks() -> Vec<String> {
    let mut attacks: Vec<String> = [
        "EVIL\u{1b}[2J\u{1b}]0;owned\u{7}",
        "EV\0IL",
        "EV\u{7f}IL",
        "EV\u{9b}31mIL",
        "=cmd|' /C calc'!A0",
        "+SUM(A1:A9)*cmd",
        "@SUM(1+1)",
        "EVIL\u{202e}LIVE",
        "EV\u{2066}IL\u{2069}",
        "EV\u{200b}IL",
        "EV\u{2028}IL",
        "\u{feff}EVIL",
        "EV\u{e0041}IL",
        "EVI\u{301}L",
        "<script>alert(1)</script>",
    ]
    .map(str::to_owned)
    .to_vec();
    attacks.push("A".repeat(5_000));
    attacks
}

fn readable(text: &str) -> bool {
    !text.chars().any(is_unseen) && text.len() < 1_000
}

/// Where the text of a table's column comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// A column of a bhavcopy or full bhavcopy, by its name in the file.
    Column(fn(usize) -> Sheet, &'static str),
    /// A field of a filing, by its name in the API's JSON.
    Field(&'static str),
    /// Made by the decoder out of closed sets, digits or texts that were checked.
    Made,
}

fn origin(table: Table, column: &'static str) -> Origin {
    use Origin::{Column, Field, Made};
    match (table, column) {
        (_, "event_id" | "source" | "source_sha256" | "exchange" | "warnings" | "filing_id") => Made,
        (_, "leg_text" | "action_type" | "review_reason") => Made,
        (Table::RawEquityOhlc, name) => Column(Sheet::udiff, name),
        (Table::NormalizedEquityOhlc, "symbol") => Column(Sheet::legacy_l1, "SYMBOL"),
        (Table::NormalizedEquityOhlc, "series") => Column(Sheet::legacy_l1, "SERIES"),
        (Table::NormalizedEquityOhlc, "isin") => Column(Sheet::legacy_l2, "ISIN"),
        (Table::NormalizedEquityOhlc, "instrument_name") => Column(Sheet::udiff, "FinInstrmNm"),
        (Table::NormalizedEquityOhlc, "session_id") => Column(Sheet::udiff, "SsnId"),
        (Table::EquityDelivery, "symbol") => Column(Sheet::full, "SYMBOL"),
        (Table::EquityDelivery, "series") => Column(Sheet::full, "SERIES"),
        (Table::CorporateActions, "symbol") => Field("symbol"),
        (Table::CorporateActions, "series") => Field("series"),
        (Table::CorporateActions, "isin") => Field("isin"),
        (Table::CorporateActions, "company") => Field("comp"),
        (Table::CorporateActions, "subject") => Field("subject"),
        (Table::CorporateActions, "broadcast_at") => Field("caBroadcastDate"),
        _ => panic!("{table}.{column} is a text: say here where it comes from, and give its source a shape"),
    }
}

fn filing(field: &str, value: &str) -> serde_json::Value {
    let mut filing = serde_json::json!({"symbol": "SHARE", "series": "EQ", "comp": "A Company", "subject": "Bonus 1:1",
        "faceVal": "10", "exDate": "03-Jan-2025", "recDate": "-", "isin": "INE900A01013", "caBroadcastDate": "-"});
    filing[field] = serde_json::Value::from(value);
    filing
}

fn filings(attacked: serde_json::Value) -> Vec<u8> {
    let mut filings = vec![filing("symbol", "OTHER"); ROWS];
    filings[7] = attacked;
    serde_json::to_vec(&filings).expect("plain data")
}

/// Expects that row 7 is set aside for its text and nothing else is lost.
fn expect_refused(decoded: Result<Decoded, Refusal>, name: &str, value: &str) -> RefusedRow {
    let decoded = decoded.unwrap_or_else(|refusal| panic!("{name}={value:?}: {refusal}"));
    assert_eq!((decoded.counts.published, decoded.counts.quarantined), (ROWS as u64 - 1, 1), "{name}={value:?}");
    decoded.quarantined.into_iter().next().expect("one row")
}

#[test]
fn promise_36_every_text_column_of_every_table_refuses_a_row_whose_text_breaks_its_shape() {
    for (table, column) in Table::ALL.iter().flat_map(|table| table.spec().columns.iter().map(move |c| (*table, c))) {
        if column.kind != ColumnKind::Text {
            continue;
        }
        let origin = origin(table, column.name);
        for value in attacks() {
            let (row, name) = match origin {
                Origin::Made => continue,
                Origin::Column(sheet, name) => {
                    let mut sheet = sheet(ROWS);
                    sheet.set(7, name, &value);
                    let row = expect_refused(sheet.decode(), name, &value);
                    assert!(
                        row.raw.contains(&value[..value.len().min(4_000)]) || value.len() > 4_000,
                        "{name}: {row:?}"
                    );
                    (row, name)
                }
                Origin::Field(name) => {
                    let bytes = filings(filing(name, &value));
                    (expect_refused(decode_bytes(&bytes, Dataset::CorporateActions), name, &value), name)
                }
            };
            // Segment and exchange have to be the file's own: that is looked at first.
            let expected = if ["Sgmt", "Src"].contains(&name) { RuleCode::WrongSegment } else { RuleCode::BadText };
            assert_eq!(row.code, expected, "{table}.{}: {}", column.name, row.reason);
            assert!(
                expected == RuleCode::WrongSegment || row.reason.starts_with(&format!("column {name}: ")),
                "{row:?}"
            );
            assert!(readable(&row.reason), "{:?}", row.reason);
        }
    }
}

#[test]
fn promise_36_a_text_that_is_not_utf8_costs_its_row_in_every_era() {
    for sheet in Sheet::of_each_era(ROWS) {
        let mut bytes = sheet.bytes();
        let at = bytes.windows(10).position(|window| window == b"SHARE00008").expect("the eighth row");
        bytes[at + 2] = 0xff;
        let row = expect_refused(decode_bytes(&bytes, sheet.dataset), "symbol", "\u{fffd}");
        assert_eq!(row.code, RuleCode::NotUtf8);
    }
}

#[test]
fn promise_36_symbols_of_the_attack_cost_their_rows_in_every_era_and_the_messages_show_no_control_character() {
    for sheet in Sheet::of_each_era(ROWS) {
        let symbol = if sheet.header.iter().any(|name| name == "TckrSymb") { "TckrSymb" } else { "SYMBOL" };
        for value in attacks() {
            let mut attacked = sheet.clone();
            attacked.set(7, symbol, &value);
            let row = expect_refused(attacked.decode(), symbol, &value);
            assert_eq!((row.line, row.code), (9, RuleCode::BadText), "{}", row.reason);
        }
        // Where the file is refused as a whole, the message quotes the first row that speaks against it.
        let mut attacked = sheet.clone();
        attacked.set_all(symbol, "E\u{1b}[2JVIL\u{202e}");
        let refusal = attacked.decode().expect_err("every row is bad");
        assert!(readable(&refusal.reason), "{:?}", refusal.reason);
        assert!(refusal.reason.contains("\\u{1b}"), "{refusal}");
    }
}

#[test]
fn promise_36_columns_that_no_table_has_are_listed_without_control_characters() {
    for sheet in Sheet::of_each_era(ROWS) {
        let mut other = sheet.clone();
        other.rows.iter_mut().for_each(|row| row.push("1".to_owned()));
        other.header.push("NEW\u{1b}[2J\u{202e}".to_owned());
        assert_eq!(other.decode().expect("a good file").unknown_columns, [r"NEW\u{1b}[2J\u{202e}"]);
    }
    let mut filing = filing("symbol", "SHARE");
    filing["new\u{1b}"] = serde_json::Value::from(1);
    let decoded = decode_bytes(&filings(filing), Dataset::CorporateActions).expect("a good file");
    assert_eq!(decoded.unknown_columns, [r"new\u{1b}"]);
}

#[test]
fn promise_36_a_holiday_with_control_characters_in_its_name_refuses_the_master() {
    let master = |name: &str| {
        let day = serde_json::json!({"tradingDate": "26-Jan-2027", "description": name});
        serde_json::json!({"CM": [day]}).to_string().into_bytes()
    };
    for name in ["Republic\u{1b}[2J", "=cmd|x", &"A".repeat(5_000)] {
        let refusal = holiday_master(&master(name), 2027).expect_err(name);
        assert!(readable(&refusal.reason), "{:?}", refusal.reason);
    }
    for name in ["Diwali * Laxmi Pujan", "Id-Ul-Fitr (Ramadan Eid)", ""] {
        assert!(holiday_master(&master(name), 2027).is_ok(), "{name}");
    }
}

/// Every file below the folder of the exchange's files and the folder of odd days beside it.
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn real_files() -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/exchange-mirror");
    let folder = std::env::var_os("CHAMPION_EXCHANGE_ARCHIVE").map_or(beside, PathBuf::from);
    let odd_days = folder.with_file_name("exchange-mirror-odd-days");
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = [folder.clone(), odd_days].into_iter().filter(|folder| folder.is_dir()).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(!files.is_empty() || std::env::var_os("CI").is_none(), "the exchange's files are missing");
    if files.is_empty() {
        eprintln!("skipped: no folder {}", folder.display());
    }
    files
}

#[test]
fn promise_36_no_row_of_any_real_file_is_refused_for_its_text() {
    let mut rows = 0;
    let mut decoded_files = 0;
    for file in real_files() {
        let bytes = std::fs::read(&file).expect("a readable file");
        let asked = Dataset::ALL.iter().map(|dataset| (*dataset, Exchange::Nse));
        for (dataset, exchange) in asked.chain([(Dataset::Bhavcopy, Exchange::Bse)]) {
            let refused = match decode(&bytes, &Request::new(dataset, exchange, None)) {
                Ok(decoded) => {
                    decoded_files += 1;
                    rows += decoded.counts.published;
                    decoded.quarantined
                }
                Err(refusal) => refusal.rows,
            };
            let bad: Vec<_> = refused.iter().filter(|row| row.code == RuleCode::BadText).collect();
            assert!(bad.is_empty(), "{}: {bad:#?}", file.display());
        }
    }
    // The three reports in all eras, of both exchanges.
    assert!(decoded_files == 0 || (decoded_files >= 133 && rows >= 344_904), "{decoded_files} files, {rows} rows");
}
