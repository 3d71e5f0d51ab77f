//! The generated market keeps the promises of real files: formats, arithmetic, agreement between files and days.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use champion_exchange_mirror::GeneratedMarket;
use champion_market_data::number::parse_decimal;
use champion_market_data::{Dataset, TradeDate};

const ARCHIVE: &str = "nsearchives.nseindia.com";

fn date(text: &str) -> TradeDate {
    text.parse().expect("a date")
}

fn bytes(market: &GeneratedMarket, path: &str) -> Option<Vec<u8>> {
    market.file(ARCHIVE, path).expect("memory").map(|served| served.bytes.to_vec())
}

fn udiff_path(day: &str) -> String {
    format!("/content/cm/BhavCopy_NSE_CM_0_0_0_{}_F_0000.csv.zip", day.replace('-', ""))
}

fn full_path(day: &str) -> String {
    Dataset::FullBhavcopy.report(date(day)).path
}

fn unzip(archive: &[u8]) -> (String, String) {
    let mut zip = zip::ZipArchive::new(Cursor::new(archive)).expect("an archive");
    assert_eq!(zip.len(), 1);
    let mut member = zip.by_index(0).expect("a member");
    let mut text = String::new();
    member.read_to_string(&mut text).expect("UTF-8");
    (member.name().expect("a name").into_owned(), text)
}

/// Splits a line at the commas outside quotes.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for char in line.chars() {
        match char {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields.last_mut().expect("one").push(other),
        }
    }
    fields.into_iter().map(|field| field.trim().to_owned()).collect()
}

type Table = HashMap<(String, String), HashMap<String, String>>;

/// Reads a CSV by its header into rows keyed by symbol and series; every line has the header's number of fields.
fn table(text: &str, symbol: &str, series: &str) -> Table {
    let mut lines = text.lines();
    let header = fields(lines.next().expect("a header"));
    let mut table = Table::new();
    for line in lines {
        let values = fields(line);
        assert_eq!(values.len(), header.len(), "{line}");
        let row: HashMap<String, String> = header.iter().cloned().zip(values).collect();
        let former = table.insert((row[symbol].clone(), row[series].clone()), row);
        assert!(former.is_none(), "a key twice: {line}");
    }
    table
}

fn udiff(market: &GeneratedMarket, day: &str) -> Table {
    let (_, text) = unzip(&bytes(market, &udiff_path(day)).expect("a session"));
    table(&text, "TckrSymb", "SctySrs")
}

fn full(market: &GeneratedMarket, day: &str) -> Table {
    let text = String::from_utf8(bytes(market, &full_path(day)).expect("a session")).expect("UTF-8");
    table(&text, "SYMBOL", "SERIES")
}

fn paise(row: &HashMap<String, String>, column: &str) -> i64 {
    parse_decimal(row[column].as_bytes(), 2).unwrap_or_else(|error| panic!("{column} {:?}: {error}", row[column]))
}

fn count(row: &HashMap<String, String>, column: &str) -> i64 {
    row[column].parse().expect("a whole number")
}

#[test]
fn two_markets_of_one_seed_give_the_same_bytes_in_any_order_and_another_seed_does_not() {
    let (one, two) = (GeneratedMarket::new(11, 0), GeneratedMarket::new(11, 1 << 24));
    let paths = [udiff_path("2025-02-24"), full_path("2025-02-24"), Dataset::Bhavcopy.report(date("2003-03-03")).path];
    let forward: Vec<_> = paths.iter().map(|path| bytes(&one, path)).collect();
    let mut backward: Vec<_> = paths.iter().rev().map(|path| bytes(&two, path)).collect();
    backward.reverse();
    assert!(forward == backward && forward.iter().all(Option::is_some));
    assert_eq!(bytes(&two, &paths[0]), forward[0], "and from the cache");
    assert_ne!(bytes(&GeneratedMarket::new(12, 0), &paths[0]), forward[0]);
}

#[test]
fn a_recent_session_has_the_size_and_the_series_of_the_real_market() {
    let table = udiff(&GeneratedMarket::new(1, 0), "2025-06-16");
    let lines = |series: &str| table.keys().filter(|key| key.1 == series).count();
    assert!((2_200..2_400).contains(&lines("EQ")), "{}", lines("EQ"));
    for series in ["BE", "BZ", "SM", "ST", "GB", "GS", "N1", "N2", "T0", "IV", "RR", "TB"] {
        assert!(lines(series) > 0, "{series}");
    }
    assert!((2_900..3_700).contains(&table.len()), "{}", table.len());
}

#[test]
fn every_row_keeps_the_invariants_of_prices_volume_and_turnover() {
    let market = GeneratedMarket::new(2, 0);
    for day in ["2024-01-02", "2024-11-01", "2025-02-01", "2025-06-16"] {
        for (key, row) in udiff(&market, day) {
            let (open, high, low) = (paise(&row, "OpnPric"), paise(&row, "HghPric"), paise(&row, "LwPric"));
            let (quantity, turnover) = (count(&row, "TtlTradgVol"), paise(&row, "TtlTrfVal"));
            assert!(low > 0 && low <= open && open <= high, "{key:?} {row:?}");
            if key.1 != "T0" {
                assert!((low..=high).contains(&paise(&row, "ClsPric")), "{key:?} {row:?}");
                assert!((low..=high).contains(&paise(&row, "LastPric")), "{key:?} {row:?}");
            }
            let within = |price: i64| i128::from(price) * i128::from(quantity);
            assert!(within(low) <= turnover.into() && i128::from(turnover) <= within(high), "{key:?} {row:?}");
            assert!((1..=quantity).contains(&count(&row, "TtlNbOfTxsExctd")), "{key:?} {row:?}");
            assert!(row["ISIN"].is_empty() || row["ISIN"].len() == 12);
            assert_eq!((row["TradDt"].as_str(), row["BizDt"].as_str()), (day, day));
        }
    }
}

#[test]
fn the_bhavcopy_and_the_full_bhavcopy_of_a_day_agree() {
    let market = GeneratedMarket::new(3, 0);
    let (bhavcopy, full) = (udiff(&market, "2025-02-24"), full(&market, "2025-02-24"));
    assert!(full.len() > 2_700 && full.len() < bhavcopy.len());
    for (key, row) in &full {
        let other = &bhavcopy[key];
        for (here, there) in [
            ("CLOSE_PRICE", "ClsPric"),
            ("LAST_PRICE", "LastPric"),
            ("PREV_CLOSE", "PrvsClsgPric"),
            ("HIGH_PRICE", "HghPric"),
            ("TTL_TRD_QNTY", "TtlTradgVol"),
            ("NO_OF_TRADES", "TtlNbOfTxsExctd"),
        ] {
            assert_eq!(row[here], other[there], "{key:?} {here}");
        }
        let lakhs = paise(row, "TURNOVER_LACS") * 100_000;
        assert!((lakhs - paise(other, "TtlTrfVal")).abs() <= 50_000, "{key:?}");
        let average = i128::from(paise(row, "AVG_PRICE")) * i128::from(count(row, "TTL_TRD_QNTY"));
        assert!((average - i128::from(paise(other, "TtlTrfVal"))).abs() <= i128::from(count(row, "TTL_TRD_QNTY")));
        match row["DELIV_QTY"].as_str() {
            "-" => assert!(["BE", "BZ"].contains(&key.1.as_str()) && row["DELIV_PER"] == "-"),
            delivered => {
                assert!(delivered.parse::<i64>().expect("a quantity") <= count(row, "TTL_TRD_QNTY"));
                assert!(paise(row, "DELIV_PER") <= 10_000);
            }
        }
    }
}

#[test]
fn both_forms_of_an_overlap_day_hold_the_same_prices() {
    let market = GeneratedMarket::new(3, 0);
    let (name, text) = unzip(&bytes(&market, &Dataset::Bhavcopy.report(date("2024-07-05")).path).expect("legacy"));
    assert_eq!(name, "cm05JUL2024bhav.csv");
    let (legacy, udiff) = (table(&text, "SYMBOL", "SERIES"), udiff(&market, "2024-07-05"));
    assert_eq!(legacy.len(), udiff.len());
    for (key, row) in &legacy {
        for (here, there) in [("CLOSE", "ClsPric"), ("PREVCLOSE", "PrvsClsgPric"), ("TOTTRDVAL", "TtlTrfVal")] {
            assert_eq!(paise(row, here), paise(&udiff[key], there), "{key:?} {here}");
        }
        assert_eq!(row["ISIN"], udiff[key]["ISIN"]);
    }
}

#[test]
fn the_previous_close_is_the_close_of_the_session_before_on_the_scale_of_that_day() {
    let market = GeneratedMarket::new(4, 0);
    let days = ["2025-02-20", "2025-02-21", "2025-02-24", "2025-02-25", "2025-02-27"];
    let tables: Vec<Table> = days.iter().map(|day| udiff(&market, day)).collect();
    let mut compared = 0;
    for pair in tables.windows(2) {
        for (key, row) in pair[1].iter().filter(|(key, _)| key.1 != "T0") {
            if let Some(before) = pair[0].get(key) {
                assert_eq!(row["PrvsClsgPric"], before["ClsPric"], "{key:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 10_000);
}

#[test]
fn a_split_moves_the_price_and_the_isin_but_not_the_previous_close() {
    let market = GeneratedMarket::new(5, 0);
    let filings: Vec<serde_json::Value> =
        serde_json::from_slice(&market.filings_json(date("2025-01-01"), date("2025-12-31"))).expect("JSON");
    let split = filings
        .iter()
        .find(|filing| {
            let subject = filing["subject"].as_str().expect("text");
            filing["series"] == "EQ" && subject.starts_with("Face Value Split") && subject.contains("10/-")
        })
        .expect("a split in a year");
    let key = (split["symbol"].as_str().expect("text").to_owned(), "EQ".to_owned());
    let day = chrono::NaiveDate::parse_from_str(split["exDate"].as_str().expect("text"), "%d-%b-%Y").expect("a date");
    let ex_date = TradeDate::try_from(day).expect("in range");
    let before = market.sessions().before(ex_date).expect("a session");
    let (after, before) = (&udiff(&market, &ex_date.to_string())[&key], &udiff(&market, &before.to_string())[&key]);
    assert_eq!(after["PrvsClsgPric"], before["ClsPric"], "published raw");
    assert!(paise(after, "ClsPric") * 18 < paise(after, "PrvsClsgPric") * 10, "{split} {after:?}");
    assert_ne!(after["ISIN"], before["ISIN"]);
}

#[test]
fn each_legacy_era_has_its_header_and_its_dates() {
    let market = GeneratedMarket::new(6, 0);
    let text = |day: &str| unzip(&bytes(&market, &Dataset::Bhavcopy.report(date(day)).path).expect("a session")).1;
    let old = text("2009-06-02");
    assert!(old.starts_with("SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,\n"));
    assert!(old.lines().skip(1).all(|line| line.ends_with(",2-JUN-2009,")));
    let new = text("2016-06-02");
    assert!(new.starts_with(
        "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN,\n"
    ));
    assert!(new.lines().skip(1).all(|line| line.contains(",02-JUN-2016,") && line.ends_with(',')));
    assert!(text("2020-07-13").contains(",13-Jul-20,"));
    let first = text("1995-06-01").lines().count();
    assert!((150..700).contains(&first), "{first}");
}

#[test]
fn a_weekday_holiday_serves_the_session_before_and_other_closed_days_nothing() {
    let market = GeneratedMarket::new(7, 0);
    let holiday = String::from_utf8(bytes(&market, &full_path("2024-01-26")).expect("served")).expect("UTF-8");
    assert!(holiday.lines().skip(1).all(|line| line.contains(", 25-Jan-2024, ")));
    assert_eq!(bytes(&market, &full_path("2024-01-26")), bytes(&market, &full_path("2024-01-25")));
    assert!(bytes(&market, &full_path("2024-07-28")).is_some(), "a Sunday that was served");
    for closed in ["2024-01-27", "2024-02-04"] {
        assert_eq!(bytes(&market, &full_path(closed)), None, "{closed}");
    }
    assert_eq!(bytes(&market, &udiff_path("2024-01-26")), None);
    assert_eq!(bytes(&market, &udiff_path("2023-12-29")), None);
    assert!(bytes(&market, &udiff_path("2024-11-01")).is_some(), "Muhurat");
    assert!(bytes(&market, &udiff_path("2025-02-01")).is_some(), "a budget Saturday");
}

#[test]
fn a_window_of_filings_is_the_sum_of_its_days() {
    let market = GeneratedMarket::new(8, 0);
    let list = |from: TradeDate, to: TradeDate| -> Vec<serde_json::Value> {
        serde_json::from_slice(&market.filings_json(from, to)).expect("JSON")
    };
    let (from, to) = (date("2025-08-01"), date("2025-08-31"));
    let whole = list(from, to);
    let days: Vec<_> = from.through(to).flat_map(|day| list(day, day)).collect();
    assert_eq!(whole, days);
    assert!(whole.len() > 100, "{}", whole.len());
}
